import { spawn } from "node:child_process";

const LAST_LINES = 15;

/** Runs a program to its end; the error holds its last lines. */
export function run(
  program: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    const chunks: string[] = [];
    const keep = (chunk: Buffer) => void chunks.push(chunk.toString());
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", reject);
    child.on("close", (code) => {
      const output = chunks.join("").trim();
      if (code === 0) return resolve(output);
      const last = output.split("\n").slice(-LAST_LINES).join("\n");
      reject(new Error(`${program} ${args.slice(0, 2).join(" ")} ended with status ${code}:\n${last}`));
    });
  });
}
