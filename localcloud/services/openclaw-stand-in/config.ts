import { readFileSync } from "node:fs";
import { SHAPE, issuesOf, type Issue } from "./shape";

/** A secret in a file, by the name of its provider; or the text itself. */
export type Secret = string | { source: string; provider: string; id: string };

interface ModelChain {
  primary: string;
  fallbacks?: string[];
}

interface SshSandbox {
  target: string;
  command: string;
  workspaceRoot: string;
  identityFile: string;
  knownHostsFile: string;
}

export interface Binding {
  agentId: string;
  match: { channel: string; accountId: string; peer?: { kind: string; id: string } };
}

/** One has a command, or a URL. */
export interface McpServer {
  command?: string;
  args?: string[];
  env?: Record<string, string>;
  url?: string;
  headers?: Record<string, string>;
}

/** The parts of openclaw.json that the stand-in acts on. */
export interface Config {
  gateway: { port: number; auth: { token: Secret } };
  secrets: { providers: Record<string, { path: string }> };
  models: { providers: Record<string, { baseUrl: string; apiKey: Secret } | undefined> };
  agents: {
    defaults: { model: ModelChain; sandbox: { ssh: SshSandbox } };
    entries: Record<string, { workspace: string; model?: string | ModelChain } | undefined>;
  };
  bindings: Binding[];
  logging?: { file?: string };
  mcp?: { servers?: Record<string, McpServer> };
  channels: {
    telegram?: {
      enabled: boolean;
      botToken: Secret;
      allowFrom?: string[];
      groups?: Record<string, { requireMention?: boolean } | undefined>;
      apiRoot?: string;
    };
  };
}

export class InvalidConfig extends Error {
  constructor(readonly issues: Issue[]) {
    super(issues.map(({ path, message }) => `${path}: ${message}`).join("; "));
  }
}

export const configPath = (): string => process.env["OPENCLAW_CONFIG_PATH"] ?? "";

/** @throws InvalidConfig with everything that is wrong */
export function readConfig(): Config {
  return parseConfig(readFileSync(configPath(), "utf8"));
}

function parseConfig(text: string): Config {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidConfig([{ path: "<root>", message: `JSON5 parse failed: ${(error as Error).message}` }]);
  }
  const issues = issuesOf(value, SHAPE);
  if (issues.length === 0) issues.push(...unknownAgents(value as Config));
  if (issues.length > 0) throw new InvalidConfig(issues);
  return value as Config;
}

const unknownAgents = ({ agents, bindings }: Config): Issue[] =>
  bindings.flatMap(({ agentId }, index) =>
    agentId in agents.entries
      ? []
      : [{ path: `bindings.${index}.agentId`, message: `Unknown agent id "${agentId}" (not in agents.entries).` }],
  );

/** @throws Error when its file cannot be read */
export function resolveSecret({ secrets }: Config, secret: Secret): string {
  if (typeof secret === "string") return secret;
  const provider = secrets.providers[secret.provider];
  if (provider === undefined) throw new Error(`there is no secret provider ${secret.provider}`);
  return readFileSync(provider.path, "utf8").trim();
}

/** The models that an agent may use, in their order. */
export function chainOf({ agents }: Config, agent: string): string[] {
  const own = agents.entries[agent]?.model ?? agents.defaults.model;
  return typeof own === "string" ? [own] : [own.primary, ...(own.fallbacks ?? [])];
}
