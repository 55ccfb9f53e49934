/**
 * How long a droplet's replacement takes (`up` with bootstrapRevision + 1, state kept) beside its floor: a bare droplet
 * from its creation to the end of cloud-init, OpenClaw's installation, one start of the gateway. Measured in one run on
 * one machine, so that the ratio says something where the seconds do not. `--json` prints one document.
 */
import { table } from "../../lib/output";
import type { ProjectCopy } from "../../tests/support/project-copy";
import { containerBoot, gatewayStart, npmInstall, sum, timed } from "./floors";
import { inLab, npmStart, runBench } from "./lab";

const REVISION = /hermes:bootstrapRevision: (\d+)/;

async function recreate(project: ProjectCopy): Promise<void> {
  const text = project.read("Pulumi.hermes.yaml");
  const next = Number(REVISION.exec(text)?.[1]) + 1;
  project.write("Pulumi.hermes.yaml", text.replace(REVISION, `hermes:bootstrapRevision: ${next}`));
  const { code, stdout, stderr } = await project.up();
  if (code !== 0) throw new Error(`pulumi up ended with ${code}:\n${stderr}${stdout}`);
}

async function main(): Promise<void> {
  await inLab(async (project) => {
    await npmStart(project);
    const recreated = await timed("recreate, with state", () => recreate(project));
    const floors = [await containerBoot(project), await npmInstall(project), await gatewayStart(project)];
    const ratio = recreated.seconds / sum(floors);
    if (process.argv.includes("--json")) return void console.log(JSON.stringify({ recreated, floors, ratio }));
    const rows = [recreated, ...floors, { what: "floor", seconds: sum(floors) }];
    console.log(
      table([
        ...rows.map(({ what, seconds }): [string, string] => [what, `${seconds.toFixed(1)} s`]),
        ["ratio", ratio.toFixed(2)],
      ]),
    );
  });
}

runBench(main);
