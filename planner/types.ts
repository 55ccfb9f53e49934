/** Element type of a model's KV cache; the smaller ones need flash attention. */
export type CacheType = "f16" | "q8_0" | "q4_0";

/**
 * Whether Ollama is installed. `auto`: where a model fits, by itself from 16 GB, on 8 GB only a model asked for by name;
 * `required`: an error at preview where it does not fit; `off`: never.
 */
export type OllamaMode = "auto" | "required" | "off";

/** `fits`: with headroom; `tight`: without; `no`: not at all. */
export type Outcome = "fits" | "tight" | "no";

/** One line of the memory budget. */
export interface MemoryLine {
  /** For people, for example "KV cache, 65,536 tokens, q8_0". */
  what: string;
  mib: number;
  part: "system" | "gateway" | "local model";
}

/** What of the configuration decides memory and cost. */
export interface PlanInput {
  size: string;
  /** Sizes are proposed for this region where the catalogue knows what it sells. */
  region: string;
  swapGiB: number;
  volumeGiB: number;
  /** Number of agents. */
  agents: number;
  /** MCP servers that are processes of the droplet; those behind a URL cost it nothing. */
  stdioMcpServers: number;
  ollama: OllamaMode;
  localModel: LocalModelWish;
}

export interface LocalModelWish {
  /** Ollama's tag, for example "qwen3.5:9b"; absent: the best that fits. */
  model?: string;
  /** Tokens of prompt and answer together that the cache is made for. */
  contextTokens: number;
  cacheType: CacheType;
}

/** What the droplet's memory is for, MiB; the stack's output `memory`. */
export interface MemoryPlan {
  /** What Linux will report as MemTotal (estimate). */
  memTotalMiB: number;
  /** Sum of the lines. */
  totalMiB: number;
  lines: MemoryLine[];
  /** MemTotal less the total; swap not counted. */
  spareMiB: number;
  /** Takes what agents' commands and installs need beyond that; never counted as memory. */
  swapMiB: number;
}

/** Limits of systemd units, MiB. */
export interface GatewayLimits {
  /** MemoryHigh: from here the kernel slows the gateway and takes its cache back. */
  memoryHighMiB: number;
  /** MemoryMax: what system and local model do not need; the gateway is killed here, never sshd or tailscaled. */
  memoryMaxMiB: number;
  /** Node's --max-old-space-size; a hand-written unit does not get OpenClaw's adaptive one. */
  heapMiB: number;
}

/** The local model that will be installed. */
export interface LocalModelPlan {
  /** Ollama's tag. */
  tag: string;
  contextTokens: number;
  /** What the model was trained for; at least contextTokens. */
  nativeContext: number;
  cacheType: CacheType;
  /** Physical batch; larger ones take more compute buffer. */
  batch: number;
  /** Size of its file, bytes; as much again is free on disk while it is pulled. */
  fileBytes: number;
  /** MemoryMax of Ollama's unit, MiB: everything of the local model's lines and a little more. */
  memoryMaxMiB: number;
  /** Environment of Ollama's unit. */
  environment: Record<string, string>;
}

/** Whether a local model runs, and why. */
export interface LocalDecision {
  mode: OllamaMode;
  /** The model that was weighed: the one asked for, else the best of those that fit, else the smallest capable one. */
  tag: string;
  outcome: Outcome;
  /** For people, a sentence or two, with figures. */
  why: string;
  /** The budget with that model, also when it is not installed. */
  budget: { lines: MemoryLine[]; totalMiB: number; headroomMiB: number; memTotalMiB: number };
  /** Cheapest size of the region that would carry it with headroom; absent: none does, or none is needed. */
  fittingSize?: { slug: string; monthlyUsd: number };
  /** Best tool-capable model for the chosen size; absent: none fits. */
  bestForSize?: string;
  /** Set when it will be installed. */
  install?: LocalModelPlan;
}
