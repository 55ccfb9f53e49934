import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { tryRun } from "../network/run";

/** One line of /proc/swaps that is a file. */
export interface SwapFile {
  /** As the droplet knows it. */
  path: string;
  sizeKiB: number;
  usedKiB: number;
  priority: number;
}

/** Files among the machine's swap. The kernel lists them by the path that they have inside of their droplet. */
export function parseSwaps(text: string): SwapFile[] {
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === "file")
    .map(([path = "", , size, used, priority]) => ({
      path: path.replace("\\040(deleted)", ""),
      ...{ sizeKiB: Number(size), usedKiB: Number(used), priority: Number(priority) },
    }));
}

/**
 * Swap files of one droplet that are on. Several droplets may have a /swapfile, so a line is this droplet's when its
 * file there is one that is on, and has the line's size.
 *
 * @param root the droplet's root file system.
 */
export function dropletSwaps(root: string, swaps = readFileSync("/proc/swaps", "utf8")): SwapFile[] {
  return parseSwaps(swaps)
    .filter(({ path, sizeKiB }) => isOn(join(root, path), sizeKiB))
    .filter(({ path }, index, all) => all.findIndex((other) => other.path === path) === index);
}

function isOn(file: string, sizeKiB: number): boolean {
  // The first page is the header.
  return existsSync(file) && Math.floor(statSync(file).size / 4096 - 1) * 4 === sizeKiB && isBusy(file);
}

/** The kernel lets nobody write to a file that it swaps to; asked with nothing to write. */
function isBusy(file: string): boolean {
  const descriptor = openSync(file, "r+");
  try {
    writeSync(descriptor, Buffer.alloc(0));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ETXTBSY";
  } finally {
    closeSync(descriptor);
  }
}

/** Text for the droplet's /proc/swaps: the kernel would show those of all droplets, and mkswap would then refuse. */
export function renderSwaps(swaps: SwapFile[]): string {
  const lines = swaps.map(
    ({ path, sizeKiB, usedKiB, priority }) => `${path.padEnd(40)}file\t\t${sizeKiB}\t\t${usedKiB}\t\t${priority}\n`,
  );
  return `Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n${lines.join("")}`;
}

/** Switches a droplet's swap off from outside: the kernel keeps it on when the container is gone. */
export async function releaseSwap(root: string): Promise<void> {
  for (const { path } of parseSwaps(readFileSync("/proc/swaps", "utf8"))) {
    const file = join(root, path);
    // swapoff(2) goes by the file, not the name, and refuses one that is not on.
    if (existsSync(file)) await tryRun(["swapoff", file]);
  }
}
