import { findSize, type Catalogue, type Size } from "./catalogue";
import { cost, type Cost } from "./cost";
import { GATEWAY_PEAK_MIB, gatewayLimits, memTotalMiB, SYSTEM_MIB, type GatewayLimits } from "./memory";

/** What of the configuration decides memory and cost. */
export interface PlanInput {
  size: string;
  swapGiB: number;
  volumeGiB: number;
}

/** What the droplet's memory is for, MiB; the stack's output `memory`. */
export interface MemoryPlan {
  /** What Linux will report as MemTotal (estimate). */
  memTotalMiB: number;
  lines: { what: string; mib: number }[];
  /** Left at the gateway's peak, swap not counted. */
  headroomMiB: number;
  /** Takes what agents' commands and installs need beyond that; never counted as memory. */
  swapMiB: number;
}

export interface Plan {
  size: Size;
  memory: MemoryPlan;
  /** For the gateway's systemd unit. */
  limits: GatewayLimits;
  cost: Cost;
}

/**
 * Memory and cost of a checked configuration.
 * @throws Error when the size is not in the catalogue, which the configuration's rules have refused before.
 */
export function plan(config: PlanInput, catalogue: Catalogue): Plan {
  const size = findSize(catalogue, config.size);
  if (size === undefined) throw new Error(`size ${config.size} is not in the catalogue`);
  const memTotal = memTotalMiB(size.memoryMiB);
  const lines = [
    { what: "system", mib: SYSTEM_MIB },
    { what: "gateway at its peak", mib: GATEWAY_PEAK_MIB },
  ];
  const headroomMiB = memTotal - lines.reduce((sum, { mib }) => sum + mib, 0);
  return {
    size,
    memory: { memTotalMiB: memTotal, lines, headroomMiB, swapMiB: config.swapGiB * 1024 },
    limits: gatewayLimits(memTotal),
    cost: cost(size, config.volumeGiB, catalogue),
  };
}

export type { Catalogue, Cost, GatewayLimits, Size };
export { shippedCatalogue } from "./catalogue";
