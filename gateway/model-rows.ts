/** A row of openclaw.json's `models.providers.*.models`. OpenClaw believes what it says. */
export interface ModelRow {
  id: string;
  name: string;
  /** Tokens of prompt and answer together. */
  contextWindow: number;
  /** Tokens of one answer. */
  maxTokens: number;
}

/** [context window, longest answer] in tokens, of the free tool-capable ids that OpenRouter listed on 2026-11-10. */
const OPENROUTER: Readonly<Record<string, readonly [number, number]>> = {
  "google/gemma-4-31b-it:free": [262_144, 32_768],
  "google/gemma-4-26b-a4b-it:free": [262_144, 32_768],
  "nvidia/nemotron-3-ultra-550b-a55b:free": [1_000_000, 65_536],
  "nvidia/nemotron-3-nano-omni-30b-a3b-reasoning:free": [256_000, 65_536],
  "nvidia/nemotron-3.5-lightning:free": [1_000_000, 65_536],
  "nvidia/nemotron-3.5-super-vl:free": [1_000_000, 131_072],
  "cohere/north-mini-code:free": [256_000, 64_000],
  "thinkingmachines/inkling-2-small:free": [1_048_576, 131_072],
  "recursive/flint-v1.0:free": [262_144, 235_929],
  "liquid/lfm-3-1.7b:free": [262_144, 8_192],
  "liquid/lfm-2.5-2.6b:free": [65_536, 8_192],
  "openrouter/free": [200_000, 4_096],
  "openai/gpt-oss-20b": [131_072, 32_768],
};

const UNKNOWN = [131_072, 8_192] as const;

/** An answer that is cut at this length is still a long one; a longer one ties up a free endpoint. */
const ANSWER_MAX = 32_768;

/** `openrouter/VENDOR/MODEL` as OpenRouter's own id; its routers are of the vendor "openrouter". */
export function openrouterRow(model: string): ModelRow {
  const rest = model.slice("openrouter/".length);
  const id = rest.includes("/") ? rest : `openrouter/${rest}`;
  const [contextWindow, longest] = OPENROUTER[id] ?? UNKNOWN;
  return { id, name: id, contextWindow, maxTokens: Math.min(longest, ANSWER_MAX) };
}
