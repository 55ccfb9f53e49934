import { shippedCatalogue } from "../../planner";
import type { Catalogue } from "../../planner/catalogue";
import { checkConfig, ConfigError, formatProblems, type Workspace } from "../../config";
import { context, faults, hermesStack, keys, problems, secrets, workspace } from "./config-fixture";

const live: Catalogue = {
  ...shippedCatalogue(),
  source: "live",
  asOf: "this run",
  sizes: shippedCatalogue().sizes.map((size) => ({
    ...size,
    regions: size.slug === "s-1vcpu-2gb" ? ["nyc3"] : ["nyc3", "fra1"],
    available: size.slug !== "s-2vcpu-2gb",
  })),
  regions: [
    { slug: "nyc3", available: true, features: ["storage"] },
    { slug: "fra1", available: true, features: [] },
    { slug: "sfo2", available: false, features: ["storage"] },
  ],
};

const telegram = {
  telegram: { ownerId: "123456789" },
  agents: { main: { workspace: "./w", bindings: [{ channel: "telegram" }] } },
};
const withBot = { secrets: { ...secrets, telegramBotToken: "123456789:AAF0f_abcdefghijklmnopqrst" } };
const folder = (...entries: Partial<(Workspace & { kind: "folder" })["entries"][number]>[]): Workspace => ({
  kind: "folder",
  complete: true,
  entries: entries.map((entry) => ({ path: "notes.md", kind: "file", bytes: 1, ...entry })),
});
const fallback = "openrouter/google/gemma-4-26b-a4b-it:free";
const model = (primary: unknown) => ({ models: { primary, fallbacks: [] } });
const mcp = (server: unknown, name = "tracker") => ({ mcpServers: { [name]: server } });

describe("the committed stack", () => {
  it("is right, and reads like this", () => {
    const { config, problems: found } = checkConfig(hermesStack(), context());
    expect(found).toEqual([]);
    expect(config).toMatchSnapshot();
  });

  it("needs no key that has a default", () => {
    const raw = hermesStack();
    const least = { region: raw["region"], size: raw["size"], openclaw: raw["openclaw"] };
    const { config, problems: found } = checkConfig(
      { ...least, models: raw["models"], agents: raw["agents"] },
      context(),
    );
    expect(found).toEqual([]);
    expect(config).toEqual(checkConfig(raw, context()).config);
  });

  it("holds no secret", () => {
    expect(hermesStack()).not.toHaveProperty("secrets");
  });
});

describe("values that are right", () => {
  it.each<[string, Record<string, unknown>, object?]>([
    ["integers as text, as the engine hands them over", { swapGiB: "8", volumeGiB: "0", bootstrapRevision: "2" }],
    ["booleans as text", { ipv6: "false" }],
    ["swap of a quarter of the disk", { swapGiB: 12 }],
    ["the largest volume", { volumeGiB: 16384 }],
    ["an image of one's own", { image: "123456789" }],
    [
      "ssh from one address",
      { access: "ssh", adminCidrs: ["198.51.100.7/32"] },
      { secrets: { ...secrets, hostKey: keys.host } },
    ],
    ["a Headscale", { tailnet: { tag: "tag:a-1", hostname: "h", loginServer: "https://headscale.example.com:8443/" } }],
    ["a node that is forgotten", { tailnet: { ephemeral: true }, volumeGiB: 0 }],
    ["a pre-release", { openclaw: { version: "2026.10.1-beta.2", before: "2026-10-02" } }],
    ["Node 26", { node: { version: "26.1.0" }, sources: { node: { sha256: "A".repeat(64) } } }],
    [
      "a fingerprint with spaces",
      { sources: { tailscale: { fingerprint: "2596 A99E AAB3 3821 893C  0A79 458C A832 957F 5868" } } },
    ],
    ["OpenRouter's own router, short", model("openrouter/free")],
    ["a paid model", model("openrouter/openai/gpt-oss-20b")],
    ["Telegram with an agent that answers", telegram, withBot],
    [
      "a group of its own",
      {
        ...telegram,
        agents: {
          main: { workspace: "./w", bindings: [{ channel: "telegram" }] },
          team: {
            workspace: "./w",
            model: fallback,
            bindings: [{ channel: "telegram", peer: { kind: "group", id: "-1001234567890" } }],
          },
        },
      },
      withBot,
    ],
    [
      "an MCP command",
      mcp({ command: "npx", args: ["-y", "server"], env: { LEVEL: "info", API_KEY: { secret: "tracker" } } }),
      { secrets: { ...secrets, tracker: "v" } },
    ],
    [
      "an MCP URL",
      mcp({ url: "https://mcp.example.com/x", headers: { Authorization: { secret: "tracker" } } }),
      { secrets: { ...secrets, tracker: "v" } },
    ],
    ["an MCP URL on the tailnet", mcp({ url: "http://100.64.0.7:8080/mcp" })],
    [
      "a link inside a workspace",
      {},
      { workspace: () => folder({ path: "AGENTS.md", kind: "link", characters: 20_000 }) },
    ],
    ["digits that only look like a port", { ...telegram, telegram: { ownerId: "18789" } }, withBot],
  ])("pass: %s", (_, changes, more = {}) => expect(faults(changes, more)).toEqual([]));
});

