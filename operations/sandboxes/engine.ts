// Pulumi's Automation API on the project's own program, for stacks that hermes makes and removes.
import { LocalWorkspace, PulumiCommand, Stack, type EngineEvent, type OpType } from "@pulumi/pulumi/automation";
import { runPulumi, type PulumiResult } from "../../lib/pulumi";

/** An operation of the engine that ended otherwise than well. */
export class EngineError extends Error {
  constructor(
    /** What it said was wrong; its own words where it said nothing. */
    message: string,
    readonly result: PulumiResult,
  ) {
    super(message);
  }
}

export interface OperationOptions {
  /** Told what became of each resource. */
  say: (text: string) => void;
  /** Asks the engine to stop; it is out of a terminal's reach meanwhile. */
  signal: AbortSignal;
}

/** @param workDir folder of the program; the state and the stack's file are found as pulumi finds them there */
export async function engineStack(name: string, workDir: string): Promise<Stack> {
  const workspace = await LocalWorkspace.create({ workDir, pulumiCommand: await quietCommand() });
  // Selecting is what `Stack.select` does first; the stack that somebody works on stays the selected one.
  workspace.selectStack = async () => undefined;
  return await Stack.select(name, workspace);
}

/** @throws EngineError */
export const up = (stack: Stack, options: OperationOptions): Promise<unknown> =>
  operate(options, (events) => stack.up({ ...events, suppressOutputs: true }));

/** Looks first: what an interrupted run had begun is in the cloud, and not in the state. @throws EngineError */
export const destroy = (stack: Stack, options: OperationOptions): Promise<unknown> =>
  operate(options, (events) => stack.destroy({ ...events, refresh: true, suppressOutputs: true }));

/** Of some resources only. @throws EngineError */
export const refresh = (stack: Stack, target: string[], options: OperationOptions): Promise<unknown> =>
  operate(options, (events) => stack.refresh({ ...events, target, suppressOutputs: true }));

type Events = { onEvent: (event: EngineEvent) => void; signal: AbortSignal };

async function operate(options: OperationOptions, run: (events: Events) => Promise<unknown>): Promise<unknown> {
  const wrong: string[] = [];
  const onEvent = (event: EngineEvent): void => {
    const failure = failureIn(event);
    if (failure !== undefined) wrong.push(failure);
    const done = deedOf(event);
    if (done !== undefined) options.say(done);
  };
  try {
    return await run({ onEvent, signal: options.signal });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(wrong.length > 0 ? lastWords(wrong) : error.message, error.result);
  }
}

/** The engine repeats a resource's error for the resources above it. */
const lastWords = (wrong: readonly string[]): string =>
  [...new Set(wrong.flatMap((text) => text.split("\n")))]
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^(update|destroy|refresh) failed$/.test(line))
    .slice(0, 8)
    .join("\n");

/** What an event says that went wrong, without colours. */
export function failureIn({ diagnosticEvent }: EngineEvent): string | undefined {
  if (diagnosticEvent?.severity !== "error") return undefined;
  return `${diagnosticEvent.prefix ?? ""}${diagnosticEvent.message}`.replace(/<\{%[^%]*%\}>/g, "").trim();
}

const DEEDS: Partial<Record<OpType, string>> = {
  create: "made",
  update: "changed",
  delete: "removed",
  replace: "replaced",
  "create-replacement": "made anew",
  "delete-replaced": "removed",
};

/** `made Droplet`, of what a person may want to hear of. */
export function deedOf({ resOutputsEvent }: EngineEvent): string | undefined {
  if (resOutputsEvent === undefined) return undefined;
  const { op, type, urn } = resOutputsEvent.metadata;
  const deed = DEEDS[op];
  if (deed === undefined || !/^(digitalocean|tailscale|command):/.test(type)) return undefined;
  const kind = type.split(":").at(-1) ?? type;
  return `${deed} ${kind === "Command" ? (urn.split("::").at(-1) ?? kind) : kind}`;
}

let command: Promise<PulumiCommand> | undefined;

/**
 * The `pulumi` on the PATH, run by {@link runPulumi} in place of the Automation API's own way: out of the terminal's reach, so
 * that one Ctrl-C is not two for the engine, and asked once more when it is not over in time.
 */
async function quietCommand(): Promise<PulumiCommand> {
  command ??= PulumiCommand.get();
  return Object.assign(await command, { run: runQuietly });
}

async function runQuietly(
  args: string[],
  cwd: string,
  env: Record<string, string>,
  onOutput?: (text: string) => void,
  _onError?: (text: string) => void,
  signal?: AbortSignal,
): Promise<PulumiResult> {
  const result = await runPulumi([...args, "--non-interactive"], {
    cwd,
    env: { ...env, PULUMI_AUTOMATION_API: "true" },
    signal: signal ?? new AbortController().signal,
    ...(onOutput === undefined ? {} : { onLine: onOutput }),
  });
  if (result.code === 0) return result;
  const words = `${result.stderr}\n${result.stdout}`.split("\n").map((line) => line.trim());
  const telling = words.filter((line) => /error[:\s]|failed|locked/i.test(line)).slice(0, 6);
  throw new EngineError(telling.join("\n") || `pulumi ended with ${result.code}`, result);
}
