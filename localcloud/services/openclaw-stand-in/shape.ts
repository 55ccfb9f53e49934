// The keys of openclaw.json that hermes writes. OpenClaw knows more; what is not here the stand-in refuses.
export interface Issue {
  path: string;
  message: string;
}

type Shape =
  | "string"
  | "number"
  | "boolean"
  | "secret"
  | "model"
  | { oneOf: readonly string[] }
  | { list: Shape }
  | { record: Shape }
  | { keys: Record<string, Shape>; needs?: readonly string[] };

const TOGGLE: Shape = { keys: { enabled: "boolean" } };
const TEXTS: Shape = { record: "string" };

const GATEWAY: Shape = {
  keys: {
    mode: { oneOf: ["local", "remote"] },
    bind: { oneOf: ["auto", "lan", "loopback", "custom", "tailnet"] },
    port: "number",
    auth: {
      keys: {
        mode: { oneOf: ["none", "token", "password", "trusted-proxy"] },
        token: "secret",
        allowTailscale: "boolean",
      },
    },
    tailscale: { keys: { mode: { oneOf: ["off", "serve", "funnel"] } } },
    controlUi: TOGGLE,
    terminal: TOGGLE,
    reload: { keys: { mode: { oneOf: ["off", "hybrid"] } } },
  },
};

const MODEL_ROW: Shape = {
  keys: {
    id: "string",
    name: "string",
    reasoning: "boolean",
    input: { list: "string" },
    cost: { record: "number" },
    contextWindow: "number",
    contextTokens: "number",
    maxTokens: "number",
    compat: { record: "boolean" },
    params: { keys: { num_ctx: "number", num_batch: "number", keep_alive: "number", thinking: "boolean" } },
  },
  needs: ["id", "name"],
};

const SANDBOX: Shape = {
  keys: {
    mode: { oneOf: ["off", "non-main", "all"] },
    backend: "string",
    scope: { oneOf: ["session", "agent", "shared"] },
    workspaceAccess: { oneOf: ["none", "ro", "rw"] },
    ssh: {
      keys: {
        target: "string",
        command: "string",
        workspaceRoot: "string",
        identityFile: "string",
        knownHostsFile: "string",
        strictHostKeyChecking: "boolean",
        updateHostKeys: "boolean",
      },
    },
  },
};

const AGENTS: Shape = {
  keys: {
    ownership: { oneOf: ["explicit"] },
    defaults: {
      keys: {
        skipBootstrap: "boolean",
        model: "model",
        heartbeat: { keys: { every: "string" } },
        maxConcurrent: "number",
        subagents: { keys: { maxConcurrent: "number" } },
        sandbox: SANDBOX,
        systemAgent: { keys: { agentId: "string" } },
      },
    },
    entries: { record: { keys: { name: "string", workspace: "string", model: "model" } } },
  },
};

const TOOLS: Shape = {
  keys: {
    profile: { oneOf: ["minimal", "coding", "messaging", "full"] },
    deny: { list: "string" },
    exec: {
      keys: {
        host: { oneOf: ["auto", "sandbox", "gateway", "node"] },
        mode: { oneOf: ["deny", "allowlist", "ask", "auto", "full"] },
      },
    },
    fs: { keys: { workspaceOnly: "boolean" } },
    elevated: TOGGLE,
    sessions: { keys: { visibility: { oneOf: ["self", "tree", "agent", "all"] } } },
    agentToAgent: TOGGLE,
    sandbox: { keys: { tools: { keys: { alsoAllow: { list: "string" } } } } },
    web: { keys: { search: TOGGLE, fetch: TOGGLE } },
  },
};

const MCP_SERVER: Shape = {
  keys: { command: "string", args: { list: "string" }, env: TEXTS, url: "string", transport: "string", headers: TEXTS },
};

