import * as pulumi from "@pulumi/pulumi";
import { ConfigError, type HermesConfig } from "../config";
import { checkChain } from "./check";
import { loadModels } from "./lookup";

export { chainOf, ownChainOf, type Chain } from "./chain";
export { checkChain, type ChainReport } from "./check";
export { shippedList, type ListedModel, type ModelList, type Price } from "./list";
export { loadModels } from "./lookup";

/**
 * Asks OpenRouter about the models that the stack names, and says what is worth knowing. Nothing of the answer goes into
 * a resource: what OpenRouter lists today must not change a droplet that nobody edited.
 *
 * @throws ConfigError with every model that cannot serve, before any resource is registered
 */
export async function checkModels(config: HermesConfig): Promise<void> {
  const own = Object.values(config.agents).map(({ model }) => model);
  const named = [config.models.primary, ...config.models.fallbacks, ...own];
  if (!named.some((model) => model?.startsWith("openrouter/"))) return;
  const { problems, warnings, notes } = checkChain(config, await loadModels(config.stack));
  await Promise.all(warnings.map((warning) => pulumi.log.warn(warning)));
  await Promise.all(notes.map((note) => pulumi.log.info(note)));
  if (problems.length > 0) throw new ConfigError(config.stack, problems);
}
