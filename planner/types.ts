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

/** What takes memory on a droplet. */
export interface Load {
  /** Number of agents. */
  agents: number;
  /** MCP servers that are processes of the droplet; those behind a URL cost it nothing. */
  stdioMcpServers: number;
  localModel: LocalModelRequest;
}

/** Memory of a droplet, MiB; swap is not in it. */
export interface Budget {
  lines: MemoryLine[];
  /** Sum of the lines. */
  totalMiB: number;
  /** Kept free beside a local model; 0 without one. */
  headroomMiB: number;
  /** What Linux will report as MemTotal (estimate). */
  memTotalMiB: number;
}

/** What of the configuration decides memory and cost. */
export interface PlanInput extends Load {
  size: string;
  /** Sizes are proposed for this region where the catalogue knows what it sells. */
  region: string;
  swapGiB: number;
  volumeGiB: number;
  ollama: OllamaMode;
}

export interface LocalModelRequest {
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
  /** MemoryMax: what system and local model do not need; the gateway is killed here, never sshd or tailscaled. */
  memoryMaxMiB: number;
  /** MemorySwapMax: MemoryMax counts no swap, and a leak would fill all of it before anything is ended. */
  swapMaxMiB: number;
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

/** One model weighed on one size. */
export interface Weighing {
  /** Ollama's tag. */
  tag: string;
  /** `no` also where memory would do: below 8 GB, without tools, a context beyond the native one, too small a disk. */
  outcome: Outcome;
  /** What speaks against it, one sentence each, with figures; empty when it fits. */
  objections: string[];
  /** Memory with that model; without its lines where its shape is not known. */
  budget: Budget;
}

/** Whether a local model runs, and why. */
export interface LocalDecision extends Weighing {
  mode: OllamaMode;
  /**
   * The model that was weighed: the one asked for, else the best that fits this size, else the best for the cheapest size
   * that carries one. Its outcome does not know the mode: only `install` says what will be there.
   */
  tag: string;
  /** For people: what is done, what it takes, what there is, what is missing. */
  why: string;
  /** What to do to have a local model; absent when there is nothing to do. */
  fix?: string;
  /** Cheapest size of the region that would carry it with headroom; absent: none does, or this one does. */
  fittingSize?: { slug: string; monthlyUsd: number };
  /** Best tool-capable model for the chosen size; absent: none fits. */
  bestForSize?: string;
  /** Set when it will be installed. */
  install?: LocalModelPlan;
}
