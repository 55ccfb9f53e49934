import { nearest } from "../lib/nearest";
import table from "./models.json";

/** What of a model decides its memory, and whether agents can use it. `models.json` says where each is from. */
export interface LocalModel {
  /** Ollama's tag, for example "qwen3.5:9b". */
  tag: string;
  fileBytes: number;
  /** `exact`, `rounded` to 0.1 GB, `estimate`, `from memory`. */
  fileBasis: string;
  /** Tokens it was trained for; Ollama silently cuts a longer context down to it. */
  nativeContext: number;
  layers: number;
  /** Those whose cache grows with the context. */
  fullAttentionLayers: number;
  kvHeads: number;
  /** Length of a key vector. */
  kDim: number;
  /** Length of a value vector. */
  vDim: number;
  /** State of recurrent layers, MiB; does not grow with the context. */
  recurrentStateMiB: number;
  /** Who keeps checkpoints of that state: Ollama's own engine does, its llama.cpp does not. */
  engine: "ollama" | "llama.cpp";
  /** Cache of sliding-window layers at f16, MiB; does not grow with the context. */
  slidingWindowMiB: number;
  /** Compute buffer at batch 512, MiB. */
  computeMiB: number;
  /** How well the shape is known: `measured`, `sourced`, `derived`, `from memory`, … */
  basis: string;
  /** Ollama lets it call tools; agents work through them. */
  tools: boolean;
  /** What is known of how well it does; orders models, measures nothing. */
  toolEvidence: string;
  licence: string;
  /** The licence forbids commercial use: never proposed, taken by name. */
  nonCommercial: boolean;
  /** Place among the models that hermes proposes by itself, 1 the most able; absent: only asked for by name. */
  rank?: number;
}

/** When the table was true, ISO date. */
export const MODELS_AS_OF = table.as_of;

const MODELS: readonly LocalModel[] = table.models.map((row) => ({
  tag: row.tag,
  fileBytes: row.file_bytes,
  fileBasis: row.file_basis,
  nativeContext: row.native_context,
  layers: row.layers,
  fullAttentionLayers: row.full_attention_layers,
  kvHeads: row.kv_heads,
  kDim: row.k_dim,
  vDim: row.v_dim,
  recurrentStateMiB: row.recurrent_state_mib,
  engine: row.checkpoints === "none" ? "llama.cpp" : "ollama",
  slidingWindowMiB: row.sliding_window_mib_f16,
  computeMiB: row.compute_mib_batch_512,
  basis: row.basis,
  tools: row.tools,
  toolEvidence: row.tool_evidence,
  licence: row.licence,
  nonCommercial: row.non_commercial ?? false,
  ...(row.rank === undefined ? {} : { rank: row.rank }),
}));

/** Every model whose shape hermes knows, in the table's order. */
export function localModels(): readonly LocalModel[] {
  return MODELS;
}

export function findLocalModel(tag: string): LocalModel | undefined {
  return MODELS.find((model) => model.tag === tag);
}

/** Models that hermes proposes by itself, the most able first. */
export function proposedModels(): LocalModel[] {
  return MODELS.filter(({ rank }) => rank !== undefined).sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0));
}

/** Known tags that may be meant by an unknown one: of the same name, else the nearest in spelling. */
export function tagsNear(tag: string): string[] {
  const known = MODELS.map((model) => model.tag);
  const name = tag.slice(0, tag.lastIndexOf(":") + 1);
  const family = known.filter((candidate) => candidate.startsWith(name));
  const meant = nearest(tag, known);
  return family.length > 0 ? family : meant === undefined ? [] : [meant];
}
