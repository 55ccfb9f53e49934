import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
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
  const words = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(0, 8).join("\n  ");
  throw new CommandError(`pulumi ${args.slice(0, 3).join(" ")} failed:\n  ${words}`, EXIT.cloud);
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
      "  npm start, then npx hermes local exec -- npx hermes …",
    EXIT.usage,
  );
