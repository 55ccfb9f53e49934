/** How well a figure is known. `measured`: by a run; `sourced`: read in code or documentation; `estimate`: a guess. */
type Mark = "measured" | "sourced" | "estimate";

interface Figure {
  value: number;
  mark: Mark;
  /** Where it is from; for docs/memory.md too. */
  source: string;
}

/** What the planner takes for granted, MiB where the name ends in it. docs/memory.md shows them. */
export const FIGURES = {
  /** Debian 13 with tailscaled, sshd and journald. */
  systemMiB: {
    value: 250,
    mark: "estimate",
    source: "tailscaled, sshd, journald: 67 MiB measured; the kernel: 148 MiB measured",
  },
  /** The gateway with its first agent and a command of the operator beside it, after turns. */
  gatewayMiB: {
    value: 1150,
    mark: "measured",
    source:
      "npm run bench -- memory, OpenClaw 2026.9.6, Node 24, one CPU, limit of 2 GiB: 1,211 MiB for a whole droplet with " +
      "one agent, less 67 for tailscaled, sshd and journald, which `systemMiB` counts; 140 of it are `openclaw` commands",
  },
  /** Each agent after the first. */
  furtherAgentMiB: {
    value: 150,
    mark: "measured",
    source: "the same: 1,464 MiB with two agents, and 1,893 instead of 1,652 with a third and two stdio MCP servers",
  },
  /** One stdio MCP server in one agent's session: each session starts a copy of its own. */
  stdioMcpServerMiB: {
    value: 70,
    mark: "measured",
    source: "the same: 1,652 MiB with two servers in each of two agents' sessions, 1,734 over 30 turns with restarts",
  },
  /** Checkpoints of recurrent state that Ollama's own engine makes room for when it loads a model. */
  checkpoints: {
    value: 24,
    mark: "sourced",
    source: "Ollama 0.24.0, kvcache/recurrent.go: one per 1,664 tokens, no setting; llama-server: 4, which hermes sets",
  },
  /** The same in the llama.cpp that the pinned Ollama carries for other models. */
  llamaCppCheckpoints: {
    value: 0,
    mark: "sourced",
    source: "Ollama 0.24.0, runner/llamarunner: it keeps none; llama-server: 4, which hermes sets",
  },
  /** Sliding-window caches that are kept beside the one in use. */
  slidingWindowCopies: {
    value: 4,
    mark: "estimate",
    source:
      "Ollama 0.24.0 keeps 4,096 tokens instead of the window for gpt-oss and gemma4: 2 to 6 times as much again; " +
      "llama-server: 4 checkpoints",
  },
  /** Cap of the runner's cache of earlier prompts. */
  promptCacheMiB: {
    value: 0,
    mark: "sourced",
    source: "Ollama 0.24.0 has none; llama-server: 256, which hermes sets (its default is 8192)",
  },
  /** `ollama serve` itself. */
  ollamaServeMiB: {
    value: 128,
    mark: "measured",
    source: "Ollama 0.24.0, its peak while a model is pulled and loaded: 101 to 107 MiB (npm run test:ollama)",
  },
  /** The runner before it has loaded anything. */
  runnerMiB: { value: 90, mark: "measured", source: "87 MiB, node-llama-cpp 3.22.1 on a CPU" },
  /** Kept free beside a local model, at least. */
  headroomMinMiB: { value: 512, mark: "estimate", source: "room for one of the agents' commands and the page cache" },
  /** Kept free beside a local model, percent of MemTotal. */
  headroomPercent: { value: 8, mark: "estimate", source: "the same, growing with the size" },
  /** What Ollama's MemoryMax is above the sum of its lines, at least. */
  ollamaMarginMinMiB: {
    value: 256,
    mark: "estimate",
    source: "pages of the model file and of a pull count in the unit's memory until they are written or taken back",
  },
  /** The same, percent of the sum of its lines. */
  ollamaMarginPercent: {
    value: 5,
    mark: "estimate",
    source: "measured loads of three shapes stayed below the sum of their lines; this is for what was not measured",
  },
} as const satisfies Record<string, Figure>;

export type Constants = { -readonly [Name in keyof typeof FIGURES]: number };

/** The constants that hermes ships, as plain numbers. */
export const MEASURED: Constants = Object.fromEntries(
  Object.entries(FIGURES).map(([name, { value }]) => [name, value]),
) as Constants;

/** The planner's first table: a gateway before it was measured, and a newer Ollama. docs/memory.md compares. */
export const FIRST_ESTIMATE: Constants = {
  ...MEASURED,
  gatewayMiB: 900,
  furtherAgentMiB: 0,
  stdioMcpServerMiB: 0,
  ollamaServeMiB: 100,
  checkpoints: 4,
  llamaCppCheckpoints: 4,
  promptCacheMiB: 256,
};
