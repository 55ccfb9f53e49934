// A throw-away stack beside one that stays, made of the very program and removed without a trace.
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { dump } from "js-yaml";
import { sandboxName } from "../../config/sandbox";
import { asMap } from "../../lib/maps";
import { stackName } from "../../lib/names";
import { CommandError, EXIT } from "../../lib/output";
import { pulumiOutput } from "../../lib/pulumi";
import { removeStack } from "../../lib/remove-stack";
import { setConfig } from "../../lib/set-config";
import { missingStackFile, pathOf, projectFolder, stackFile, stacksWithFile } from "../stack/project";
import type { SandboxStack } from "../sweep/sandboxes";
import { stateOf } from "../sweep/sweep";
import { removeProgram } from "./checkout";
import { destroy, engineStack, EngineError, up } from "./engine";
import { MAKER, PHASE, SANDBOX_OF, secureKeys, type Phase, type StackFile } from "./file";
import { free } from "./free";
import { isDead, makerText } from "./lock";
import { stackOf } from "./names";
import { removeThings, type Outside } from "./outside";

/** @throws CommandError when there is none */
export function readStackFile(stack: string): StackFile {
  const file = stackFile(stack);
  if (file !== undefined) return file;
  throw missingStackFile("--from", stack);
}

/** Whole or not at all: whoever is killed meanwhile leaves a file that can be read. */
export function writeStackFile(stack: string, file: StackFile): void {
  const next = `${pathOf(stack)}.new`;
  writeFileSync(next, dump(file, { lineWidth: -1 }), { mode: 0o600 });
  renameSync(next, pathOf(stack));
}

/** Sets keys of the file's configuration. */
export function editStackFile(stack: string, values: Record<string, unknown>): void {
  const file = readStackFile(stack);
  writeStackFile(stack, { ...file, config: { ...file.config, ...values } });
}

/** From now on this process works on it; when it dies, what it did is unfinished. */
export const beginPhase = (stack: string, phase: Phase): void =>
  editStackFile(stack, { [PHASE]: phase, [MAKER]: makerText() });

export interface SandboxRequest {
  /** Name of the sandbox's stack. */
  stack: string;
  /** The stack that it is made after. */
  of: string;
  file: StackFile;
  /** Its own. */
  secrets: Record<string, string>;
}

/** A stack without resources yet. There must be none of its name: {@link removeSandbox}. */
export async function createSandbox({ stack, of, file, secrets }: SandboxRequest): Promise<void> {
  writeStackFile(stack, file);
  beginPhase(stack, "making");
  const provider = typeof file["secretsprovider"] === "string" ? ["--secrets-provider", file["secretsprovider"]] : [];
  await pulumiOutput(["stack", "init", stack, "--no-select", ...provider]).catch((error: Error) => {
    rmSync(pathOf(stack), { force: true });
    throw error;
  });
  const onStack = ["--stack", stack];
  // Not by the Automation API: it hands values over as arguments.
  for (const key of secureKeys(readStackFile(of)))
    await setConfig(onStack, key, (await pulumiOutput(["config", "get", key, "--stack", of])).trim(), ["--secret"]);
  for (const [key, value] of Object.entries(secrets))
    await setConfig(onStack, `hermes:secrets.${key}`, value, ["--path", "--secret"]);
}

export interface RunOptions {
  say?: (text: string) => void;
}

/**
 * @param workDir folder of the program
 * @throws CommandError with the engine's last words; 130 when it was interrupted
 */
export async function upSandbox(
  stack: string,
  { signal, say = () => undefined, workDir = projectFolder() }: RunOptions & { signal: AbortSignal; workDir?: string },
): Promise<void> {
  const running = await engineStack(stack, workDir);
  const failed = await up(running, { say, signal }).then(
    () => undefined,
    (error: Error) => error,
  );
  if (signal.aborted) {
    // Where it had to be asked twice it left its lock.
    await running.cancel().catch(() => undefined);
    throw new CommandError("interrupted", EXIT.interrupted);
  }
  if (failed === undefined) return;
  if (!(failed instanceof EngineError)) throw failed;
  throw new CommandError(`the sandbox ${stackName(stack)} did not come up:\n  ${indented(failed.message)}`, EXIT.cloud);
}

/** A call that failed may work at once afterwards. */
const ATTEMPTS = 3;

