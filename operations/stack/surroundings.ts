import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { CommandError, EXIT } from "../../lib/output";
import { pulumiOutput } from "../../lib/pulumi";
import { runOverSsh } from "../../lib/ssh/connection";
import { sshTarget, type Reach, type StackOptions } from "./reach";
import { secretScrubber } from "./scrub";

/** What the commands for a running stack work with, so that tests can give them something else. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  stdin: Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number; rows?: number };
  stderr: { write(text: string | Uint8Array): unknown };
  connect(options: StackOptions): Promise<Reach>;
  /** Standard output of pulumi. @throws CommandError */
  pulumi(args: string[]): Promise<string>;
  /** Standard output of npm. @throws CommandError */
  npm(args: string[]): Promise<string>;
  /** Ctrl-C. */
  interrupted(): AbortSignal;
}

export const here = (): Surroundings => ({
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  connect: sshTarget,
  pulumi: pulumiOutput,
  npm,
  interrupted: () => {
    const controller = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort());
    return controller.signal;
  },
});

/** No droplet that answers is the network's failure, whatever its words. */
export const asCloudFailure = (error: Error): never => {
  throw error instanceof CommandError ? error : new CommandError(error.message, EXIT.cloud, { cause: error });
};

/** One run of hermes-apply, its one line of standard output read and scrubbed. @throws CommandError when it said none */
export async function hermesApply<T>(
  reach: Reach,
  verbs: string,
  options: { stdin?: string; timeoutMs?: number } = {},
): Promise<T> {
  const { code, stdout, stderr } = await runOverSsh(reach, `hermes-apply ${verbs}`, options).catch(asCloudFailure);
  const scrub = secretScrubber(reach.secrets);
  const line = scrub(stdout).trim().split("\n").at(-1) ?? "";
  const reply = parse<T & { ok?: boolean; error?: string }>(line);
  if (reply === undefined)
    throw new CommandError(
      `hermes-apply ${verbs} ended with ${code}: ${scrub(stderr).trim().slice(-500)}`,
      EXIT.unhealthy,
    );
  if (reply.ok === false && reply.error?.startsWith("usage: hermes-apply") === true)
    throw new CommandError(
      "the droplet has a hermes-apply that does not know this yet. Bring it up to date: pulumi up",
      EXIT.unhealthy,
    );
  return reply;
}

function parse<T>(line: string): T | undefined {
  try {
    const value = JSON.parse(line) as unknown;
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

const NPM_TIMEOUT_MS = 60_000;

function npm(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", args, { stdio: ["ignore", "pipe", "pipe"], timeout: NPM_TIMEOUT_MS });
    const out = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].setEncoding("utf8").on("data", (text: string) => (out[stream] += text));
    child.once("error", () => reject(new CommandError("there is no npm on the PATH; it comes with Node", EXIT.usage)));
    child.once("close", (code) => {
      if (code === 0) return resolve(out.stdout);
      const words = out.stderr
        .split("\n")
        .filter((line) => line.startsWith("npm error"))
        .slice(0, 4)
        .join("\n  ");
      reject(
        new CommandError(
          `npm ${args.slice(0, 2).join(" ")} failed (${code ?? "no answer in a minute"}):\n  ${words}`,
          EXIT.cloud,
        ),
      );
    });
  });
}
