// What a preview says of models and releases that pass its checks.
import * as pulumi from "@pulumi/pulumi";
import type { ChainReport } from "./model-chain";
import type { ReleaseReport } from "./release";

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

export async function sayRelease({ warnings }: ReleaseReport): Promise<void> {
  await Promise.all(warnings.map((warning) => pulumi.log.warn(warning)));
}
