import { findModel, openrouterId, shippedList } from "../models/list";
import type { LocalModelPlan } from "../planner/types";

/** A row of openclaw.json's `models.providers.*.models`. OpenClaw believes what it says. */
export interface ModelRow {
  id: string;
  name: string;
  /** Tokens of prompt and answer together. */
  contextWindow: number;
  /** Tokens of one answer. */
  maxTokens: number;
}

/** What every model that hermes lets pass without a word has: too short costs room, too long costs the turn. */
const UNKNOWN = { contextLength: 65_536, maxOutput: 8_192 };

/** An answer that is cut at this length is still a long one; a longer one ties up a free endpoint. */
const ANSWER_MAX = 32_768;

/**
 * The row of `openrouter/VENDOR/MODEL`, from the list that came with hermes only: what OpenRouter says at the moment
 * would change the file from run to run.
 */
export function openrouterRow(model: string): ModelRow {
  const id = openrouterId(model);
  const { contextLength, maxOutput } = { ...UNKNOWN, ...findModel(shippedList().models, id) };
  return { id, name: id, contextWindow: contextLength, maxTokens: Math.min(maxOutput, ANSWER_MAX) };
}

/** A row of the local model; `params` go to Ollama as they are. */
export interface OllamaRow extends ModelRow {
  input: string[];
  /** What OpenClaw uses of the window: without it, it takes 32,768 of a local model at most. */
  contextTokens: number;
  params: { num_ctx: number; num_batch: number; keep_alive: number; thinking: boolean };
}

/** On a CPU many minutes; a longer answer is one that nobody waits for. */
const LOCAL_ANSWER_MAX = 4_096;

/** Ollama's row, with the context and the batch that the memory was planned for. */
export function ollamaRow(local: LocalModelPlan): OllamaRow {
  const { tag, nativeContext, contextTokens, batch } = local;
  return {
    id: tag,
    name: tag,
    input: ["text"],
    contextWindow: nativeContext,
    contextTokens,
    maxTokens: LOCAL_ANSWER_MAX,
    // Loaded once and for good: the next turn finds its prompt's prefix in the cache.
    params: { num_ctx: contextTokens, num_batch: batch, keep_alive: -1, thinking: false },
  };
}
