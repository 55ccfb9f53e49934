// One hermes-apply runs at a time. The lock is in a folder that only root can enter, because any account that can open a
// file can lock it.
import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { LOCK } from "./places.ts";

/** How long a run waits for another one to end. */
export const LOCK_SECONDS = 60;
/** What flock exits with when the lock was not free in time; no code of hermes-apply's own. */
export const LOCK_BUSY = 75;

/** Makes the folder of the lock, closed to everyone but root. */
export function prepareLock(path = LOCK): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  chmodSync(dirname(path), 0o700);
}

/**
 * The process that holds a lock, as people look for it: `process 4711 (hermes-apply activate)`.
 * @param locks - the kernel's list of locks, proc_locks(5)
 */
export function holderOf(path = LOCK, locks = readFileSync("/proc/locks", "utf8")): string {
  const inode = String(statSync(path).ino);
  const held = locks.split("\n").map((line) => line.trim().split(/\s+/));
  // A line of someone who waits has an arrow in the second place.
  const pid = held.find(([, kind, , , , file]) => kind === "FLOCK" && file?.split(":")[2] === inode)?.[4];
  return pid === undefined ? "a process that has ended since" : `process ${pid}${commandOf(pid)}`;
}

function commandOf(pid: string): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").filter(Boolean);
    return ` (${words.join(" ").slice(0, 200)})`;
  } catch {
    return "";
  }
}
