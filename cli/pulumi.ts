import { spawn } from "node:child_process";
import { CommandError, EXIT } from "./output";

export interface PulumiResult {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs the `pulumi` that is on the PATH. What goes in on stdin is in no argument list and no shell history.
 *
 * @throws CommandError when there is no pulumi.
 */
export function runPulumi(args: string[], options: { stdin?: string; cwd?: string } = {}): Promise<PulumiResult> {
  return new Promise((resolve, reject) => {
    const child = spawn("pulumi", args, { cwd: options.cwd ?? process.cwd(), stdio: ["pipe", "pipe", "pipe"] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (data: Buffer) => out.push(data));
    child.stderr.on("data", (data: Buffer) => err.push(data));
    child.once("error", () => reject(noPulumi()));
    child.once("close", (code) =>
      resolve({ code: code ?? 255, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.stdin ?? "");
  });
}

/** As runPulumi, but anything but success is an error with pulumi's own words. */
export async function pulumiOutput(args: string[], options: { stdin?: string; cwd?: string } = {}): Promise<string> {
  const result = await runPulumi(args, options);
  if (result.code === 0) return result.stdout;
  const words = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(0, 8).join("\n  ");
  throw new CommandError(`pulumi ${args.slice(0, 3).join(" ")} failed:\n  ${words}`, EXIT.cloud);
}

const noPulumi = (): CommandError =>
  new CommandError(
    "there is no pulumi on the PATH.\n" +
      "  Install it (https://www.pulumi.com/docs/install/), or work in the embedded cloud:\n" +
      "  npm start, then npx hermes local exec -- npx hermes …",
    EXIT.usage,
  );