describe("values that are wrong", () => {
  it.each<[string, Record<string, unknown>, string[], object?]>([
    // machine
    ["an unknown region", { region: "nyc33" }, ["hermes:region: DigitalOcean has no such region"]],
    ["no region", { region: undefined }, ["hermes:region: is missing"]],
    ["an unknown size", { size: "s-1vcpu-3gb" }, ["hermes:size: DigitalOcean has no such size"]],
    [
      "a size below 2 GB",
      { size: "s-1vcpu-1gb" },
      [expect.stringMatching(/^hermes:size: 1024 MiB do not carry/) as string],
      {},
    ],
    [
      "a size that its region does not sell",
      { region: "fra1", volumeGiB: 0 },
      ["hermes:size: fra1 does not sell it"],
      { catalogue: live },
    ],
    [
      "a size that is not for sale",
      { size: "s-2vcpu-2gb" },
      ["hermes:size: it is not for sale now"],
      { catalogue: live },
    ],
    [
      "a closed region",
      { region: "sfo2" },
      ["hermes:region: it takes no new droplets now", "hermes:size: sfo2 does not sell it"],
      { catalogue: live },
    ],
    [
      "a region without volumes",
      { region: "fra1", size: "s-2vcpu-4gb" },
      ["hermes:region: it has no volumes"],
      { catalogue: live },
    ],
    ["another system", { image: "ubuntu-24-04-x64" }, ["hermes:image: it does not have the right form"]],
    ["swap above a quarter of the disk", { swapGiB: 13 }, ["hermes:swapGiB: it is out of range"]],
    ["negative swap", { swapGiB: -1 }, ["hermes:swapGiB: it is out of range"]],
    ["half a GiB of swap", { swapGiB: "0.5" }, ["hermes:swapGiB: it is not a whole number"]],
    ["octal-looking swap", { swapGiB: "04" }, ["hermes:swapGiB: it is not a whole number"]],
    ["a volume that DigitalOcean does not make", { volumeGiB: 16385 }, ["hermes:volumeGiB: it is out of range"]],
    ["a revision of 0", { bootstrapRevision: 0 }, ["hermes:bootstrapRevision: it is out of range"]],
    ["ipv6 as a word", { ipv6: "yes" }, ["hermes:ipv6: it is not a boolean"]],
    // access
    ["another access", { access: "public" }, ["hermes:access: it does not have the right form"]],
    [
      "ssh from nowhere",
      { access: "ssh" },
      ['hermes:adminCidrs: is missing, and hermes:access is "ssh"'],
      { secrets: { ...secrets, hostKey: keys.host } },
    ],
    [
      "addresses without ssh",
      { adminCidrs: ["198.51.100.7/32"] },
      ['hermes:adminCidrs: hermes:access is "tailnet", which opens no port to any address'],
    ],
    [
      "one text instead of a list",
      { access: "ssh", adminCidrs: "198.51.100.7/32" },
      ["hermes:adminCidrs: it is not a list", 'hermes:adminCidrs: is missing, and hermes:access is "ssh"'],
      { secrets: { ...secrets, hostKey: keys.host } },
    ],
    // tailnet
    [
      "a tag without its prefix",
      { tailnet: { tag: "hermes" } },
      ["hermes:tailnet.tag: it does not have the right form"],
    ],
    [
      "an upper-case host name",
      { tailnet: { hostname: "Hermes" } },
      ["hermes:tailnet.hostname: it does not have the right form"],
    ],
    [
      "a host name that is too long",
      { tailnet: { hostname: "h".repeat(64) } },
      ["hermes:tailnet.hostname: it does not have the right form"],
    ],
    [
      "a host name that YAML takes for a boolean",
      { tailnet: { hostname: "no" } },
      ["hermes:tailnet.hostname: a YAML 1.1 reader takes it for a boolean"],
    ],
    [
      "a control server without TLS",
      { tailnet: { loginServer: "http://127.0.0.1:8080" } },
      ["hermes:tailnet.loginServer: it is not https"],
    ],
    [
      "a control server with a path",
      { tailnet: { loginServer: "https://h.example.com/x" } },
      ["hermes:tailnet.loginServer: it has a path, a query or a fragment"],
    ],
    [
      "a control server with a password",
      { tailnet: { loginServer: "https://u:p@h.example.com" } },
      ["hermes:tailnet.loginServer: it holds a user name or password"],
    ],
    [
      "a node that is forgotten, and a volume for it to come back from",
      { tailnet: { ephemeral: true } },
      ["hermes:tailnet.ephemeral: the volume would keep an identity that is gone"],
    ],
    // versions
    [
      "a tag for a version",
      { openclaw: { version: "latest", before: "2026-09-25" } },
      ["hermes:openclaw.version: it does not have the right form"],
    ],
    [
      "a version that YAML read as a number",
      { openclaw: { version: 2026.1, before: "2026-09-25" } },
      ["hermes:openclaw.version: YAML reads it as a number, and a text is expected"],
    ],
    [
      "an unquoted date",
      { openclaw: { version: "2026.9.6", before: "2026-09-25 00:00:00 +0000 UTC" } },
      ["hermes:openclaw.before: YAML reads it as a point in time"],
    ],
    [
      "a day that does not exist",
      { openclaw: { version: "2026.9.6", before: "2026-09-31" } },
      ["hermes:openclaw.before: there is no such day"],
    ],
    [
      "a day before the version",
      { openclaw: { version: "2026.9.6", before: "2026-09-01" } },
      ["hermes:openclaw.before: openclaw 2026.9.6 was not published by then"],
    ],
    [
      "no OpenClaw",
      { openclaw: undefined },
      ["hermes:openclaw.version: is missing", "hermes:openclaw.before: is missing"],
    ],
    [
      "a Node whose digest nobody knows",
      { node: { version: "24.22.0" }, sources: {} },
      ["hermes:sources.node.sha256: is missing"],
    ],
    [
      "a short digest",
      { sources: { node: { sha256: "abc" } } },
      ["hermes:sources.node.sha256: it does not have the right form"],
    ],
    [
      "a short fingerprint",
      { sources: { tailscale: { fingerprint: "957F5868" } } },
      ["hermes:sources.tailscale.fingerprint: it does not have the right form"],
    ],
    [
      "a source without TLS",
      { sources: { tailscale: { url: "http://mirror.example.com" } } },
      ["hermes:sources.tailscale.url: it is not https"],
    ],
    [
      "a source that speaks shell",
      { sources: { tailscale: { keyUrl: "https://x.example.com/$(id)" } } },
      ["hermes:sources.tailscale.keyUrl: it has characters that do not belong in a URL"],
    ],
    // models
    [
      "an id without a vendor",
      model("openrouter/gemma-4-31b-it:free"),
      ["hermes:models.primary: the vendor is missing"],
    ],
    [
      "a model without a provider",
      model("google/gemma-4-31b-it:free"),
      ["hermes:models.primary: its provider is not one that hermes sets up"],
    ],
    ["a local model", model("ollama/qwen3.5:9b"), ["hermes:models.primary: no local model will be there"]],
    ["no model", { models: {} }, ["hermes:models.primary: is missing"]],
    [
      "a model twice",
      { models: { primary: "openrouter/openrouter/free", fallbacks: [fallback, "openrouter/free"] } },
      ["hermes:models.fallbacks[1]: it stands earlier in the chain already"],
    ],
    // agents
    ["no agent", { agents: {} }, ["hermes:agents: names no agent"]],
    [
      "an upper-case agent",
      { agents: { Main: { workspace: "./w" } } },
      ["hermes:agents.Main: it does not have the right form"],
    ],
    [
      "an agent called on",
      { agents: { on: { workspace: "./w" } } },
      ["hermes:agents.on: a YAML 1.1 reader takes it for a boolean"],
    ],
    [
      "an agent called __proto__",
      { agents: JSON.parse('{"__proto__": {"workspace": "./w"}, "a": {"workspace": "./w"}}') as object },
      ["hermes:agents.__proto__: it does not have the right form"],
    ],
    ["an agent without a workspace", { agents: { main: {} } }, ["hermes:agents.main.workspace: is missing"]],
    [
      "a workspace above the project",
      { agents: { main: { workspace: "../other" } } },
      ["hermes:agents.main.workspace: it is not a folder below the project's own"],
    ],
    [
      "the project as workspace",
      { agents: { main: { workspace: "./" } } },
      ["hermes:agents.main.workspace: it is not a folder below the project's own"],
    ],
    [
      "an absolute workspace",
      { agents: { main: { workspace: "/etc" } } },
      ["hermes:agents.main.workspace: it is not a folder below the project's own"],
    ],
    [
      "a workspace that is missing",
      {},
      ["hermes:agents.main.workspace: there is no such folder"],
      { workspace: () => ({ kind: "missing" }) },
    ],
    [
      "a workspace that leads out",
      {},
      ["hermes:agents.main.workspace: it leads out of the project"],
      { workspace: () => ({ kind: "outside" }) },
    ],
    [
      "a link that leaves",
      {},
      ['hermes:agents.main.workspace: the link "x" in it leads out of the folder, to a folder or nowhere'],
      { workspace: () => folder({ path: "x", kind: "leaving" }) },
    ],
    [
      "a socket in a workspace",
      {},
      ['hermes:agents.main.workspace: "x" in it is neither file nor folder'],
      { workspace: () => folder({ path: "x", kind: "other" }) },
    ],
    [
      "an odd name",
      {},
      ['hermes:agents.main.workspace: the name "a/-rf" in it is odd'],
      { workspace: () => folder({ path: "a/-rf" }) },
    ],
    [
      "a name with a line break",
      {},
      ['hermes:agents.main.workspace: the name "a\\nb" in it is odd'],
      { workspace: () => folder({ path: "a\nb" }) },
    ],
    [
      "a repository in a workspace",
      {},
      ['hermes:agents.main.workspace: ".git/config" is part of a Git repository'],
      { workspace: () => folder({ path: ".git/config" }) },
    ],
    [
      "a long SOUL.md",
      {},
      ['hermes:agents.main.workspace: "SOUL.md" in it has 20,001 characters'],
      { workspace: () => folder({ path: "SOUL.md", characters: 20_001 }) },
    ],
    [
      "a long USER.md",
      {},
      ['hermes:agents.main.workspace: "USER.md" in it has 4,001 characters'],
      { workspace: () => folder({ path: "USER.md", characters: 4001 }) },
    ],
    [
      "a prompt that is too long in all",
      {},
      ["hermes:agents.main.workspace: the files in it that go into every prompt have 80,000 characters"],
      {
        workspace: () =>
          folder(...["SOUL.md", "AGENTS.md", "TOOLS.md", "MEMORY.md"].map((path) => ({ path, characters: 20_000 }))),
      },
    ],
    [
      "a large file",
      {},
      ['hermes:agents.main.workspace: "x.png" in it has 262,145 bytes'],
      { workspace: () => folder({ path: "x.png", bytes: 262_145 }) },
    ],
    [
      "large workspaces in all",
      {},
      ["hermes:agents: have workspaces of 1,310,720 bytes in all"],
      { workspace: () => folder(...["a", "b", "c", "d", "e"].map((path) => ({ path, bytes: 262_144 }))) },
    ],
    [
      "too many files",
      {},
      ["hermes:agents.main.workspace: it holds more than 500 files"],
      { workspace: () => ({ ...workspace, complete: false }) },
    ],
    // bindings and Telegram
    [
      "a binding to a channel that is not there",
      { agents: telegram.agents },
      ["hermes:agents.main.bindings[0].channel: that channel is not configured"],
    ],
    [
      "a binding to an unknown channel",
      {
        ...telegram,
        agents: {
          main: {
            workspace: "./w",
            bindings: [{ channel: "telegram" }, { channel: "irc", peer: { kind: "direct", id: "1" } }],
          },
        },
      },
      ["hermes:agents.main.bindings[1].channel: it does not have the right form"],
      withBot,
    ],
    [
      "Telegram that nobody answers",
      { telegram: telegram.telegram },
      ["hermes:agents: leave Telegram messages without an agent"],
      withBot,
    ],
    [
      "two agents for everything",
      { ...telegram, agents: { a: telegram.agents.main, b: telegram.agents.main } },
      ["hermes:agents.b.bindings[0]: takes everything else, which agent a takes"],
      withBot,
    ],
    [
      "a peer that YAML read as a number",
      {
        ...telegram,
        agents: {
          main: {
            workspace: "./w",
            bindings: [{ channel: "telegram" }, { channel: "telegram", peer: { kind: "direct", id: 42 } }],
          },
        },
      },
      ["hermes:agents.main.bindings[1].peer.id: YAML reads it as a number, and a text is expected"],
      withBot,
    ],
    [
      "a group without its dash",
      {
        ...telegram,
        agents: {
          main: {
            workspace: "./w",
            bindings: [{ channel: "telegram" }, { channel: "telegram", peer: { kind: "group", id: "42" } }],
          },
        },
      },
      ["hermes:agents.main.bindings[1].peer.id: it does not have the right form"],
      withBot,
    ],
    [
      "an owner by name",
      { ...telegram, telegram: { ownerId: "@me" } },
      ["hermes:telegram.ownerId: it does not have the right form"],
      withBot,
    ],
    ["Telegram without a token", telegram, ["hermes:secrets.telegramBotToken: is missing"]],
    // MCP
    [
      "an MCP name that OpenClaw alters",
      mcp({ command: "x" }, "my tracker"),
      ["hermes:mcpServers.my tracker: it does not have the right form"],
    ],
    [
      "an MCP name with the tools' separator",
      mcp({ command: "x" }, "a__b"),
      ["hermes:mcpServers.a__b: it does not have the right form"],
    ],
    [
      "MCP names that differ by case",
      { mcpServers: { a1: { command: "x" }, A1: { command: "x" } } },
      ["hermes:mcpServers.A1: another server has that name but for its case"],
    ],
    [
      "an MCP server of both kinds",
      mcp({ command: "x", url: "https://x.example.com" }),
      ["hermes:mcpServers.tracker: has a command and a url"],
    ],
    ["an MCP server of neither kind", mcp({ args: [] }), ["hermes:mcpServers.tracker: has neither command nor url"]],
    [
      "headers with a command",
      mcp({ command: "x", headers: {} }),
      ["hermes:mcpServers.tracker.headers: does not go with a command"],
    ],
    [
      "an MCP command line",
      mcp({ command: "npx -y x" }),
      ["hermes:mcpServers.tracker.command: it does not have the right form"],
    ],
    [
      "a number as argument",
      mcp({ command: "x", args: [5] }),
      ["hermes:mcpServers.tracker.args[0]: YAML reads it as a number, and a text is expected"],
    ],
    [
      "an unencrypted MCP URL",
      mcp({ url: "http://mcp.example.com" }),
      ["hermes:mcpServers.tracker.url: it is not https"],
    ],
    [
      "the metadata service",
      mcp({ url: "http://169.254.169.254/x" }),
      ["hermes:mcpServers.tracker.url: it is the droplet's metadata service"],
    ],
    [
      "the metadata service in other digits",
      mcp({ url: "https://2852039166/x" }),
      ["hermes:mcpServers.tracker.url: it is the droplet's metadata service"],
    ],
    [
      "a plain credential",
      mcp({ url: "https://x.example.com", headers: { Authorization: "Bearer abc" } }),
      ["hermes:mcpServers.tracker.headers.Authorization: is a credential in plain text"],
    ],
    [
      "a plain credential in env",
      mcp({ command: "x", env: { TRACKER_TOKEN: "abc" } }),
      ["hermes:mcpServers.tracker.env.TRACKER_TOKEN: is a credential in plain text"],
    ],
    [
      "a reference to nothing",
      mcp({ command: "x", env: { T: { secret: "nope" } } }),
      ["hermes:mcpServers.tracker.env.T: there is no secret of that name"],
    ],
    [
      "a header with a line break",
      mcp({ url: "https://x.example.com", headers: { "X-A": "a\r\nb: c" } }),
      ["hermes:mcpServers.tracker.headers.X-A: it holds a line break or another control character"],
    ],
    // closed ports
    [
      "the gateway's port in a URL",
      mcp({ url: "https://x.example.com:18789/" }),
      ["hermes:mcpServers.tracker.url: port 18789 is the gateway's"],
    ],
    [
      "Ollama's port in an argument",
      mcp({ command: "x", args: ["--port=11434"] }),
      ["hermes:mcpServers.tracker.args[0]: port 11434 is Ollama's"],
    ],
    [
      "the port with zeros",
      mcp({ command: "x", args: ["0018789"] }),
      ["hermes:mcpServers.tracker.args[0]: port 18789 is the gateway's"],
    ],
    [
      "the port percent-encoded",
      mcp({ command: "x", args: ["http://h:%318789"] }),
      ["hermes:mcpServers.tracker.args[0]: port 18789 is the gateway's"],
    ],
    [
      "the port as control server",
      { tailnet: { loginServer: "https://h.example.com:18789" } },
      ["hermes:tailnet.loginServer: port 18789 is the gateway's"],
    ],
    // secrets
    [
      "no secret",
      {},
      [
        "hermes:secrets.openrouterApiKey: is missing",
        "hermes:secrets.gatewayToken: is missing",
        "hermes:secrets.deployKey: is missing",
      ],
      { secrets: {} },
    ],
    [
      "ssh without a host key",
      { access: "ssh", adminCidrs: ["198.51.100.7/32"] },
      ["hermes:secrets.hostKey: is missing"],
    ],
    [
      "a host key that is the deploy key",
      { access: "ssh", adminCidrs: ["198.51.100.7/32"] },
      ["hermes:secrets.hostKey: it is the same key as deployKey"],
      { secrets: { ...secrets, hostKey: keys.deploy } },
    ],
    [
      "a secret in plain text",
      {},
      ["hermes:secrets.gatewayToken: stands in plain text"],
      { plainSecrets: ["gatewayToken"] },
    ],
    [
      "a short token",
      {},
      ["hermes:secrets.gatewayToken: it has 6 characters"],
      { secrets: { ...secrets, gatewayToken: "abc123" } },
    ],
    [
      "a guessable token",
      {},
      ["hermes:secrets.gatewayToken: it repeats few characters, so it can be guessed"],
      { secrets: { ...secrets, gatewayToken: "x".repeat(64) } },
    ],
    [
      "a token with a line break",
      {},
      ["hermes:secrets.gatewayToken: it has blanks or a line break at its start or end"],
      { secrets: { ...secrets, gatewayToken: `${String(secrets["gatewayToken"])}\n` } },
    ],
    [
      "a token that YAML read as a number",
      {},
      ["hermes:secrets.gatewayToken: it is a number, not a text"],
      { secrets: { ...secrets, gatewayToken: 5 } },
    ],
    [
      "an RSA deploy key",
      {},
      ["hermes:secrets.deployKey: its type is ssh-rsa"],
      { secrets: { ...secrets, deployKey: keys.rsa } },
    ],
    [
      "a deploy key with a passphrase",
      {},
      ["hermes:secrets.deployKey: it has a passphrase"],
      { secrets: { ...secrets, deployKey: keys.locked } },
    ],
    [
      "a deploy key on one line",
      {},
      ["hermes:secrets.deployKey: it cannot be read as a private key"],
      { secrets: { ...secrets, deployKey: keys.deploy.replaceAll("\n", " ") } },
    ],
    [
      "a public key",
      {},
      ["hermes:secrets.deployKey: it is not an OpenSSH private key"],
      { secrets: { ...secrets, deployKey: "ssh-ed25519 AAAA" } },
    ],
    [
      "a plain secret that nothing uses",
      {},
      ["hermes:secrets.trackerToken: stands in plain text", "hermes:secrets.trackerToken: is used by nothing"],
      { secrets: { ...secrets, trackerToken: "v" }, plainSecrets: ["trackerToken"] },
    ],
    [
      "a misspelt secret",
      {},
      ["hermes:secrets.telegramBotTokn: is used by nothing"],
      { secrets: { ...secrets, telegramBotTokn: "1" } },
    ],
    [
      "a secret with a path for a name",
      {},
      ['hermes:secrets."../x": is no name for a secret'],
      { secrets: { ...secrets, "../x": "1" } },
    ],
    [
      "a secret in a plain value",
      mcp({ command: "x", args: [String(secrets["gatewayToken"])] }),
      ["hermes:mcpServers: holds the value of a secret in plain text"],
    ],
    // keys
    ["an unknown key", { regoin: "nyc3" }, ["hermes:regoin: is not a key that hermes knows"]],
    [
      "an unknown key further in",
      { tailnet: { hostnam: "x" }, agents: { main: { workspace: "./w", bindngs: [] } } },
      [
        "hermes:tailnet.hostnam: is not a key that hermes knows",
        "hermes:agents.main.bindngs: is not a key that hermes knows",
      ],
    ],
    ["a text where a map belongs", { tailnet: "hermes" }, ["hermes:tailnet: it is not a map"]],
    [
      "a stack name that no volume can have",
      {},
      ["the stack's name: it has characters that a volume's name may not have"],
      { stack: "Prod_1" },
    ],
    [
      "a stack name that is too long for a volume",
      {},
      [expect.stringContaining("would have 65 characters") as string],
      { stack: "a".repeat(52) },
    ],
  ])("are refused: %s", (_, changes, expected, more = {}) => expect(faults(changes, more)).toEqual(expected));

  it("are refused with what is allowed and what to do, each", () => {
    for (const problem of problems({ region: "x", models: {}, agents: {}, access: "ssh" }, { secrets: {} })) {
      expect(problem.allowed).toMatch(/[.)]$/);
      expect(problem.fix).toMatch(/[.?)]$|[a-zA-Z]$/);
    }
  });
});

