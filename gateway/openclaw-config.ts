import type { HermesConfig, McpServerConfig, SecretReference } from "../config/types";
import { AGENT_SSH_PORT, GATEWAY_PORT } from "../lib/private-ports";
import type { LocalModelPlan } from "../planner/types";
import { chainOf, ownChainOf } from "./model-chain";
import { openrouterRow } from "./model-rows";
import { AGENT_ACCOUNT, AGENT_KEYS_DIR, AGENT_ROOT, HELPERS_DIR, OLLAMA_URL, secretPath, workspacePath } from "./paths";
import { isReference, providerName, secretVariable, usedModels } from "./secret-names";

/**
 * openclaw.json. Secrets are named, never held: files for what OpenClaw resolves itself, an environment variable for the
 * headers of MCP servers, which it takes as text only.
 *
 * @param secretNames - secrets that will be on the droplet, see `gatewaySecretNames`
 * @param local - the local model that the plan installs
 * @throws when the configuration refers to a secret that is not among them
 */
export function renderOpenclawConfig(config: HermesConfig, secretNames: string[], local?: LocalModelPlan) {
  const secret = (name: string) => secretReference(name, secretNames);
  return {
    gateway: {
      mode: "local",
      // Whatever the configuration says: the way in is the tailnet or SSH, and a tunnel.
      bind: "loopback",
      port: GATEWAY_PORT,
      auth: { mode: "token", token: secret("gatewayToken"), allowTailscale: false },
      tailscale: { mode: "off" },
      controlUi: { enabled: true },
      terminal: { enabled: false },
      reload: { mode: "hybrid" },
    },
    secrets: { providers: secretProviders(secretNames) },
    discovery: { mdns: { mode: "off" } },
    update: { checkOnStart: false, auto: { enabled: false } },
    telemetry: { enabled: false },
    // journald takes the console; the file keeps warnings only. Not in OpenClaw's own folder in /tmp: a reply can attach
    // files from there.
    logging: {
      ...{ level: "warn", consoleLevel: "info", consoleStyle: "json" },
      ...{ file: "/var/log/openclaw/openclaw.log", maxFileBytes: 10_485_760 },
    },
    browser: { enabled: false },
    models: { mode: "merge", catalogRefresh: { enabled: false }, providers: modelProviders(config, secret, local) },
    agents: agents(config, local?.tag),
    bindings: bindings(config),
    channels: channels(config, secret),
    commands: { ...owner(config), config: false, restart: false },
    session: { dmScope: "per-channel-peer" },
    tools: TOOLS,
    memory: { search: { enabled: false } },
    mcp: {
      sessionIdleTtlMs: 60_000,
      servers: mapValues(config.mcpServers, (server) => mcpServer(server, secretNames)),
    },
    plugins: plugins(config, local),
  };
}

/** Everything runs in the agents' account (`host: "sandbox"`), so no command needs to be asked for. */
const TOOLS = {
  profile: "coding",
  deny: ["browser", "canvas", "nodes"],
  exec: { host: "sandbox", mode: "full" },
  fs: { workspaceOnly: true },
  elevated: { enabled: false },
  sessions: { visibility: "tree" },
  agentToAgent: { enabled: false },
  // Tools of MCP servers are hidden from sandboxed sessions, which all of them are, unless they are let in here.
  sandbox: { tools: { alsoAllow: ["bundle-mcp"] } },
  web: { search: { enabled: false }, fetch: { enabled: true } },
};

/** OpenClaw's ssh sandbox: the tools' files and commands are those of another account on this machine. */
const SANDBOX = {
  mode: "all",
  backend: "ssh",
  scope: "agent",
  workspaceAccess: "rw",
  ssh: {
    target: `${AGENT_ACCOUNT}@127.0.0.1:${AGENT_SSH_PORT}`,
    // Shares one connection: a file tool makes some fourteen calls, each with a handshake of its own otherwise.
    command: `${HELPERS_DIR}/agent-ssh.sh`,
    workspaceRoot: AGENT_ROOT,
    identityFile: `${AGENT_KEYS_DIR}/id_ed25519`,
    knownHostsFile: `${AGENT_KEYS_DIR}/known_hosts`,
    strictHostKeyChecking: true,
    updateHostKeys: false,
  },
};

function secretReference(name: string, secretNames: string[]) {
  requireSecret(name, secretNames);
  return { source: "file", provider: providerName(name), id: "value" };
}

function requireSecret(name: string, secretNames: string[]): void {
  if (!secretNames.includes(name)) throw new Error(`hermes:secrets.${name} is needed, and not set.`);
}

function secretProviders(secretNames: string[]) {
  return Object.fromEntries(
    secretNames.map((name) => [providerName(name), { source: "file", path: secretPath(name), mode: "singleValue" }]),
  );
}

function modelProviders(config: HermesConfig, secret: (name: string) => object, local?: LocalModelPlan) {
  return { ...openrouterProvider(config, secret), ...ollamaProvider(local) };
}

function openrouterProvider(config: HermesConfig, secret: (name: string) => object) {
  const models = usedModels(config).filter((model) => model.startsWith("openrouter/"));
  if (models.length === 0) return {};
  return {
    openrouter: {
      baseUrl: "https://openrouter.ai/api/v1",
      api: "openai-completions",
      apiKey: secret("openrouterApiKey"),
      models: models.map(openrouterRow),
    },
  };
}

