// Where the project is, and its stacks' files: commands may be run in any folder below it, as pulumi itself.
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { bytesOf, parseStackYaml } from "../../config/yaml-file";
import { stackName } from "../../lib/names";
import { nearest } from "../../lib/nearest";
import type { CommandError } from "../../lib/output";
import type { StackFile } from "../sandboxes/file";
import { wrongValue } from "./input";

/** The nearest folder upwards with a Pulumi.yaml; outside of any project the folder itself. */
export function projectFolder(from: string = process.cwd()): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "Pulumi.yaml"))) return folder;
    if (dirname(folder) === folder) return from;
  }
}

/** @param stack also with its organisation and project */
export const pathOf = (stack: string, project: string = projectFolder()): string =>
  join(project, `Pulumi.${stackName(stack)}.yaml`);

/** Stacks that have a file in the project's folder. */
export const stacksWithFile = (project: string = projectFolder()): string[] =>
  readdirSync(project).flatMap((name) => /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1] ?? []);

/** @param flag by which the stack was said */
export function missingStackFile(flag: string, stack: string, project: string = projectFolder()): CommandError {
  const stacks = stacksWithFile(project).filter((each) => each !== "sandbox");
  const meant = nearest(stackName(stack), stacks);
  return wrongValue(flag, stack, {
    wrong: `there is no Pulumi.${stackName(stack)}.yaml in ${project}`,
    allowed:
      stacks.length === 0
        ? "A stack with a file in this folder."
        : `Stacks with a file in this folder: ${stacks.join(", ")}.`,
    fix: meant === undefined ? `Make the stack: ./hermes init --stack ${stackName(stack)}` : `Write ${meant}.`,
  });
}

/** Undefined if the file does not exist. @throws UnreadableYaml */
export function stackFile(stack: string, project?: string): StackFile | undefined {
  const path = pathOf(stack, project);
  if (!existsSync(path)) return undefined;
  const name = `Pulumi.${stackName(stack)}.yaml`;
  return parseStackYaml(bytesOf(path, name), name);
}
