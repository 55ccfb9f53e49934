import * as pulumi from "@pulumi/pulumi";
import { planInput } from "../../config";
import { ConfigError } from "../../config/problem";
import type { HermesConfig } from "../../config/types";
import { findSize, plan, type Catalogue, type Plan } from "../../planner";
import type { Survey } from "../sweep";
import { currentState } from "./current-state";
import { plannedChanges } from "./planned-changes";

/**
 * Says what the change means that this run is about to make. Without a look at the account (no token) nothing is said.
 * @throws ConfigError with what would be refused halfway
 */
export async function sayChanges(
  seen: Survey | undefined,
  { config, chosen, catalogue }: { config: HermesConfig; chosen: Plan; catalogue: Catalogue },
): Promise<void> {
  if (seen === undefined) return;
  const now = currentState(seen);
  const size = now.droplet?.size ?? config.size;
  const known = size !== config.size && findSize(catalogue, size) !== undefined;
  const before = known ? plan(planInput({ ...config, size }), catalogue) : undefined;
  const { warnings, refusals } = plannedChanges({ now, config, plan: chosen, before, catalogue });
  if (refusals.length > 0) throw new ConfigError(config.stack, refusals);
  for (const warning of warnings) await pulumi.log.warn(warning);
}
