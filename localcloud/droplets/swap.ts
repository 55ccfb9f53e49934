import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tryRun } from "../network/run";

export interface SwapArea {
  /** As a process of this machine can open it. */
  path: string;
  sizeBytes: number;
  usedBytes: number;
}

/**
 * Swap files that a droplet's system switched on. The kernel lists them by the path that they have inside of the
 * droplet, so any such path below the droplet's root is one: swapoff(2) goes by the file, not the name, and refuses
 * those that are none.
 */
export function dropletSwaps(root: string, swaps = readFileSync("/proc/swaps", "utf8")): SwapArea[] {
  return (
    swaps
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[1] === "file")
      .map(([file = "", , size = "0", used = "0"]) => ({
        path: join(root, file.replace("\\040(deleted)", "")),
        sizeBytes: Number(size) * 1024,
        usedBytes: Number(used) * 1024,
      }))
      .filter((area) => existsSync(area.path))
      // Two droplets may both have a /swapfile: one entry for each, of which ours has our file's size.
      .filter((area, index, all) => all.findIndex((other) => other.path === area.path) === index)
  );
}

/** Switches a droplet's swap off from outside: the kernel keeps it on when the container is gone. */
export async function releaseSwap(root: string): Promise<void> {
  for (const area of dropletSwaps(root)) await tryRun(["swapoff", area.path]);
}