describe("policy", () => {
  it("limits the cost by whole dollars, and refuses a stack that costs more before anything is made", () => {
    expect(faults({ policy: { maxMonthlyUsd: 13 } })).toEqual([]);
    expect(faults({ policy: { maxMonthlyUsd: 12 } })).toEqual([
      "hermes:policy.maxMonthlyUsd: the stack costs $13.00 a month",
    ]);
    expect(problems({ policy: { maxMonthlyUsd: 12 } })[0]?.allowed).toBe(
      "At least its cost: droplet s-1vcpu-2gb $12.00, volume 10 GiB $1.00.",
    );
  });

  it.each([[0], [-5], [12.5], ["20 dollars"], [true]])("refuses a limit of %p", (maxMonthlyUsd) => {
    expect(faults({ policy: { maxMonthlyUsd } })).toHaveLength(1);
  });

  it("refuses a key that it does not know", () => {
    expect(faults({ policy: { maxMontlyUsd: 20 } })).toEqual([
      "hermes:policy.maxMontlyUsd: is not a key that hermes knows",
    ]);
  });
});

describe("problems", () => {
  const broken = {
    region: "nyc9",
    size: "s-1vcpu-1gb",
    access: "ssh",
    adminCidrs: ["128.0.0.0/1", "0.0.0.0/1", "10.0.0.1/8", "::ffff:0:0/96"],
    openclaw: { version: 2026.1, before: "2026-09-25 00:00:00 +0000 UTC" },
    models: { primary: "openrouter/gemma", fallbacks: ["ollama/qwen3.5:9b"] },
    agents: { on: { workspace: "../x", bindings: [{ channel: "telegram" }] } },
    mcpServers: {
      tracker: { url: "https://x.example.com:18789", headers: { Authorization: "Bearer hunter2hunter2" } },
    },
    swapgib: 3,
  };
  const badSecrets = { gatewayToken: "hunter2hunter2", deployKey: "-----BEGIN hunter2hunter2" };

  it("are told all at once, as instructions, like this", () => {
    const found = problems(broken, { secrets: badSecrets, plainSecrets: ["gatewayToken"] });
    expect(new ConfigError("hermes", found).message).toMatchSnapshot();
  });

  it("never show a secret, or what may be one", () => {
    const text = formatProblems(
      "hermes",
      problems({ ...broken, region: "hunter2hunter2", secretz: "hunter2hunter2" }, { secrets: badSecrets }),
    );
    expect(text).not.toContain("hunter2");
    expect(text).toContain("hermes:region is [secret]");
  });

  it("come in the order of the file, and of the schema where the file has no say", () => {
    const keysOf = (order?: string[]) =>
      problems({ region: "x", size: "x", access: "x" }, order ? { order } : {}).map(({ key }) => key);
    expect(keysOf()).toEqual(["hermes:region", "hermes:size", "hermes:access"]);
    expect(keysOf(["access", "size"])).toEqual(["hermes:access", "hermes:size", "hermes:region"]);
  });

  it("say where the list of regions and sizes is from", () => {
    const text = (catalogue: Catalogue) => formatProblems("hermes", problems({ size: "x-1" }, { catalogue }));
    expect(text(shippedCatalogue())).toMatch(/list of \d{4}-\d\d that came with hermes.*\n.*set DIGITALOCEAN_TOKEN/);
    expect(text(live)).toMatch(/asked just now/);
  });
});
