/** What a key's value is. */
export type KeyType = "string" | "integer" | "boolean" | "array" | "object";

/**
 * Every key of the `hermes:` namespace, in the order in which problems are told when the stack's file has no say.
 * The same list stands in Pulumi.yaml (without the types: the engine would tell of one wrong type at a time) and in
 * docs/configuration.md; tests compare the three.
 */
export const KEYS = {
  region: "string",
  size: "string",
  growDisk: "boolean",
  image: "string",
  swapGiB: "integer",
  ipv6: "boolean",
  access: "string",
  adminCidrs: "array",
  tailnet: "object",
  openclaw: "object",
  node: "object",
  models: "object",
  ollama: "string",
  localModel: "object",
  agents: "object",
  mcpServers: "object",
  telegram: "object",
  volumeGiB: "integer",
  backup: "object",
  verify: "object",
  policy: "object",
  bootstrapRevision: "integer",
  sources: "object",
  sandbox: "object",
  secrets: "object",
} as const satisfies Record<string, KeyType>;

export type Key = keyof typeof KEYS;

/** Keys that have no sensible default. */
export const REQUIRED = ["region", "size", "openclaw", "models", "agents"] as const satisfies readonly Key[];

export const KEY_NAMES = Object.keys(KEYS) as Key[];

/** Values of keys that may be left out; Pulumi.yaml repeats those of plain keys, a test compares. */
export const DEFAULTS = {
  growDisk: false,
  image: "debian-13-x64",
  swapGiB: 4,
  ipv6: true,
  access: "tailnet",
  volumeGiB: 10,
  bootstrapRevision: 1,
  tailnetTag: "tag:hermes",
  nodeVersion: "24.21.0",
  agentTurn: true,
  backupSchedule: "*-*-* 03:40:00",
  backupKeep: 14,
  ollama: "auto",
  contextTokens: 65_536,
  cacheType: "q8_0",
  ollamaUrl: "https://github.com/ollama/ollama/releases/download/v{version}/ollama-linux-amd64.tar.zst",
  nodeUrl: "https://nodejs.org/dist/v{version}/node-v{version}-linux-x64.tar.xz",
  tailscale: {
    url: "https://pkgs.tailscale.com/stable/debian",
    suite: "trixie",
    keyUrl: "https://pkgs.tailscale.com/stable/debian/trixie.noarmor.gpg",
    fingerprint: "2596A99EAAB33821893C0A79458CA832957F5868",
  },
} as const;

/** SHA-256 of nodejs.org's linux-x64 .tar.xz by version, each from several independent public files that pin it. */
export const NODE_DIGESTS: Readonly<Record<string, string>> = {
  "24.21.0": "fd8e59d5a511510f6a298afb548f18c7d2b1be404d8b4a27d94fbe49f56cb2d6",
  "24.20.0": "2f2c0da162318f0de47665410c7c8c2ed3d36c8f3105de4bbc61176c70a7cbf2",
  "24.18.0": "55aa7153f9d88f28d765fcdad5ae6945b5c0f98a36881703817e4c450fa76742",
};

/** In the place of a digest: what the registry serves first is taken, and kept for comparison. */
export const FIRST_INSTALL = "first-install";

/**
 * Digest of OpenClaw's tree with all its dependencies, by version, as `npm run lock:openclaw` prints it. Each version has a
 * lock of the same name in cloud-init/locks.
 */
export const OPENCLAW_DIGESTS: Readonly<Record<string, string>> = {
  "2026.9.6": "60a1762d64e8dada5bb49289fff5c0eaa4290030226bb46c3dfa9e407b0699cb",
  "2026.9.5": "c0c624481c3444fa1af6e68e73314eb39c112e0af23211dee0013065743eade9",
  "2026.9.4": "1c89b5d9f0651a421694cd57181e7bf0baaebf3f419e0698a911b1c9555b31c2",
};

/** SHA-256 of Ollama's ollama-linux-amd64.tar.zst by version, from seven independent public files that pin it. */
export const OLLAMA_DIGESTS: Readonly<Record<string, string>> = {
  "0.24.0": "15c5f8d66ba06e0d3b4719df8868612dbd66e14e82760929bb3552e1657cdcdb",
};
