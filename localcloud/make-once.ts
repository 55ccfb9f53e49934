// What the labs of a machine share in their cache: each thing is made once, whoever asks first.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTimeOf } from "../lib/process-start";

/**
 * Makes a file or folder of the cache unless it exists. One process makes it at a time, also between clones that share the
 * cache; the others wait for it. The lock of a process that died does not count.
 * @param path - what `make` brings into being, by a rename when it is whole
 */
export async function makeOnce(
  path: string,
  make: () => Promise<unknown>,
  onProgress: (line: string) => void = () => undefined,
): Promise<void> {
  if (existsSync(path)) return;
  await withLock(`${path}.lock`, onProgress, async () => {
    if (!existsSync(path)) await make();
  });
}

async function withLock(path: string, onProgress: (line: string) => void, work: () => Promise<void>): Promise<void> {
  mkdirSync(join(path, ".."), { recursive: true });
  let told = false;
  while (!takeLock(path)) {
    if (!told) onProgress(`waiting for another build (${path})`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  try {
    await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function takeLock(path: string): boolean {
  try {
    const file = openSync(path, "wx");
    writeFileSync(file, JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) }));
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (holderIsGone(path)) rmSync(path, { force: true });
    return false;
  }
}

function holderIsGone(path: string): boolean {
  try {
    const holder = JSON.parse(readFileSync(path, "utf8")) as { pid: number; startTime: string };
    return startTimeOf(holder.pid) !== holder.startTime;
  } catch {
    // Just made and not yet written, or just removed.
    return false;
  }
}
