import { spawn, type SpawnOptions } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, closeSync } from "node:fs";
import { dirname, join } from "node:path";
import { startTimeOf } from "../lib/process-start";
import type { Lab } from "./lab";

/** One long-running process of a lab. Pid and start time together are never reused. */
export interface RecordedProcess {
  name: string;
  pid: number;
  startTime: string;
}

/** What a program wrote that {@link startRecorded} started. */
export const logOf = (lab: Lab, name: string): string => join(lab.dir, "logs", `${name}.log`);

const registryPath = (lab: Lab): string => join(lab.dir, "processes.json");

export function isRunning(process: RecordedProcess): boolean {
  return startTimeOf(process.pid) === process.startTime;
}

export function recordedProcesses(lab: Lab): RecordedProcess[] {
  const path = registryPath(lab);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as RecordedProcess[]) : [];
}

/** Remembers a process, forgetting those that have ended. */
function recordProcess(lab: Lab, name: string, pid: number): void {
  const startTime = startTimeOf(pid);
  if (startTime === undefined) throw new Error(`${name} (pid ${pid}) ended before it could be recorded`);
  const path = registryPath(lab);
  mkdirSync(dirname(path), { recursive: true });
  const kept = recordedProcesses(lab).filter(isRunning);
  writeFileSync(`${path}.new`, JSON.stringify([...kept, { name, pid, startTime }], null, 2));
  renameSync(`${path}.new`, path);
}

/** Starts a background program of the lab, output appended to `<dir>/logs/NAME.log`, and records it. */
export function startRecorded(lab: Lab, name: string, command: string[], options: SpawnOptions = {}): number {
  const log = logOf(lab, name);
  mkdirSync(dirname(log), { recursive: true });
  const out = openSync(log, "a", 0o600);
  const [program, ...args] = command;
  if (program === undefined) throw new Error(`${name}: no program given`);
  const child = spawn(program, args, { stdio: ["ignore", out, out], detached: true, ...options });
  closeSync(out);
  if (child.pid === undefined) throw new Error(`${name}: ${program} could not be started`);
  child.unref();
  recordProcess(lab, name, child.pid);
  return child.pid;
}

/** Stops recorded processes, newest first: SIGTERM, then SIGKILL after the grace period. Resolves when all are gone. */
export async function stopRecorded(
  lab: Lab,
  options: { only?: (name: string) => boolean; graceMs?: number } = {},
): Promise<void> {
  const wanted = recordedProcesses(lab).filter((p) => options.only?.(p.name) ?? true);
  for (const process of wanted.reverse()) await stopProcess(process, options.graceMs ?? 10_000);
}

async function stopProcess(recorded: RecordedProcess, graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  if (isRunning(recorded)) signal(recorded, "SIGTERM");
  while (isRunning(recorded)) {
    if (Date.now() > deadline) signal(recorded, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function signal(recorded: RecordedProcess, name: NodeJS.Signals): void {
  try {
    process.kill(recorded.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
