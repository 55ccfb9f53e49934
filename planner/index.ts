import { findSize, type Catalogue, type Size } from "./catalogue";
import { cost, type Cost } from "./cost";
import { GATEWAY_PEAK_MIB, gatewayLimits, memTotalMiB, SYSTEM_MIB } from "./memory";
import type { GatewayLimits, LocalDecision, MemoryLine, MemoryPlan, PlanInput } from "./types";

export interface Plan {
  size: Size;
  memory: MemoryPlan;
  /** For the gateway's systemd unit. */
  limits: GatewayLimits;
  cost: Cost;
  /** The local model, or why there is none. */
  local: LocalDecision;
}

/**
 * Memory and cost of a checked configuration.
 * @throws Error when the size is not in the catalogue, which the configuration's rules have refused before.
 */
export function plan(config: PlanInput, catalogue: Catalogue): Plan {
  const size = findSize(catalogue, config.size);
  if (size === undefined) throw new Error(`size ${config.size} is not in the catalogue`);
  const memTotal = memTotalMiB(size.memoryMiB);
  const lines: MemoryLine[] = [
    { what: "system", mib: SYSTEM_MIB, part: "system" },
    { what: "gateway at its peak", mib: GATEWAY_PEAK_MIB, part: "gateway" },
  ];
  const totalMiB = lines.reduce((sum, { mib }) => sum + mib, 0);
  return {
    size,
    memory: { memTotalMiB: memTotal, totalMiB, lines, spareMiB: memTotal - totalMiB, swapMiB: config.swapGiB * 1024 },
    limits: gatewayLimits(memTotal),
    cost: cost(size, config.volumeGiB, catalogue),
    local: {
      mode: config.ollama,
      tag: config.localModel.model ?? "",
      outcome: "no",
      why: "",
      budget: { lines, totalMiB, headroomMiB: 0, memTotalMiB: memTotal },
    },
  };
}

export type { Catalogue, Cost, Size };
export type * from "./types";
export { shippedCatalogue } from "./catalogue";
