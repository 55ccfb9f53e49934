import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { startTimeOf } from "../../lib/process-start";

/** Who holds a stack's lock, as the engine says it. */
export interface Holder {
  host: string;
  pid: number;
}

const LOCKED = /the stack is currently locked by \d+ lock/;

/** Undefined: it is not about a lock. Empty: it does not say whose. */
export function holdersIn(words: string): Holder[] | undefined {
  if (!LOCKED.test(words)) return undefined;
  return [...words.matchAll(/created by \S*@(\S+) \(pid (\d+)\)/g)].map(([, host = "", pid]) => ({
    host,
    pid: Number(pid),
  }));
}

/** `dead` is proven: on this machine, and no such process, or one that is no pulumi. */
export type Holding = "dead" | "at work" | "elsewhere";

export function holdingOf(
  { host, pid }: Holder,
  here: string = hostname(),
  program: (pid: number) => string | undefined = programOf,
): Holding {
  if (host !== here) return "elsewhere";
  return program(pid) === "pulumi" ? "at work" : "dead";
}

/** Name of the program that runs under a number. */
function programOf(pid: number): string | undefined {
  if (process.platform !== "linux") return ps("comm", pid)?.split("/").at(-1);
  if (startTimeOf(pid) === undefined) return undefined;
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Whoever works on a sandbox, so that a later process of the same number is not taken for it. */
export const makerText = (): string => `${hostname()} ${process.pid} ${startOf(process.pid) ?? "?"}`;

/** For certain: it was on this machine. */
export function isDead(
  maker: string,
  here: string = hostname(),
  start: (pid: number) => string | undefined = startOf,
): boolean {
  const [, host, pid, started] = /^(\S+) (\d+) (.+)$/.exec(maker) ?? [];
  return host === here && start(Number(pid)) !== started;
}

const startOf = (pid: number): string | undefined =>
  process.platform === "linux" ? startTimeOf(pid) : ps("lstart", pid);

function ps(field: string, pid: number): string | undefined {
  const { stdout } = spawnSync("ps", ["-o", `${field}=`, "-p", String(pid)], { encoding: "utf8" });
  return (stdout ?? "").trim() || undefined;
}
