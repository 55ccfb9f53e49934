/**
 * What a baked image saves: a sandbox made on the plain image, made from a baked one, and recreated from it, measured in
 * one run on one machine, so that the ratios say something where the seconds do not. Each is the whole command, from its
 * first call to a gateway that is ready. `--json` prints one document.
 */
import { loadavg } from "node:os";
import { table } from "../cli/output";
import { bringUp, hindrance, tearDown } from "../localcloud/embedded-cloud";
import { ProjectCopy } from "../tests/droplet/project";
import { sum, timed, type Timing } from "./floors";

async function measure(project: ProjectCopy): Promise<Timing[]> {
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
  const made: Timing[] = [];
  const sandbox = async (what: string, ...args: string[]): Promise<void> => {
    made.push(await timed(what, () => hermes("sandbox", ...args)));
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
  const problem = hindrance();
  if (problem !== undefined) throw new Error(problem);
  const project = new ProjectCopy();
  const load = loadavg()[0] ?? 0;
  try {
    const timings = await measure(project);
    const seconds = (what: string): number => sum(timings.filter((each) => each.what.startsWith(what)));
    const cold = seconds("create on");
    const ratios = { create: cold / seconds("create from"), recreate: cold / seconds("recreate") };
    const loads = [load, loadavg()[0] ?? 0];
    if (process.argv.includes("--json")) return void console.log(JSON.stringify({ timings, ratios, loads }));
    console.log(
      table([
        ...timings.map(({ what, seconds }): [string, string] => [what, `${seconds.toFixed(1)} s`]),
        [
          "as fast as on the plain image",
          `create ${ratios.create.toFixed(1)}, recreate ${ratios.recreate.toFixed(1)} times`,
        ],
        ["load of the machine", `${loads.map((each) => each.toFixed(1)).join(" before, ")} after`],
      ]),
    );
  } finally {
    await tearDown(project.lab);
    project.remove();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
