/**
 * The stages of `npm start` beside the sum of their bare costs, measured in one run on one machine, so that the ratio
 * says something where the seconds do not. `--json` prints one document.
 */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { table } from "../cli/output";
import { ContainerSubstrate, execInDroplet, releaseDroplets } from "../localcloud/droplets";
import { hindrance, tearDown } from "../localcloud/embedded-cloud";
import { labOf } from "../localcloud/lab";
import { createNetwork, waitFor } from "../localcloud/network";
import { ProjectCopy } from "../tests/droplet/project";

interface Timing {
  what: string;
  seconds: number;
}

async function timed(what: string, work: () => Promise<unknown>): Promise<Timing> {
  const started = Date.now();
  await work();
  return { what, seconds: (Date.now() - started) / 1000 };
}

async function start(project: ProjectCopy): Promise<Timing[]> {
  const { code, stdout, stderr } = await project.run(["bash", "scripts/start.sh"]);
  if (code !== 0) throw new Error(`npm start ended with ${code}:\n${stderr}${stdout}`);
  const stages = [...stderr.matchAll(/^(\S[^\n]*) …$[\s\S]*?^ {2}done in ([\d.]+) s$/gm)];
  return stages.map(([, what = "", seconds]) => ({ what, seconds: Number(seconds) }));
}

/** An engine run over a program without resources. */
async function emptyPreview(project: ProjectCopy): Promise<Timing> {
  const folder = join(project.dir, ".hermes", "empty");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "Pulumi.yaml"), "name: empty\nruntime: nodejs\n");
  writeFileSync(join(folder, "index.js"), "");
  writeFileSync(join(folder, "package.json"), '{"main":"index.js"}');
  symlinkSync(join(project.dir, "node_modules"), join(folder, "node_modules"));
  const pulumi = (...args: string[]): Promise<unknown> => project.exec(["pulumi", "--cwd", folder, ...args]);
  await pulumi("stack", "init", "empty");
  return timed("empty preview", () => pulumi("preview", "--stack", "empty"));
}

/** A droplet with nothing to do, from power on to the end of cloud-init. */
async function containerBoot(project: ProjectCopy): Promise<Timing> {
  const lab = labOf(project.dir, "bench");
  await createNetwork(lab);
  const substrate = await ContainerSubstrate.open(lab);
  const size = { memoryMiB: 2048, vcpus: 1, diskGiB: 50, region: "nyc3", image: "debian-13-x64" };
  const rest = { userData: "#cloud-config\n{}\n", sshKeys: [], ipv4: "198.51.100.10", volumeIds: [], tags: [] };
  try {
    return await timed("container boot", async () => {
      await substrate.createDroplet({ id: 1, name: "bench", ...size, ...rest });
      const done = async (): Promise<boolean> => {
        const status = await execInDroplet(lab, 1, ["cloud-init", "status"]).catch(() => undefined);
        return /status: (done|degraded|error)/.test(status?.stdout ?? "");
      };
      await waitFor("the end of cloud-init", done, { timeoutMs: 60_000, everyMs: 100 });
    });
  } finally {
    substrate.close();
    await releaseDroplets(lab);
    await tearDown(lab);
  }
}

const npmInstall = (project: ProjectCopy): Promise<Timing> =>
  timed("npm install of OpenClaw", () =>
    project.droplet(
      "cd /root && version=$(basename $(readlink -f /opt/openclaw/current)) && NODE_USE_SYSTEM_CA=1 npm i -g --silent " +
        '--prefix /root/bench --cache /root/bench-npm --allow-scripts=openclaw "openclaw@$version" && rm -rf /root/bench*',
    ),
  );

/** The unit counts as started when the gateway is ready. */
const gatewayStart = (project: ProjectCopy): Promise<Timing> =>
  timed("gateway start", () => project.droplet("systemctl restart openclaw-gateway"));

const sum = (timings: Timing[]): number => timings.reduce((total, { seconds }) => total + seconds, 0);

async function main(): Promise<void> {
  const problem = hindrance();
  if (problem !== undefined) throw new Error(problem);
  const project = new ProjectCopy();
  try {
    const stages = await start(project);
    const again = await timed("second npm start (no change)", () => project.run(["bash", "scripts/start.sh"]));
    const floors = [
      await emptyPreview(project),
      await containerBoot(project),
      await npmInstall(project),
      await gatewayStart(project),
    ];
    const ratio = sum(stages) / sum(floors);
    if (process.argv.includes("--json")) return void console.log(JSON.stringify({ stages, again, floors, ratio }));
    const rows = (timings: Timing[]): [string, string][] =>
      [...timings, { what: "sum", seconds: sum(timings) }].map(({ what, seconds }) => [
        what,
        `${seconds.toFixed(1)} s`,
      ]);
    console.log(`npm start\n${table(rows(stages))}\n\nbare costs\n${table(rows(floors))}\n`);
    console.log(
      table([
        ["ratio", ratio.toFixed(2)],
        [again.what, `${again.seconds.toFixed(1)} s`],
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
