import fc from "fast-check";
import { findLocalModel, localModels, type LocalModel, type PlanInput, type Size } from "../../planner";
import type { CacheType, OllamaMode } from "../../planner";

/** From the smallest cache to the largest. */
export const CACHE_TYPES: CacheType[] = ["q4_0", "q8_0", "f16"];

/** What the hermes stack asks for, with changes. */
export function input(changes: Partial<PlanInput> & { model?: string } = {}): PlanInput {
  const { model, ...rest } = changes;
  return {
    size: "s-1vcpu-2gb",
    region: "nyc3",
    swapGiB: 4,
    volumeGiB: 10,
    agents: 1,
    stdioMcpServers: 0,
    ollama: "auto",
    localModel: { contextTokens: 65_536, cacheType: "q8_0", ...(model === undefined ? {} : { model }) },
    ...rest,
  };
}

/** A size whose disk is no question. */
export function sizeOf(memoryMiB: number, diskGiB = 1000): Size {
  const slug = `${memoryMiB}m`;
  return { slug, memoryMiB, diskGiB, vcpus: 8, monthlyUsd: memoryMiB / 100, hourlyUsd: 1, available: true };
}

export function knownModel(tag: string): LocalModel {
  const model = findLocalModel(tag);
  if (model === undefined) throw new Error(`${tag} is not in the table`);
  return model;
}

export const anyModel = fc.constantFrom(...localModels());

export const anyMemory = fc.integer({ min: 512, max: 262_144 });

export const anyContext = fc.integer({ min: 16_384, max: 1_048_576 });

export const anyInput: fc.Arbitrary<PlanInput> = fc.record({
  size: fc.constant("any"),
  region: fc.constant("nyc3"),
  swapGiB: fc.nat(50),
  volumeGiB: fc.nat(100),
  agents: fc.integer({ min: 1, max: 20 }),
  stdioMcpServers: fc.nat(5),
  ollama: fc.constantFrom<OllamaMode>("auto", "required", "off"),
  localModel: fc.record(
    {
      model: fc.constantFrom(...localModels().map(({ tag }) => tag), "unheard-of:1b"),
      contextTokens: anyContext,
      cacheType: fc.constantFrom(...CACHE_TYPES),
    },
    { requiredKeys: ["contextTokens", "cacheType"] },
  ),
});
