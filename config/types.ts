import type { LocalModelRequest, OllamaMode } from "../planner/types";

/** Plain, checked configuration of one hermes stack. Holds no secret value and knows no Pulumi. */
export interface HermesConfig {
  /** Pulumi stack name; the base of every resource's name. */
  stack: string;
  /** DigitalOcean region slug. */
  region: string;
  /** DigitalOcean size slug; at least 2 GB of memory. */
  size: string;
  /** A new size brings its disk too, which can't be undone; else only memory and cores change. */
  growDisk: boolean;
  /** DigitalOcean image slug. Given at birth. */
  image: string;
  /** Swap file on the root disk, GiB. Never counted as room for a model. */
  swapGiB: number;
  /** Public IPv6 address on the droplet. Given at birth. */
  ipv6: boolean;
  /** How the operator reaches the droplet. Given at birth. */
  access: Access;
  tailnet: TailnetConfig;
  openclaw: OpenclawConfig;
  node: NodeConfig;
  models: ModelsConfig;
  /** Whether a model runs on the droplet itself. */
  ollama: OllamaMode;
  /** Which one, and how. */
  localModel: LocalModelRequest;
  /** OpenClaw agents by id, in the order of the configuration; the first is the default one. */
  agents: Record<string, AgentConfig>;
  mcpServers: Record<string, McpServerConfig>;
  /** Absent: no Telegram channel. */
  telegram?: TelegramConfig;
  /** Protected volume for state, GiB; 0: state lives on the root disk and dies with the droplet. */
  volumeGiB: number;
  backup: BackupConfig;
  verify: VerifyConfig;
  policy: PolicyConfig;
  /** Raised by one to replace the droplet on purpose. */
  bootstrapRevision: number;
  sources: SourcesConfig;
  /** Absent: a stack that stays. */
  sandbox?: SandboxConfig;
}

/** A throw-away stack; written by `hermes sandbox`. */
export interface SandboxConfig {
  /** RFC 3339, UTC, to the second: when the sweep takes it. */
  expires: string;
  /** Tells whose engine keeps its state: eight hexadecimal digits. */
  origin: string;
  /** Without an agent's work for so long the droplet switches itself off; absent: it does not. */
  idleMinutes?: number;
}

export type Access = { mode: "tailnet" } | { mode: "ssh"; adminCidrs: string[] };

export interface TailnetConfig {
  /** ACL tag of the node, with the "tag:" prefix. */
  tag: string;
  /** Node and droplet host name. */
  hostname: string;
  /** Control server; absent: Tailscale's own. */
  loginServer?: string;
  /** The tailnet forgets the node by itself once it is silent; absent: it stays until it is removed. */
  ephemeral?: true;
}

export interface OpenclawConfig {
  /** Exact version on npm. */
  version: string;
  /** ISO date (YYYY-MM-DD): npm's --before, pins the transitive dependencies. */
  before: string;
}

export interface NodeConfig {
  version: string;
}

export interface ModelsConfig {
  /** Model id with its provider, for example "openrouter/google/gemma-4-31b-it:free". */
  primary: string;
  fallbacks: string[];
  /** Take ids that OpenRouter does not list (or that hermes could not look up). */
  allowUnknown: boolean;
  /** Take models that cost money. */
  allowPaid: boolean;
}

export interface AgentConfig {
  /** Folder in the repository, relative to the project, that holds SOUL.md, AGENTS.md, … */
  workspace: string;
  /** A model of its own; the chain's fallbacks still follow it. */
  model?: string;
  /** Channels that talk to this agent. An agent without one is reached by its id only. */
  bindings: BindingConfig[];
}

export interface BindingConfig {
  channel: "telegram";
  /** Telegram user or group id; absent: everything on the channel that no other binding takes. */
  peer?: { kind: "direct" | "group"; id: string };
}

/** An MCP server: a local command, or a URL. `{ secret: name }` values are references into the stack's secrets. */
export type McpServerConfig =
  | { command: string; args: string[]; env: Record<string, string | SecretReference> }
  | { url: string; headers: Record<string, string | SecretReference> };

export interface SecretReference {
  /** Name of an entry of the stack's `secrets`. */
  secret: string;
}

export interface TelegramConfig {
  /** Telegram user id of the owner, digits. */
  ownerId: string;
}

interface VerifyConfig {
  /** End every `up` with an agent turn, not only with the gateway's readiness. */
  agentTurn: boolean;
}

export interface PolicyConfig {
  /** USD a month that the whole stack may cost at most; absent: any. */
  maxMonthlyUsd?: number;
}

export interface BackupConfig {
  /** age recipient (age1…) that backups are encrypted for: the public half of the secret backupKey. */
  recipient?: string;
  /** Bucket of an S3-compatible service; absent: backups are made by hand only. */
  to?: BucketConfig;
  /** systemd's OnCalendar; half an hour at random is added. */
  schedule: string;
  /** How many of the newest stay in the bucket. */
  keep: number;
}

export interface BucketConfig {
  /** https URL of the service, without the bucket's name. */
  endpoint: string;
  region: string;
  bucket: string;
  /** Ends with a slash, or is empty. */
  prefix: string;
}

export interface SourcesConfig {
  /** `{version}` in the URL is replaced by node.version. */
  node: { url: string; sha256: string };
  /** Digest of OpenClaw's tree with all its dependencies, or `first-install`: compared with the first one of the version. */
  openclaw: { sha256: string };
  /** Release of Ollama for linux-amd64, .tar.zst; `{version}` in the URL is replaced by {@link OLLAMA_VERSION}. */
  ollama: { url: string; sha256: string };
  /** apt repository: `deb [signed-by=…] URL SUITE main`. */
  tailscale: { url: string; suite: string; keyUrl: string; fingerprint: string };
}

/** Names of the secrets that hermes itself knows; MCP servers may add others. */
export const KNOWN_SECRETS = [
  ...(["openrouterApiKey", "telegramBotToken", "gatewayToken", "deployKey", "hostKey"] as const),
  // There while `hermes rotate` is under way, so that no key is lost when it is cut off.
  ...(["deployKeyNext", "hostKeyNext"] as const),
  ...(["backupKey", "backupS3KeyId", "backupS3Secret"] as const),
] as const;

/** The secrets that are private keys of SSH. */
export const KEY_SECRETS: readonly string[] = ["deployKey", "deployKeyNext", "hostKey", "hostKeyNext"];

/** The Ollama that hermes installs: planner and unit are written for it. */
export const OLLAMA_VERSION = "0.24.0";