export const SHAPE: Shape = {
  keys: {
    gateway: GATEWAY,
    secrets: { keys: { providers: { record: { keys: { source: "string", path: "string", mode: "string" } } } } },
    discovery: { keys: { mdns: { keys: { mode: { oneOf: ["off", "minimal", "full"] } } } } },
    update: { keys: { checkOnStart: "boolean", auto: TOGGLE } },
    telemetry: TOGGLE,
    logging: {
      keys: { level: "string", consoleLevel: "string", consoleStyle: "string", file: "string", maxFileBytes: "number" },
    },
    browser: TOGGLE,
    models: {
      keys: {
        mode: { oneOf: ["merge", "replace"] },
        catalogRefresh: TOGGLE,
        providers: {
          record: {
            keys: {
              baseUrl: "string",
              api: "string",
              apiKey: "secret",
              timeoutSeconds: "number",
              models: { list: MODEL_ROW },
            },
          },
        },
      },
    },
    agents: AGENTS,
    bindings: {
      list: {
        keys: {
          agentId: "string",
          match: { keys: { channel: "string", accountId: "string", peer: { keys: { kind: "string", id: "string" } } } },
        },
      },
    },
    channels: {
      keys: {
        telegram: {
          keys: {
            enabled: "boolean",
            dmPolicy: { oneOf: ["pairing", "allowlist", "open", "disabled"] },
            allowFrom: { list: "string" },
            groupPolicy: { oneOf: ["open", "disabled", "allowlist"] },
            groups: { record: { keys: { requireMention: "boolean" } } },
            contextVisibility: { oneOf: ["all", "allowlist", "allowlist_quote"] },
            configWrites: "boolean",
            botToken: "secret",
            apiRoot: "string",
          },
        },
      },
    },
    commands: { keys: { ownerAllowFrom: { list: "string" }, config: "boolean", restart: "boolean" } },
    session: { keys: { dmScope: { oneOf: ["main", "per-peer", "per-channel-peer", "per-account-channel-peer"] } } },
    tools: TOOLS,
    memory: { keys: { search: TOGGLE } },
    mcp: { keys: { sessionIdleTtlMs: "number", servers: { record: MCP_SERVER } } },
    plugins: {
      keys: {
        allow: { list: "string" },
        entries: { record: { keys: { enabled: "boolean", config: { keys: { dreaming: TOGGLE } } } } },
      },
    },
  },
};

const SECRET: Shape = {
  keys: { source: { oneOf: ["env", "file", "exec", "store"] }, provider: "string", id: "string" },
};
const CHAIN: Shape = { keys: { primary: "string", fallbacks: { list: "string" } } };

/** Everything about a value that the shape does not allow, outermost first. */
export function issuesOf(value: unknown, shape: Shape, path = ""): Issue[] {
  if (shape === "secret") return typeof value === "string" ? [] : issuesOf(value, SECRET, path);
  if (shape === "model") return typeof value === "string" ? [] : issuesOf(value, CHAIN, path);
  if (typeof shape === "string") return typeof value === shape ? [] : [wrongType(path, shape, value)];
  const at = (key: string | number): string => (path === "" ? String(key) : `${path}.${key}`);
  if ("oneOf" in shape) {
    if (typeof value === "string" && shape.oneOf.includes(value)) return [];
    return [{ path, message: `Invalid input (allowed: ${shape.oneOf.map((each) => `"${each}"`).join(", ")})` }];
  }
  if ("list" in shape) {
    if (!Array.isArray(value)) return [wrongType(path, "array", value)];
    return value.flatMap((each, index) => issuesOf(each, shape.list, at(index)));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [wrongType(path, "object", value)];
  const entries = Object.entries(value);
  if ("record" in shape) return entries.flatMap(([key, each]) => issuesOf(each, shape.record, at(key)));
  const unknown = entries.flatMap(([key]) =>
    key in shape.keys ? [] : [{ path: path || "<root>", message: `Unrecognized key: "${key}"` }],
  );
  const missing = (shape.needs ?? [])
    .filter((key) => !(key in value))
    .map((key) => ({ path: at(key), message: "Invalid input: expected string, received undefined" }));
  const below = entries.flatMap(([key, each]) => {
    const known = shape.keys[key];
    return known === undefined ? [] : issuesOf(each, known, at(key));
  });
  return [...unknown, ...missing, ...below];
}

const wrongType = (path: string, expected: string, value: unknown): Issue => ({
  path,
  message: `Invalid input: expected ${expected}, received ${Array.isArray(value) ? "array" : typeof value}`,
});
