import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Lab } from "./lab";
import { inOperator } from "./tailnet";
import { mergeStackFile, parseStackFile, renderStackFile, type StackFile } from "./stack/merge";

/** The one stack whose file the embedded cloud stands in for. */
export const STACK = "hermes";

const committedPath = (lab: Lab): string => join(lab.project, `Pulumi.${STACK}.yaml`);
const mergedPath = (lab: Lab): string => join(lab.dir, "stack", `Pulumi.${STACK}.yaml`);
const basePath = (lab: Lab): string => join(lab.dir, "stack", "committed.yaml");

export const readCommitted = (lab: Lab): StackFile => parseStackFile(readFileSync(committedPath(lab), "utf8"));

/** Brings the lab's stack file up to date with the committed one, keeping what was set in the lab. */
export function writeStackFile(lab: Lab, overrides: Record<string, unknown>): void {
  const committed = readFileSync(committedPath(lab), "utf8");
  const read = (path: string): StackFile | undefined =>
    existsSync(path) ? parseStackFile(readFileSync(path, "utf8")) : undefined;
  const merged = mergeStackFile(parseStackFile(committed), read(basePath(lab)), read(mergedPath(lab)), overrides);
  mkdirSync(dirname(mergedPath(lab)), { recursive: true });
  writeChanged(mergedPath(lab), renderStackFile(merged));
  writeChanged(basePath(lab), committed);
}

/** In place, as commands that run see this very file; one that reads it meanwhile must not find it half written. */
function writeChanged(path: string, text: string): void {
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text, { mode: 0o600 });
}

/**
 * The command line that runs a command where the operator is: in the operator's network namespace, with the lab's DNS,
 * and with the lab's stack file in the place of the committed one, which only this command's mount namespace sees. So
 * `pulumi` needs no flags there, and nothing that it writes reaches the committed file.
 */
export function operatorCommand(lab: Lab, command: string[]): string[] {
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  return inOperator(lab, ["sh", "-c", script, "sh", mergedPath(lab), committedPath(lab), ...command]);
}

export interface ExecResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command with its input and output on this terminal; resolves with its exit code. */
export function runAttached(command: string[], environment: NodeJS.ProcessEnv, cwd: string): Promise<number> {
  const [program, ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program ?? "", args, { env: environment, cwd, stdio: "inherit" });
    // The terminal's Ctrl-C reaches the child by itself; it decides how to end.
    const ignore = (): void => undefined;
    process.on("SIGINT", ignore);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      process.off("SIGINT", ignore);
      resolve(code ?? (signal === "SIGINT" ? 130 : 255));
    });
  });
}

/** Runs a command and keeps its output; each line may be watched as it comes. */
export function runCaptured(
  command: string[],
  options: { environment: NodeJS.ProcessEnv; cwd: string; stdin?: string; onLine?: (line: string) => void },
): Promise<ExecResult> {
  const [program, ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program ?? "", args, { env: options.environment, cwd: options.cwd, stdio: "pipe" });
    const kept = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      let rest = "";
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        kept[stream] += text;
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        lines.forEach((line) => options.onLine?.(line));
      });
    }
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 255, ...kept }));
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.stdin ?? "");
  });
}
