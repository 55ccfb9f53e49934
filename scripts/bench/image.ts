/**
 * What a baked image saves: a sandbox made on the plain image, made from a baked one, and recreated from it, measured in
 * one run on one machine, so that the ratios say something where the seconds do not. Each is the whole command, from its
 * first call to a gateway that is ready. `--json` prints one document.
 */
import { existsSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { table } from "../../lib/output";
import { dropletPaths } from "../../localcloud/droplets";
import { bringUp } from "../../localcloud/embedded-cloud";
import type { ProjectCopy } from "../../tests/support/project-copy";
import { sum, timed, type Timing } from "./floors";
import { inLab, runBench } from "./lab";

interface Measured extends Timing {
  /** What the droplet computed until then, which hardly depends on how busy the machine is. */
  cpuSeconds?: number;
}

/** Counted by the kernel for the droplet's group, from its power on. */
function cpuSeconds({ lab, dropletId }: ProjectCopy): number {
  const groups = readFileSync(dropletPaths(lab, dropletId).cgroups, "utf8").trim().split("\n");
  const stat = groups.map((group) => join(group, "cpu.stat")).find((path) => /^usage_usec/.test(read(path)));
  return Number(/^usage_usec (\d+)/.exec(read(stat ?? ""))?.[1]) / 1e6;
}

const read = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

async function measure(project: ProjectCopy): Promise<Measured[]> {
  const silent = { begin: () => undefined, detail: () => undefined, end: () => undefined };
  await bringUp(project.lab, silent);
  const hermes = async (...args: string[]): Promise<void> => {
    const { code, stdout, stderr } = await project.exec(["node", "cli/hermes.js", ...args]);
    if (code !== 0) throw new Error(`hermes ${args.join(" ")} ended with ${code}:\n${stderr}${stdout}`);
  };
  /** Where the droplet's own part went: its bootstrap's steps, with the second in which each began. */
  const steps = async (): Promise<void> => {
    const log = await project.droplet("cat /var/log/hermes-bootstrap.log; systemd-analyze time || true");
    process.stderr.write(
      `${log
        .split("\n")
        .filter((line) => /^20\S+Z +\d+ s:|^Startup/.test(line))
        .join("\n")}\n`,
    );
  };
  await hermes("init", "--stack", "hermes");
  const made: Measured[] = [];
  const sandbox = async (what: string, ...args: string[]): Promise<void> => {
    const timing = await timed(what, () => hermes("sandbox", ...args));
    made.push({ ...timing, cpuSeconds: cpuSeconds(project) });
    await steps();
  };
  await sandbox("create on the plain image", "create", "bench", "--cold");
  await hermes("sandbox", "destroy", "bench");
  made.push(await timed("bake", () => hermes("image", "bake")));
  await sandbox("create from a baked image", "create", "bench");
  await sandbox("recreate from a baked image", "recreate", "bench");
  await hermes("sandbox", "destroy", "bench");
  return made;
}

async function main(): Promise<void> {
  const load = loadavg()[0] ?? 0;
  await inLab(async (project) => {
    const timings = await measure(project);
    const seconds = (what: string): number => sum(timings.filter((each) => each.what.startsWith(what)));
    const cold = seconds("create on");
    const ratios = { create: cold / seconds("create from"), recreate: cold / seconds("recreate") };
    const loads = [load, loadavg()[0] ?? 0];
    if (process.argv.includes("--json")) return void console.log(JSON.stringify({ timings, ratios, loads }));
    console.log(
      table([
        ...timings.map(({ what, seconds, cpuSeconds }): [string, string] => [
          what,
          `${seconds.toFixed(1)} s${cpuSeconds === undefined ? "" : `, the droplet computed ${cpuSeconds.toFixed(1)} s`}`,
        ]),
        [
          "as fast as on the plain image",
          `create ${ratios.create.toFixed(1)}, recreate ${ratios.recreate.toFixed(1)} times`,
        ],
        ["load of the machine", `${loads.map((each) => each.toFixed(1)).join(" before, ")} after`],
      ]),
    );
  });
}

runBench(main);