/** Its native interface: by the one that imitates OpenAI's, tools break (OpenClaw's docs, providers/ollama). */
function ollamaProvider(local: LocalModelPlan | undefined) {
  if (local === undefined) return {};
  return {
    ollama: {
      baseUrl: OLLAMA_URL,
      api: "ollama",
      // Ollama has no authentication; the provider wants some text.
      apiKey: "ollama-local",
      // A first turn of 14,000 tokens takes a CPU minutes.
      timeoutSeconds: 1200,
      models: [ollamaRow(local)],
    },
  };
}

/** Said here, so that OpenClaw does not look for itself: it would stop at 32,768 tokens of context. */
function ollamaRow({ tag, nativeContext, contextTokens, batch }: LocalModelPlan) {
  const params = { num_ctx: contextTokens, num_batch: batch, keep_alive: -1, thinking: false };
  return { id: tag, name: tag, input: ["text"], contextWindow: nativeContext, contextTokens, maxTokens: 4096, params };
}

function agents(config: HermesConfig, installed?: string) {
  const ids = Object.keys(config.agents);
  return {
    ownership: "explicit",
    defaults: {
      skipBootstrap: true,
      model: chainOf(config, installed),
      heartbeat: { every: "0m" },
      maxConcurrent: 2,
      subagents: { maxConcurrent: 1 },
      sandbox: SANDBOX,
      systemAgent: { agentId: ids[0] },
    },
    entries: mapValues(config.agents, (agent, id) => ({
      name: id,
      workspace: workspacePath(id),
      ...ownModel(ownChainOf(agent, config, installed)),
    })),
  };
}

const ownModel = (model: ReturnType<typeof ownChainOf>) => (model === undefined ? {} : { model });

/** Those with a peer first: OpenClaw takes the first that matches. Every account needs an agent, so the first takes the rest. */
function bindings(config: HermesConfig) {
  if (config.telegram === undefined) return [];
  const all = Object.entries(config.agents).flatMap(([agentId, agent]) =>
    agent.bindings.map((binding) => ({
      agentId,
      match: { channel: binding.channel, accountId: "default", ...(binding.peer ? { peer: binding.peer } : {}) },
    })),
  );
  const [peers, rest] = [all.filter((each) => "peer" in each.match), all.filter((each) => !("peer" in each.match))];
  const first = { agentId: Object.keys(config.agents)[0], match: { channel: "telegram", accountId: "default" } };
  return [...peers, ...(rest.length > 0 ? rest : [first])];
}

const boundGroups = ({ agents }: HermesConfig): string[] =>
  Object.values(agents).flatMap(({ bindings }) =>
    bindings.flatMap(({ peer }) => (peer?.kind === "group" ? [peer.id] : [])),
  );

function channels(config: HermesConfig, secret: (name: string) => object) {
  if (config.telegram === undefined) return {};
  const groups = boundGroups(config).map((id) => [id, { requireMention: true }] as const);
  return {
    telegram: {
      enabled: true,
      // Others ask for a code; the owner is known from the start.
      dmPolicy: "pairing",
      allowFrom: [config.telegram.ownerId],
      // Without an entry here a group is not heard, whatever is bound to it. In a group only the owner is heard, as its
      // members have no pairing codes; and only where a message mentions the bot.
      groupPolicy: "allowlist",
      // And what others wrote, quoted or before, is not put into the prompt.
      ...(groups.length > 0 ? { groups: Object.fromEntries(groups), contextVisibility: "allowlist" } : {}),
      configWrites: false,
      botToken: secret("telegramBotToken"),
    },
  };
}

/** Preset, else the first approved pairing would want to write it into openclaw.json. */
const owner = (config: HermesConfig) =>
  config.telegram === undefined ? {} : { ownerAllowFrom: [`telegram:${config.telegram.ownerId}`] };

/** OpenClaw takes text only here. A command gets its secrets from a launcher that reads the files, a URL's headers by variable. */
function mcpServer(server: McpServerConfig, secretNames: string[]) {
  const plain = (values: Record<string, string | SecretReference>) =>
    Object.fromEntries(
      Object.entries(values).flatMap(([key, value]) => (isReference(value) ? [] : [[key, literal(value)]])),
    );
  const references = Object.entries("url" in server ? server.headers : server.env).flatMap(([key, value]) =>
    isReference(value) ? [[key, value.secret] as const] : [],
  );
  for (const [, name] of references) requireSecret(name, secretNames);
  if ("url" in server) {
    const secret = Object.fromEntries(references.map(([key, name]) => [key, `\${${secretVariable(name)}}`]));
    return { url: literal(server.url), transport: "streamable-http", headers: { ...plain(server.headers), ...secret } };
  }
  const args = server.args.map(literal);
  const env = plain(server.env);
  if (references.length === 0) return { command: literal(server.command), args, env };
  const wanted = references.map(([key, name]) => `${key}=${secretPath(name)}`);
  return { command: `${HELPERS_DIR}/with-secrets.sh`, args: [...wanted, "--", literal(server.command), ...args], env };
}

/** `${NAME}` in openclaw.json is a variable unless its dollar is doubled. */
const literal = (text: string): string => text.replace(/\$\{/g, "$$${");

function plugins(config: HermesConfig, local?: LocalModelPlan) {
  const optional = {
    openrouter: usedModels(config).some((model) => model.startsWith("openrouter/")),
    ollama: local !== undefined,
    telegram: config.telegram !== undefined,
  };
  const on = Object.entries(optional).flatMap(([name, wanted]) => (wanted ? [name] : []));
  return {
    allow: [...on, "memory-core"],
    entries: {
      ...Object.fromEntries(on.map((name) => [name, { enabled: true }])),
      "memory-core": { enabled: true, config: { dreaming: { enabled: false } } },
    },
  };
}

function mapValues<T, R>(record: Record<string, T>, map: (value: T, key: string) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
