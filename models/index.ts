import * as pulumi from "@pulumi/pulumi";
import type { ChainReport } from "./check";

export { chainOf, ownChainOf } from "./chain";
export { checkChain, type ChainReport } from "./check";
export { shippedList, type ListedModel, type ModelList } from "./list";
export { loadModels } from "./lookup";

/**
 * What is worth knowing of a chain that may run, in the engine's output. Nothing of OpenRouter's answer goes into a
 * resource: what it lists today must not change a droplet that nobody edited.
 */
export async function sayChain({ warnings, notes }: ChainReport): Promise<void> {
  await Promise.all([
    ...warnings.map((warning) => pulumi.log.warn(warning)),
    ...notes.map((note) => pulumi.log.info(note)),
  ]);
}
