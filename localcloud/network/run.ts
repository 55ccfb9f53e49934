import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

export interface RunResult {
  /** Exit status; 128 + the signal's number for a program that was killed, as in a shell. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Text or bytes for standard input; absent: an empty one. */
  input?: string | Buffer;
  /** Added to the environment. */
  env?: NodeJS.ProcessEnv;
  /** Called with each piece of standard output and error as it comes. */
  onOutput?: (text: string) => void;
  /** Wakes the program when it stops itself. @default false */
  wake?: boolean;
}

const WAKE_MS = 1000;

/** Runs a program to its end, whatever its exit status. Rejects only when it cannot be started. */
export function tryRun(command: string[], options: RunOptions = {}): Promise<RunResult> {
  const [program, ...args] = command;
  if (program === undefined) return Promise.reject(new Error("no program given"));
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...options.env }, stdio: ["pipe", "pipe", "pipe"] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const collect = (into: Buffer[]) => (piece: Buffer) => {
      into.push(piece);
      options.onOutput?.(piece.toString());
    };
    child.stdout.on("data", collect(stdout));
    child.stderr.on("data", collect(stderr));
    // A program that does not read its input is no failure of ours.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    const waking = options.wake === true ? setInterval(() => wake(child), WAKE_MS) : undefined;
    child.on("exit", () => clearInterval(waking));
    child.on("error", (error: NodeJS.ErrnoException) => {
      clearInterval(waking);
      reject(startError(program, error));
    });
    child.on("close", (code, signal) =>
      resolve({
        code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]),
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    );
  });
}

/** A folder on the PATH that is closed to this user makes EACCES of a program that is nowhere. */
function startError(program: string, error: NodeJS.ErrnoException): Error {
  if (error.code === "ENOENT") return new Error(`${program} is not installed`);
  if (error.code === "EACCES") return new Error(`${program} is not installed, or you may not run it`);
  return error;
}

function wake(child: ChildProcess): void {
  try {
    const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8");
    if (stat.slice(stat.lastIndexOf(")") + 2).startsWith("T")) child.kill("SIGCONT");
  } catch {
    // It has just ended.
  }
}

/** Runs a program and returns what it wrote to standard output. Rejects with its complaint when it fails. */
export async function run(command: string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(command, options);
  if (result.code !== 0) {
    const said = result.stderr.trim() || result.stdout.trim() || "no message";
    throw new Error(`${command.slice(0, 6).join(" ")} ended with ${result.code}: ${said}`);
  }
  return result.stdout;
}

/** Asks again and again until the answer is there. Rejects after the time is over, naming what was waited for. */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  options: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: still not so after ${Math.round(timeoutMs / 1000)} s`);
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 50));
  }
}
