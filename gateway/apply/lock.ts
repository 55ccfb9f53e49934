// One hermes-apply changes the droplet at a time, and one sends backups. The locks are in a folder that only root can enter,
// because any account that can open a file can lock it.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { BACKUP_LOCK, LOCK } from "./places.ts";

/** How long a run waits for another one to end. */
const LOCK_SECONDS = 60;
/** What flock exits with when the lock was not free in time; no code of hermes-apply's own. */
export const LOCK_BUSY = 75;

/** They only look, or change nothing of hermes'. */
const UNLOCKED = ["status", "doctor", "openclaw"];

/** The lock that a run holds; undefined if it needs none. */
export function lockOf([verb = "", what = ""]: string[]): string | undefined {
  if (UNLOCKED.includes(verb)) return undefined;
  return verb === "backup" && what === "bucket" ? BACKUP_LOCK : LOCK;
}

/**
 * Runs a command that holds the lock. The lock is the kernel's: gone with that process, and those that it gave it to.
 *
 * @throws Error that names the holder when the lock is not free in time
 */
export function runLocked(
  path: string,
  command: string[],
  seconds = LOCK_SECONDS,
): { status: number | null; signal: NodeJS.Signals | null } {
  const wait = ["--wait", String(seconds), "--conflict-exit-code", String(LOCK_BUSY)];
  const env = { ...process.env, HERMES_APPLY_LOCKED: "1" };
  prepareLock(path);
  const { status, signal, error } = spawnSync("flock", [...wait, "--no-fork", path, ...command], {
    stdio: "inherit",
    env,
  });
  if (error !== undefined) throw error;
  if (status !== LOCK_BUSY) return { status, signal };
  const what = path === BACKUP_LOCK ? "another backup into the bucket" : "another hermes-apply";
  throw new Error(
    `${what} is still running after ${seconds} s: ${holderOf(path)}. Run the command again when it has ended.`,
  );
}

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
