import { findModel, openrouterId, shippedList } from "../planner/openrouter/list";

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
