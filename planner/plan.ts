import { budget, sumMiB } from "./budget";
import { findSize, type Catalogue, type Size } from "./catalogue";
import { cost, type Cost } from "./cost";
import { decide } from "./decide";
import { MEASURED, type Constants } from "./measured";
import { gatewayLimits } from "./memory";
import type { GatewayLimits, LocalDecision, MemoryPlan, PlanInput } from "./types";

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
export function plan(input: PlanInput, catalogue: Catalogue, constants: Constants = MEASURED): Plan {
  const size = findSize(catalogue, input.size);
  if (size === undefined) throw new Error(`size ${input.size} is not in the catalogue`);
  const local = decide(input, size, catalogue, constants);
  const memory = memoryPlan(input, size, local, constants);
  return {
    size,
    memory,
    limits: gatewayLimits(
      memory.memTotalMiB,
      { swapMiB: memory.swapMiB, ollamaMaxMiB: local.install?.memoryMaxMiB ?? 0 },
      constants,
    ),
    cost: cost(size, input.volumeGiB, catalogue),
    local,
  };
}

/** What will be there: the local model's lines only when it is installed. */
function memoryPlan(input: PlanInput, size: Size, local: LocalDecision, constants: Constants): MemoryPlan {
  const { lines, memTotalMiB } = local.install ? local.budget : budget(size.memoryMiB, input, undefined, constants);
  const totalMiB = sumMiB(lines);
  return { memTotalMiB, totalMiB, lines, spareMiB: memTotalMiB - totalMiB, swapMiB: input.swapGiB * 1024 };
}
