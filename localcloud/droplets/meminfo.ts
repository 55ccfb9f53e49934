/** Figures of /proc/meminfo as a droplet should see them, in bytes. */
export interface MemoryFigures {
  /** Of the size, as it is sold. */
  sizeMiB: number;
  used: number;
  cache: number;
  swapTotal: number;
  swapUsed: number;
}

/** What kernel and firmware keep of a droplet's memory: a 2 GB one reports 1,945 MiB, about 5 % less than it is sold as. */
const visibleMemoryMiB = (sizeMiB: number): number => Math.floor(sizeMiB * 0.95);

/**
 * Text for /proc/meminfo. Its length does not depend on the figures, so that it can be overwritten in place while
 * someone reads.
 */
export function renderMeminfo(figures: MemoryFigures): string {
  const total = visibleMemoryMiB(figures.sizeMiB) * 1024;
  const kib = (bytes: number) => Math.max(0, Math.round(bytes / 1024));
  const clamp = (value: number) => Math.min(total, Math.max(0, value));
  const cache = clamp(kib(figures.cache));
  const free = clamp(total - kib(figures.used));
  const lines: [string, number][] = [
    ["MemTotal", total],
    ["MemFree", free],
    ["MemAvailable", clamp(free + cache)],
    ["Buffers", 0],
    ["Cached", cache],
    ["SwapCached", 0],
    ["Active", clamp(total - free - cache)],
    ["Inactive", cache],
    ["SwapTotal", kib(figures.swapTotal)],
    ["SwapFree", kib(figures.swapTotal - figures.swapUsed)],
    ["Dirty", 0],
    ["Shmem", 0],
    ["SReclaimable", 0],
  ];
  return lines.map(([name, value]) => `${`${name}:`.padEnd(16)}${String(value).padStart(12)} kB\n`).join("");
}
