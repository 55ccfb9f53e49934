import type { HermesConfig } from "../config/types";
import { shippedCatalogue, type Catalogue } from "../planner";
import { shippedList, type ModelList } from "../planner/openrouter/list";
import type { PolicySettings } from "./types";

/** What the rules hold this stack against. */
export function policySettings(
  { models, policy }: Pick<HermesConfig, "models" | "policy">,
  known: { catalogue: Catalogue; models: ModelList; sandbox: boolean; secrets: Record<string, string> },
): PolicySettings {
  return {
    ...known,
    allowPaidModels: models.allowPaid,
    // The list that came with hermes is only a part of what there is.
    allowUnknownModels: models.allowUnknown || known.models.source === "shipped",
    maxMonthlyUsd: policy.maxMonthlyUsd,
  };
}

/** The strictest, by what came with hermes: where nothing of a stack is known but its resources. */
export function strictSettings(): PolicySettings {
  return {
    catalogue: shippedCatalogue(),
    models: shippedList(),
    allowPaidModels: false,
    allowUnknownModels: false,
    sandbox: false,
    secrets: {},
  };
}
