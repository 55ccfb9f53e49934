/**
 * The stages of `npm start` beside the sum of their bare costs, measured in one run on one machine, so that the ratio
 * says something where the seconds do not. `--json` prints one document.
 */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { table } from "../../lib/output";
import type { ProjectCopy } from "../../tests/support/project-copy";
import { containerBoot, gatewayStart, npmInstall, sum, timed, type Timing } from "./floors";
import { inLab, npmStart, runBench } from "./lab";

async function start(project: ProjectCopy): Promise<Timing[]> {
  const { stderr } = await npmStart(project);
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

async function main(): Promise<void> {
  await inLab(async (project) => {
    const stages = await start(project);
    const again = await timed("second npm start (no change)", () => npmStart(project));
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
  });
}

runBench(main);
