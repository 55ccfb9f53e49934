import { MEASURED, type Constants } from "./measured";
import type { GatewayLimits } from "./types";

/**
 * MemTotal that Linux reports for a droplet's nominal memory, MiB; estimated, kernel and firmware keep the rest.
 * hermes-apply reads /proc/meminfo before it installs a model.
 */
const MEM_TOTAL: readonly (readonly [nominalMiB: number, memTotalMiB: number])[] = [
  [1024, 960],
  [2048, 1945],
  [4096, 3910],
  [8192, 7900],
  [16384, 15_900],
  [32768, 31_900],
];

/** Share of the memory beyond the table that Linux reports. */
const BEYOND = 0.97;

/** Straight lines between the sizes of the table, so that more memory is never less. */
export function memTotalMiB(nominalMiB: number): number {
  let [nominal, total] = [0, 0];
  for (const [nextNominal, nextTotal] of MEM_TOTAL) {
    const slope = (nextTotal - total) / (nextNominal - nominal);
    if (nominalMiB <= nextNominal) return Math.floor(total + (nominalMiB - nominal) * slope);
    [nominal, total] = [nextNominal, nextTotal];
  }
  return Math.floor(total + (nominalMiB - nominal) * BEYOND);
}

/** What stays free beside a local model, MiB. */
export function headroomMiB(memTotal: number, constants: Constants = MEASURED): number {
  return Math.max(constants.headroomMinMiB, Math.ceil((memTotal * constants.headroomPercent) / 100));
}

/** What of the droplet the gateway's unit does not get, MiB. */
export interface Shares {
  swapMiB: number;
  /** MemoryMax of Ollama's unit; 0 without a local model. */
  ollamaMaxMiB: number;
}

/** MemorySwapMax of the gateway's unit: the swap that agents and MCP servers may use. */
export const gatewaySwapMiB = (swapMiB: number): number => Math.floor(swapMiB / 4);

/**
 * Limits of the gateway's unit: everything that system and local model do not need, and a quarter of the swap. No
 * MemoryHigh: with the swap used up the kernel would slow the gateway to a crawl there and never end it, so that systemd
 * starts none anew (seen in a virtual machine: 1.7 MiB in 281 s).
 */
export function gatewayLimits(
  memTotal: number,
  { swapMiB, ollamaMaxMiB }: Shares,
  constants: Constants = MEASURED,
): GatewayLimits {
  const share = memTotal - ollamaMaxMiB;
  const memoryMaxMiB = share - constants.systemMiB;
  // 768 of 1,945: the largest heap that was measured well below the limit on 2 GB. Above 4 GiB nothing is gained.
  const heapMiB = Math.min(4096, Math.floor((share * 0.4) / 64) * 64);
  return { memoryMaxMiB, swapMaxMiB: gatewaySwapMiB(swapMiB), heapMiB };
}
