import type { GatewayLimits } from "./types";

/**
 * Memory arithmetic for a droplet that runs the gateway alone. All figures MiB.
 *
 * Measured with OpenClaw 2026.9.6 on Node 24 and two agents after eight turns, one CPU, 2 GiB limit: resident
 * 1.13–1.22 GB, peak 1.21–1.33 GB; with the page cache 1,357 MiB at a heap limit of 768 and 1,593 at 1,472.
 */

/** Debian 13 with tailscaled, sshd and journald. */
export const SYSTEM_MIB = 250;

/** The gateway's measured peak, 1.33 GB. */
export const GATEWAY_PEAK_MIB = 1270;

/** MemTotal that Linux reports for a droplet's nominal memory; estimated, the kernel and firmware keep the rest. */
const MEM_TOTAL: Readonly<Record<number, number>> = {
  1024: 960,
  2048: 1945,
  4096: 3910,
  8192: 7900,
  16384: 15_900,
  32768: 31_900,
};

export function memTotalMiB(nominalMiB: number): number {
  return MEM_TOTAL[nominalMiB] ?? Math.floor(nominalMiB * 0.97);
}

export function gatewayLimits(memTotal: number): GatewayLimits {
  const memoryMaxMiB = memTotal - SYSTEM_MIB;
  const memoryHighMiB = memoryMaxMiB - Math.max(96, Math.ceil(memoryMaxMiB * 0.06));
  // 768 of 1,945: the largest heap that was measured well below MemoryHigh on 2 GB. Above 4 GiB nothing is gained.
  const heapMiB = Math.min(4096, Math.floor((memTotal * 0.4) / 64) * 64);
  return { memoryHighMiB, memoryMaxMiB, heapMiB };
}
