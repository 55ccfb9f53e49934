import { canonicalModel } from "../config/models";
import type { AgentConfig, HermesConfig } from "../config/types";

/** Models in the order of trial, each with its provider: OpenClaw's `model`. */
export interface Chain {
  primary: string;
  fallbacks: string[];
}

/**
 * The chain that openclaw.json gets. A local model stands where the configuration puts it, else last: it is slow, and
 * the only one that no quota and no outage takes away. One that is not installed is left out, since OpenClaw would try
 * its closed port for about 70 s in every turn.
 *
 * @param installed - tag of the model that the droplet runs, for example "qwen3.5:9b"; absent: none
 */
export function chainOf({ models }: Pick<HermesConfig, "models">, installed?: string): Chain {
  const usable = [models.primary, ...models.fallbacks].filter((model) => canRun(model, installed));
  if (installed !== undefined && !usable.includes(local(installed))) usable.push(local(installed));
  const [primary, ...fallbacks] = usable;
  // Nothing else was asked for: an answer that names the missing model says more than an empty chain.
  return primary === undefined ? { primary: models.primary, fallbacks: models.fallbacks } : { primary, fallbacks };
}

/**
 * The chain of an agent with a model of its own, which OpenClaw takes as strict: the common chain follows it only when
 * it is said again. Undefined where the common chain serves as it is.
 */
export function ownChainOf(
  agent: Pick<AgentConfig, "model">,
  config: Pick<HermesConfig, "models">,
  installed?: string,
): Chain | undefined {
  const { model } = agent;
  if (model === undefined || !canRun(model, installed)) return undefined;
  const { primary, fallbacks } = chainOf(config, installed);
  const others = [primary, ...fallbacks].filter((other) => canonicalModel(other) !== canonicalModel(model));
  return { primary: model, fallbacks: others };
}

const local = (tag: string): string => `ollama/${tag}`;

const canRun = (model: string, installed?: string): boolean =>
  !model.startsWith("ollama/") || (installed !== undefined && model === local(installed));
