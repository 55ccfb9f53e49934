// The file of a sandbox that another job or machine made: the engine keeps what it was.
import { rmSync } from "node:fs";
import { sandboxName } from "../../config/sandbox";
import { stackName } from "../../lib/names";
import { runPulumi } from "../../lib/pulumi";
import { COPY, MAKER, PHASE, SANDBOX_OF } from "../sandboxes/file";
import { hasStack, writeStackFile } from "../sandboxes/stack";
import { pathOf, stackFile } from "./project";

/**
 * Has a sandbox's file here, as the engine's last run had it, where the backend here has the stack. One that is a copy is made
 * anew each time: the sandbox may have been made again meanwhile. Does nothing for other stacks, and for files of our own.
 */
export async function bringFile(stack: string): Promise<void> {
  if (sandboxName(stackName(stack)) === undefined) return;
  const file = stackFile(stack);
  if (file !== undefined && file.config?.[COPY] === undefined) return;
  rmSync(pathOf(stack), { force: true });
  if (!(await hasStack(stack))) return;
  // Fails where no run of the engine has begun: there is nothing to get into then.
  const { code } = await runPulumi(["config", "refresh", "--stack", stack]);
  const { config, ...rest } = (code === 0 ? stackFile(stack) : undefined) ?? {};
  // A removal that has no file leaves none.
  if (config?.[SANDBOX_OF] === undefined) return rmSync(pathOf(stack), { force: true });
  const { [MAKER]: maker, ...kept } = config;
  // It is the phase that the run was in, not what came of it.
  const phase = kept[PHASE] === "making" && (await isUp(stack)) ? { [PHASE]: "made" } : { [MAKER]: maker };
  writeStackFile(stack, { ...rest, config: { ...kept, ...phase, [COPY]: "true" } });
}

/** A program that failed, or was cut off, gave no outputs. */
async function isUp(stack: string): Promise<boolean> {
  const { code, stdout } = await runPulumi(["stack", "output", "--json", "--stack", stack]);
  return code === 0 && "tailnet" in (JSON.parse(stdout) as object);
}
