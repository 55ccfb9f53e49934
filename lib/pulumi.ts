import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { stackName } from "./names";
import { nearest } from "./nearest";
import { CommandError, EXIT, type Progress } from "./output";

export interface PulumiResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface PulumiOptions {
  stdin?: string;
  cwd?: string;
  /** Over the environment. */
  env?: Record<string, string>;
  /** Told each line of its output as it comes. */
  onLine?: (line: string) => void;
  /**
   * Asks a long run to stop, as Ctrl-C does, and once more when it is not over {@link PATIENCE_MS} later. The run is out
   * of the terminal's reach then: a Ctrl-C reaches hermes alone, which decides.
   */
  signal?: AbortSignal;
}

const PATIENCE_MS = 30_000;

/**
 * Runs the `pulumi` that is on the PATH. What goes in on stdin is in no argument list and no shell history.
 *
 * @throws CommandError when there is no pulumi.
 */
export function runPulumi(args: string[], options: PulumiOptions = {}): Promise<PulumiResult> {
  return new Promise((resolve, reject) => {
    const detached = options.signal !== undefined;
    const env = { ...process.env, ...options.env };
    const child = spawn("pulumi", args, { cwd: options.cwd ?? process.cwd(), env, stdio: "pipe", detached });
    const kept = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => (kept[stream] += text));
      if (options.onLine !== undefined) createInterface(child[stream]).on("line", options.onLine);
    }
    const release = stopOnSignal(child, options.signal);
    child.once("error", () => reject(noPulumi()));
    child.once("close", (code) => {
      release();
      resolve({ code: code ?? 255, ...kept });
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.stdin ?? "");
  });
}

/** @returns what undoes it */
function stopOnSignal(child: ChildProcess, signal: AbortSignal | undefined): () => void {
  let second: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill("SIGINT");
    second = setTimeout(() => child.kill("SIGINT"), PATIENCE_MS);
  };
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted === true) stop();
  return () => {
    clearTimeout(second);
    signal?.removeEventListener("abort", stop);
  };
}

/** As runPulumi, but anything but success is an error with pulumi's own words. */
export async function pulumiOutput(args: string[], options: PulumiOptions = {}): Promise<string> {
  const result = await runPulumi(args, options);
  if (result.code === 0) return result.stdout;
  const said = result.stderr.trim() || result.stdout.trim();
  throw (
    (await wrongInput(said)) ??
    new CommandError(
      `pulumi ${args.slice(0, 3).join(" ")} failed:\n  ${said.split("\n").slice(0, 8).join("\n  ")}`,
      EXIT.cloud,
    )
  );
}

/** What pulumi refuses because of what the user typed, or where. */
async function wrongInput(said: string): Promise<CommandError | undefined> {
  const missing = /no stack named '([^']*)' found/.exec(said)?.[1];
  if (missing !== undefined)
    return new CommandError(
      `there is no stack "${missing}".\n  ${(await otherStacks(missing)).join("\n  ")}`,
      EXIT.input,
    );
  if (/no stack selected/.test(said))
    return new CommandError(`no stack is selected.\n  ${(await otherStacks()).join("\n  ")}`, EXIT.input);
  if (/no Pulumi\.yaml project file found/.test(said))
    return new CommandError(
      "there is no Pulumi.yaml in this folder or above it.\n  Run the command in the project's folder, or below it.",
      EXIT.input,
    );
  return undefined;
}

async function otherStacks(missing = ""): Promise<string[]> {
  const { code, stdout } = await runPulumi(["stack", "ls", "--json"]);
  const names = code === 0 ? (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name) : [];
  if (names.length === 0) return ["Make one: ./hermes init"];
  const meant = nearest(stackName(missing), names.map(stackName));
  const fix = meant === undefined ? "Add --stack and one of them." : `Write --stack ${meant}.`;
  return [`Stacks: ${names.join(", ")}.`, fix];
}

/** Of pulumi's many lines those that say what became of a resource. */
export const resourceLines =
  (progress: Progress) =>
  (line: string): void => {
    if (/^ *[-+~]+ .* (created|updated|deleted|replaced|failed)\b/.test(line) && !line.includes("warning:"))
      progress.detail(line.trim());
  };

const noPulumi = (): CommandError =>
  new CommandError(
    "there is no pulumi on the PATH.\n" +
      "  Install it (https://www.pulumi.com/docs/install/), or work in the embedded cloud:\n" +
      "  npm start, then ./hermes local exec -- ./hermes …",
    EXIT.usage,
  );
