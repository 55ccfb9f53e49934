import { spawn } from "node:child_process";
import type { ResourceType } from "../framework/resource";
import { text, texts } from "../framework/values";
import { commandType, type Outcome, type Run } from "./command";

const SHELL = ["/bin/sh", "-c"];

/** Runs in a process group of its own, so that a cancelled run takes the command's children along. */
const run: Run = (command, inputs, environment, context, heard) =>
  new Promise<Outcome>((resolve, reject) => {
    const given = texts(inputs["interpreter"]);
    const [program = "/bin/sh", ...args] = given.length > 0 ? given : SHELL;
    const child = spawn(program, [...args, command], {
      env: { ...process.env, ...environment },
      detached: true,
      ...(text(inputs, "dir") === "" ? {} : { cwd: text(inputs, "dir") }),
    });
    const outcome: Outcome = { stdout: "", stderr: "", combined: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (chunk: string) => {
        outcome[stream] += chunk;
        outcome.combined += chunk;
        heard(stream, chunk);
      });
    }
    const kill = () => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    };
    context.signal.addEventListener("abort", kill, { once: true });
    child.on("error", (error) => {
      context.signal.removeEventListener("abort", kill);
      reject(error);
    });
    child.on("close", (code, signal) => {
      context.signal.removeEventListener("abort", kill);
      if (code !== 0) outcome.failure = signal === null ? `exit status ${code}` : `signal: ${signal}`;
      resolve(outcome);
    });
    // A command that does not read its input closes the pipe early.
    child.stdin.on("error", () => undefined);
    child.stdin.end(text(inputs, "stdin"));
  });

const UNSUPPORTED = ["assetPaths", "archivePaths"];

export const localCommand: ResourceType = commandType(
  "lc",
  run,
  {},
  {
    check: (inputs) =>
      UNSUPPORTED.filter((key) => inputs[key] !== undefined).map((property) => ({
        property,
        reason: "the stand-in for the command provider collects no assets; the official provider does",
      })),
  },
);
