// Tells a pull request how to get into its sandbox, and that it is gone: one comment, edited.
import { readFileSync } from "node:fs";
import { CommandError, EXIT } from "../../lib/output";
import { ForgeApi } from "../review/forge/api";
import { ownComments, postComment } from "../review/forge/comments";
import { changeFrom, forgeFrom } from "../review/forge/environment";
import { shown } from "../sweep/sandboxes";
import type { Created } from "./create";
import { accessRows } from "./list";
import { stackOf } from "./names";
import type { Settled } from "./parallel";

/** The pull request that a job of a forge's CI runs for. @throws CommandError where this is none */
function pullHere(env: NodeJS.ProcessEnv): { api: ForgeApi; pull: number } {
  const path = env["GITHUB_EVENT_PATH"];
  const { pull } = changeFrom(env, path === undefined ? undefined : readFileSync(path, "utf8"));
  if (pull === undefined)
    throw new CommandError("--comment is for a run of a pull request: this is none (docs/sandbox.md)", EXIT.usage);
  return { api: new ForgeApi(forgeFrom(env)), pull };
}

/** @returns address of the comment */
export async function commentAccess(
  name: string,
  result: Settled<Created>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const { api, pull } = pullHere(env);
  const text = result.ok ? accessText(result.value) : failureText(name, api.forge.runUrl);
  return (await postComment(api, { pull, stack: stackOf(name), text })).url;
}

/** Where there is no comment nobody has to hear of it. */
export async function commentGone(name: string, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const { api, pull } = pullHere(env);
  if ((await ownComments(api, pull, stackOf(name))).length === 0) return;
  await postComment(api, { pull, stack: stackOf(name), text: goneText(name) });
}

const code = (text: string): string => `\`${text}\``;

/** Nothing secret is in it: whoever may use the sandbox is on the tailnet, and may read its stack. */
function accessText({ name, stack, expires, outputs, seconds }: Created): string {
  const rows = accessRows(name, stack).map(([label, command]) => `| ${label} | ${code(command)} |`);
  return [
    `### Sandbox ${name}`,
    "",
    `An agent answers, after ${seconds} s. There until **${shown(new Date(expires))}**, or until this pull request is closed.`,
    "",
    "| | |",
    "| --- | --- |",
    `| on the tailnet | ${code(outputs.tailnet.name)} (${outputs.tailnet.address}) |`,
    `| costs | $${outputs.cost.hourlyUsd} an hour |`,
    ...rows,
    "",
    "The commands are `./hermes …`, in a clone of this repository, on a machine of the tailnet that reaches the stacks' state.",
    "",
  ].join("\n");
}

/** Why is in the log: an engine's words are not for everybody who reads a pull request. */
const failureText = (name: string, run: string | undefined): string =>
  [
    `### Sandbox ${name}`,
    "",
    `It did not come up. ${run === undefined ? "The run's log says why." : `[The run's log](${run}) says why.`}`,
    "What was begun goes with the next sweep, or when this pull request is closed.",
    "",
  ].join("\n");

const goneText = (name: string): string => `### Sandbox ${name}\n\nIt is gone, and nothing of it is left.\n`;