/**
 * Removes everything of a sandbox, and looks whether it did: droplet, firewall, key, tags, tailnet node, stack, file. One that
 * is not there is fine. The engine is out of Ctrl-C's reach meanwhile. What it cannot remove goes by its names.
 *
 * @throws CommandError that names what is left, and how to go on
 */
export async function removeSandbox(
  name: string,
  outside: Outside,
  { say = () => undefined }: RunOptions = {},
): Promise<void> {
  const stack = stackOf(name);
  const isThere = await hasStack(stack);
  if (isThere) await destroyStack(stack, say);
  await removeThings(name, outside, say).catch((error: Error) => {
    throw notRemoved(name, error.message);
  });
  // Last, and after the lease: whoever sweeps takes a lease without its stack for lost.
  if (isThere)
    await removeStack(stack, projectFolder()).catch(async (error: Error) => {
      if (await hasStack(stack)) throw notRemoved(name, error.message);
    });
  for (const path of [pathOf(stack), `${pathOf(stack)}.new`]) rmSync(path, { force: true });
  await removeProgram(stack);
}

/** By the engine; what is left where it fails is found by its names. @throws CommandError where another run works on it */
async function destroyStack(stack: string, say: (text: string) => void): Promise<void> {
  const orphaned = isUnfinished(stackFile(stack));
  if (stackFile(stack) !== undefined) beginPhase(stack, "leaving");
  const options = { say, signal: new AbortController().signal };
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const running = await engineStack(stack, projectFolder());
    const failed = await destroy(running, options).then(
      () => undefined,
      (error: Error) => error,
    );
    if (failed === undefined) return;
    if (!(failed instanceof EngineError)) throw failed;
    const words = `${failed.result.stdout}\n${failed.result.stderr}`;
    if (!(await free(running, words, { orphaned, say })) && attempt === ATTEMPTS)
      say(`the engine could not remove all of it (${failed.message.split("\n")[0]}); the rest goes by its names`);
  }
}

export async function hasStack(stack: string): Promise<boolean> {
  return (await stackNames()).some((each) => stackName(each) === stackName(stack));
}

async function stackNames(): Promise<string[]> {
  const stacks = JSON.parse(await pulumiOutput(["stack", "ls", "--json"])) as { name: string }[];
  return stacks.map(({ name }) => name);
}

/** The sandboxes whose stack or file is here. */
export async function sandboxStacks(): Promise<SandboxStack[]> {
  const files = stacksWithFile();
  const names = new Set([...(await stackNames()).map(stackName), ...files].flatMap((each) => sandboxName(each) ?? []));
  return await Promise.all([...names].map(sandboxStack));
}

async function sandboxStack(name: string): Promise<SandboxStack> {
  const file = stackFile(stackOf(name));
  const expires = new Date(String(asMap(file?.config?.["hermes:sandbox"])["expires"]));
  return {
    name,
    ...(Number.isNaN(expires.getTime()) ? {} : { expires }),
    unfinished: isUnfinished(file),
    isProtected: await hasProtected(stackOf(name)),
  };
}

/** Whoever made it, or removed it, is dead and had not done with it. */
function isUnfinished(file: StackFile | undefined): boolean {
  const { [PHASE]: phase, [MAKER]: maker } = file?.config ?? {};
  return typeof maker === "string" && phase !== "made" && isDead(maker);
}

const hasProtected = async (stack: string): Promise<boolean> =>
  (await stateOf(stack).catch(() => [])).some(({ protect }) => protect === true);

/** @throws CommandError where the stack or its file is none of a sandbox */
export function mustBeSandbox(stack: string): void {
  const file = stackFile(stack);
  if (sandboxName(stackName(stack)) !== undefined && (file === undefined || file.config?.[SANDBOX_OF] !== undefined))
    return;
  throw new CommandError(`the stack ${stack} is no sandbox, and stays as it is`, EXIT.refused);
}

function notRemoved(name: string, why: string): CommandError {
  return new CommandError(
    `the sandbox ${name} is not removed, and costs money:\n  ${indented(why)}\n` +
      `  Go on with: ./hermes sandbox destroy ${name}`,
    EXIT.cloud,
  );
}

const indented = (text: string): string => text.trim().replaceAll("\n", "\n  ");
