// What people type that is wrong: values of the committed stack, what the check says of them, and what else is looked at.
import { NODE_DIGESTS, OPENCLAW_DIGESTS } from "../../config/keys";
import { shippedCatalogue } from "../../planner";
import type { Catalogue } from "../../planner/catalogue";
import type { CheckContext, Workspace } from "../../config";
import { keys, secrets, workspace } from "./config-fixture";

export const live: Catalogue = {
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

export const telegram = {
  telegram: { ownerId: "123456789" },
  agents: { main: { workspace: "./w", bindings: [{ channel: "telegram" }] } },
};
export const withBot = { secrets: { ...secrets, telegramBotToken: "123456789:AAF0f_abcdefghijklmnopqrst" } };
export const folder = (...entries: Partial<(Workspace & { kind: "folder" })["entries"][number]>[]): Workspace => ({
  kind: "folder",
  complete: true,
  entries: [
    ...(entries.some(({ path }) => path === "SOUL.md") ? [] : workspace.kind === "folder" ? workspace.entries : []),
    ...entries.map((entry, i) => ({ path: `notes-${i}.md`, kind: "file" as const, bytes: 1, ...entry })),
  ],
});
export const fallback = "openrouter/google/gemma-4-26b-a4b-it:free";
export const model = (primary: unknown) => ({ models: { primary, fallbacks: [] } });
export const mcp = (server: unknown, name = "tracker") => ({ mcpServers: { [name]: server } });

/** Both halves were made for the tests and open nothing. */
export const RECIPIENT = "age1444lj0tm8q9zse0r0jv6xvueqwnce4l2jr4a3wxvuncl7926qv4qq8u0gm";
const OTHER_RECIPIENT = "age1hdcl8mnzxwc2djchr6xharjfm2pv98gftlhw56q0vv7ugaevadaqd2p0lw";
export const IDENTITY = `AGE-SECRET-KEY-${"1Y5V5XFT0SDEENEWTA4W53CVNTJ3SVR89G8NYVU86VKXCKUL3F9CQ578W3Z"}`;

const to = { endpoint: "https://nyc3.digitaloceanspaces.com", region: "nyc3", bucket: "my-backups" };
export const backup = (more: object) => ({ backup: { recipient: RECIPIENT, to, ...more } });
export const withBucket = {
  secrets: { ...secrets, backupS3KeyId: "key-id", backupS3Secret: "key-secret-of-the-bucket" },
};
const endpoint = (url: string, bucket = to.bucket) => backup({ to: { ...to, endpoint: url, bucket } });
const secret = (more: object) => ({ secrets: { ...secrets, ...more } });
export const servers = (count: number) => ({
  mcpServers: Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, { command: "x" }])),
});

export type WrongInput = [
  what: string,
  changes: Record<string, unknown>,
  /** As `key: what is wrong`. */
  faults: unknown[],
  more?: Partial<CheckContext>,
];

export const WRONG_INPUTS: WrongInput[] = [
  // machine
  ["an unknown region", { region: "nyc33" }, ["hermes:region: DigitalOcean has no such region"]],
  ["no region", { region: undefined }, ["hermes:region: is missing"]],
  ["an unknown size", { size: "s-1vcpu-3gb" }, ["hermes:size: DigitalOcean has no such size"]],
  ["a size below 2 GB", { size: "s-1vcpu-1gb" }, [/^hermes:size: 1024 MiB do not carry/], {}],
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
  ["ssh from nowhere", { access: "ssh" }, ['hermes:adminCidrs: is missing, and hermes:access is "ssh"'], {}],
  [
    "addresses without ssh",
    { adminCidrs: ["198.51.100.7/32"] },
    ['hermes:adminCidrs: hermes:access is "tailnet", which opens no port to any address'],
  ],
  [
    "one text instead of a list",
    { access: "ssh", adminCidrs: "198.51.100.7/32" },
    ["hermes:adminCidrs: it is not a list"],
    {},
  ],
  // tailnet
  ["a tag without its prefix", { tailnet: { tag: "hermes" } }, ["hermes:tailnet.tag: it does not have the right form"]],
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
    "an OpenClaw of which hermes has no digest",
    { openclaw: { version: "2026.9.7", before: "2026-10-02" } },
    ["hermes:sources.openclaw.sha256: is missing"],
  ],
  [
    "a short digest of OpenClaw",
    { sources: { openclaw: { sha256: "60a1762d" } } },
    ["hermes:sources.openclaw.sha256: it does not have the right form"],
  ],
  [
    "the digest of another OpenClaw",
    { sources: { openclaw: { sha256: OPENCLAW_DIGESTS["2026.9.5"] } } },
    ["hermes:sources.openclaw.sha256: it is that of OpenClaw 2026.9.5, and hermes:openclaw.version is 2026.9.6"],
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
  ["an id without a vendor", model("openrouter/gemma-4-31b-it:free"), ["hermes:models.primary: the vendor is missing"]],
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
    ['hermes:agents.main.workspace: the name "a/-rf" in it begins with a dash'],
    { workspace: () => folder({ path: "a/-rf" }) },
  ],
  [
    "a name with a line break",
    {},
    ['hermes:agents.main.workspace: the name "a\\nb" in it holds a control character'],
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
    ["hermes:agents: have workspaces of 1,310,840 bytes in all"],
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
  [
    "a whole command line beside arguments",
    mcp({ command: "npx -y server", args: ["--root", "/x"] }),
    ["hermes:mcpServers.tracker.command: it does not have the right form"],
  ],
  [
    "an option with its credential in one argument",
    mcp({ command: "npx", args: ["--token hunter2hunter2", "server --api-key hunter2hunter2"] }),
    [
      "hermes:mcpServers.tracker.args[0]: it is a credential in plain text",
      "hermes:mcpServers.tracker.args[1]: it is a credential in plain text",
    ],
  ],
  [
    "a URL with letters beyond ASCII in its host",
    mcp({ url: "https://ex\u00e4mple.com/mcp" }),
    ["hermes:mcpServers.tracker.url: it has characters that curl and others do not take as they are"],
  ],
  [
    "a URL with letters beyond ASCII in its path",
    mcp({ url: "https://example.com/\u00e4" }),
    ["hermes:mcpServers.tracker.url: it has characters that curl and others do not take as they are"],
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
      "hermes:secrets.hostKey: is missing",
    ],
    { secrets: {} },
  ],
  [
    "a stack from before there were host keys",
    {},
    ["hermes:secrets.hostKey: is missing"],
    { secrets: { ...secrets, hostKey: undefined } },
  ],
  [
    "a host key that is the deploy key",
    {},
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
    ["hermes:secrets.telegramBotTokn: is used by nothing; telegramBotToken is a name that hermes knows"],
    { secrets: { ...secrets, telegramBotTokn: "1" } },
  ],
  [
    "a misspelt secret that is needed",
    telegram,
    [
      "hermes:secrets.telegramBotToken: is missing",
      "hermes:secrets.telegramBotTokn: is used by nothing; telegramBotToken is a name that hermes knows",
    ],
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
  ["a stack name that is too long for a volume", {}, [/would have 65 characters/], { stack: "a".repeat(52) }],
  // issue 18: accepted at preview, and broken later
  [
    "another Node's digest",
    { node: { version: "24.20.0" }, sources: { node: { sha256: NODE_DIGESTS["24.21.0"] } } },
    ["hermes:sources.node.sha256: it is that of Node 24.21.0, and hermes:node.version is 24.20.0"],
  ],
  [
    "a recipient of another key",
    { backup: { recipient: OTHER_RECIPIENT } },
    ["hermes:backup.recipient: it does not belong to hermes:secrets.backupKey, which could open no backup"],
    secret({ backupKey: IDENTITY }),
  ],
  [
    "a recipient with a wrong character",
    { backup: { recipient: `${RECIPIENT.slice(0, -1)}q` } },
    ["hermes:backup.recipient: a character of it is wrong: its checksum does not fit"],
    secret({ backupKey: IDENTITY }),
  ],
  [
    "a backup key with a wrong character",
    { backup: { recipient: RECIPIENT } },
    ["hermes:secrets.backupKey: a character of it is wrong: its checksum does not fit"],
    secret({ backupKey: `${IDENTITY.slice(0, -1)}Q` }),
  ],
  [
    "the secret half for the public one",
    { backup: { recipient: IDENTITY } },
    ["hermes:backup.recipient: it is the secret half of a key, in plain text"],
    secret({ backupKey: `${IDENTITY}` }),
  ],
  [
    "the public half for the secret one",
    { backup: { recipient: RECIPIENT } },
    ["hermes:secrets.backupKey: it is the public half; the secret one begins with AGE-SECRET-KEY-1"],
    secret({ backupKey: RECIPIENT }),
  ],
  [
    "more MCP servers than memory",
    servers(40),
    [/^hermes:size: the stack needs 4,200 MiB of memory; this size has 1,945 MiB$/],
  ],
  [
    "more agents and MCP servers than memory, without swap",
    {
      swapGiB: 0,
      agents: Object.fromEntries(["a", "b", "c"].map((id) => [id, { workspace: "./w" }])),
      ...servers(2),
    },
    ["hermes:size: the stack needs 2,120 MiB of memory; this size has 1,945 MiB"],
  ],
  [
    "more agents than memory",
    { agents: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`a${i}`, { workspace: "./w" }])) },
    [/^hermes:size: the stack needs 16,250 MiB of memory/],
  ],
  ...[
    "changeme",
    "<your-key-here>",
    "sk-ant-api03-0123456789abcdef",
    '"sk-or-v1-0123456789abcdef"',
    "sk-proj-0123456789abcdef",
    "0123456789abcdef",
  ].map((openrouterApiKey, i): WrongInput => [
    `an OpenRouter key such as ${openrouterApiKey}`,
    {},
    [
      `hermes:secrets.openrouterApiKey: ${
        [
          "it is a placeholder",
          "it is a placeholder",
          "it is a key of Anthropic, and hermes reaches models by OpenRouter",
          "it has quotes around it",
          "it is a key of another service, such as OpenAI: OpenRouter's begin with sk-or-",
          "it is not a key of OpenRouter, which begins with sk-or-",
        ][i]
      }`,
    ],
    secret({ openrouterApiKey }),
  ]),
  ...["GH_PAT", "PGPASSWORD", "apiKey", "SLACK_AUTH", "AWS_SECRET_ACCESS_KEY"].map((name): WrongInput => [
    `a credential by its name, ${name}`,
    mcp({ command: "x", env: { [name]: "hunter2" } }),
    [`hermes:mcpServers.tracker.env.${name}: is a credential in plain text`],
  ]),
  [
    "a password in a variable's URL",
    mcp({ command: "x", env: { DATABASE_URL: "postgres://user:hunter2@db/x" } }),
    ["hermes:mcpServers.tracker.env.DATABASE_URL: it holds a password, before the @"],
  ],
  [
    "a token after an option",
    mcp({ command: "x", args: ["--token", "hunter2hunter2"] }),
    ["hermes:mcpServers.tracker.args[1]: it is a credential in plain text"],
  ],
  [
    "a token in an option",
    mcp({ command: "x", args: ["--api-key=hunter2hunter2"] }),
    ["hermes:mcpServers.tracker.args[0]: it is a credential in plain text"],
  ],
  [
    "a token by its shape",
    mcp({ command: "x", args: ["ghp_0123456789abcdef0123"] }),
    ["hermes:mcpServers.tracker.args[0]: it holds what looks like an access token or a private key"],
  ],
  [
    "a header in an argument",
    mcp({ command: "npx", args: ["mcp-remote", "--header", "Authorization: Bearer hunter2hunter2"] }),
    ["hermes:mcpServers.tracker.args[2]: it holds an authorization header"],
  ],
  [
    "a token of a header in an argument",
    mcp({ command: "x", args: ["Bearer hunter2hunter2hunter2"] }),
    ["hermes:mcpServers.tracker.args[0]: it holds an authorization header"],
  ],
  [
    "a key in a URL",
    mcp({ url: "https://x.example.com/mcp?api_key=hunter2" }),
    ["hermes:mcpServers.tracker.url: its parameter api_key is a credential"],
  ],
  [
    "a workspace file with a secret in it",
    {},
    ['hermes:agents.main.workspace: "notes-0.md" in it holds the value of hermes:secrets.gatewayToken in plain text'],
    { workspace: () => folder({ secrets: ["gatewayToken"] }) },
  ],
  [
    "a gateway token with a variable",
    {},
    ["hermes:secrets.gatewayToken: it holds ${, which OpenClaw takes for a variable"],
    secret({ gatewayToken: "q7Wd93kfLz0aPmX2vB8nT5yRc6hJ${HOME}" }),
  ],
  [
    "a deploy key with a byte order mark",
    {},
    ["hermes:secrets.deployKey: it begins with a byte order mark, which an editor on Windows writes"],
    secret({ deployKey: `\ufeff${keys.deploy}` }),
  ],
  [
    "a deploy key with the line ends of Windows",
    {},
    ["hermes:secrets.deployKey: its lines end as on Windows (CRLF)"],
    secret({ deployKey: keys.deploy.replaceAll("\n", "\r\n") }),
  ],
  [
    "a deploy key with an empty line in it",
    {},
    ["hermes:secrets.deployKey: its lines are not as ssh-keygen wrote them (an empty line, blanks)"],
    secret({ deployKey: keys.deploy.replace("\n", "\n\n") }),
  ],
  [
    "a deploy key that is indented",
    {},
    ["hermes:secrets.deployKey: it cannot be read as a private key"],
    secret({ deployKey: keys.deploy.replaceAll(/^(?=.)/gm, "  ") }),
  ],
  [
    "a SOUL.md in UTF-16",
    {},
    ['hermes:agents.main.workspace: "SOUL.md" in it is saved as UTF-16'],
    { workspace: () => folder({ path: "SOUL.md", unreadable: "is saved as UTF-16" }) },
  ],
  [
    "neither SOUL.md nor AGENTS.md",
    {},
    ["hermes:agents.main.workspace: it has neither SOUL.md nor AGENTS.md"],
    { workspace: () => ({ kind: "folder", complete: true, entries: [{ path: "soul.md", kind: "file", bytes: 1 }] }) },
  ],
  [
    "a schedule without a bucket",
    { backup: { schedule: "daily" } },
    ["hermes:backup.schedule: there is no bucket for automatic backups"],
  ],
  [
    "root's key for an MCP server",
    mcp({ command: "x", env: { KEY: { secret: "deployKey" } } }),
    ["hermes:mcpServers.tracker.env.KEY: that secret is hermes' own, and no MCP server may have it"],
  ],
  // words
  ["a region in capitals", { region: "FRA1" }, ["hermes:region: it does not have the right form"]],
  ["a region with a blank", { region: "fra1 " }, ["hermes:region: it has blanks at its start or end"]],
  ["a size in capitals", { size: "S-2VCPU-4GB" }, ["hermes:size: it does not have the right form"]],
  ["a region that is like no other", { region: "frankfurt" }, ["hermes:region: DigitalOcean has no such region"]],
  [
    "a misspelt reference to a secret",
    mcp({ command: "x", env: { T: { secret: "githubTokn" } } }),
    ["hermes:mcpServers.tracker.env.T: there is no secret of that name"],
    secret({ githubToken: "v" }),
  ],
  [
    "a model by its maker",
    model("anthropic/claude-sonnet-5"),
    ["hermes:models.primary: its provider is not one that hermes sets up"],
  ],
  [
    "a required key that is misspelt",
    { region: undefined, regoin: "nyc3" },
    ["hermes:regoin: is not a key that hermes knows"],
  ],
  ["a key in capitals", { size: undefined, Size: "s-1vcpu-2gb" }, ["hermes:Size: is not a key that hermes knows"]],
  [
    "keys one level too deep",
    { region: undefined, size: undefined, hermes: { region: "nyc3", size: "s-1vcpu-2gb" } },
    ["hermes:hermes: is not a key that hermes knows"],
  ],
  ["a key one level too high", { hostname: "other" }, ["hermes:hostname: is not a key that hermes knows"]],
  ["a key with a dot", { "tailnet.hostname": "other" }, ["hermes:tailnet.hostname: is not a key that hermes knows"]],
  [
    "a model one level too high",
    { models: undefined, primary: fallback },
    ["hermes:primary: is not a key that hermes knows"],
  ],
  ["a number in words", { swapGiB: "four" }, ["hermes:swapGiB: it is not a whole number"]],
  ["a number with its unit", { volumeGiB: "20 GiB" }, ["hermes:volumeGiB: it is not a whole number"]],
  ["a word for a boolean", { ipv6: "Off" }, ["hermes:ipv6: it is not a boolean"]],
  ["access in quotes of its own", { access: "'tailnet'" }, ["hermes:access: it does not have the right form"]],
  [
    "hundreds of odd files",
    {},
    [
      ...Array.from(
        { length: 10 },
        (_, i) => `hermes:agents.main.workspace: the name "-${i}" in it begins with a dash`,
      ),
      "hermes:agents.main.workspace: its files have 490 more problems",
    ],
    { workspace: () => folder(...Array.from({ length: 500 }, (_, i) => ({ path: `-${i}` }))) },
  ],
  [
    "two spellings of one name",
    {},
    [
      'hermes:agents.main.workspace: two files in it are called "é.md"; their names differ only in how accents are encoded',
    ],
    { workspace: () => folder({ path: "é.md" }, { path: "é.md", source: "é.md" }) },
  ],
  // what else people type (the second attack)
  [
    "a version of Node with a v",
    { node: { version: "v24.21.0" }, sources: {} },
    ["hermes:node.version: it does not have the right form"],
  ],
  [
    "a workspace in the home folder",
    { agents: { main: { workspace: "~/hermes" } } },
    ["hermes:agents.main.workspace: it is not a folder below the project's own"],
  ],
  [
    "a workspace as Windows writes it",
    { agents: { main: { workspace: "workspace\\main" } } },
    ["hermes:agents.main.workspace: it is not a folder below the project's own"],
  ],
  [
    "a workspace on a drive",
    { agents: { main: { workspace: "C:/hermes/main" } } },
    ["hermes:agents.main.workspace: it is not a folder below the project's own"],
  ],
  [
    "a file for a workspace",
    { agents: { main: { workspace: "./workspace/main/SOUL.md" } } },
    ["hermes:agents.main.workspace: it is a file"],
    { workspace: (path) => (path.endsWith(".md") ? { kind: "file" } : workspace) },
  ],
  [
    "a SOUL.md with the ending that Windows hides",
    {},
    ["hermes:agents.main.workspace: it has neither SOUL.md nor AGENTS.md"],
    {
      workspace: () => ({ kind: "folder", complete: true, entries: [{ path: "SOUL.md.txt", kind: "file", bytes: 1 }] }),
    },
  ],
  [
    "a control server without its scheme",
    { tailnet: { loginServer: "headscale.example.com" } },
    ["hermes:tailnet.loginServer: it is not a URL"],
  ],
  [
    "a control server with a password and without its scheme",
    { tailnet: { loginServer: "ada:hunter2@headscale.example.com" } },
    ["hermes:tailnet.loginServer: it is not a URL"],
  ],
  [
    "a host name with its tailnet",
    { tailnet: { hostname: "gateway.tail1234.ts.net" } },
    ["hermes:tailnet.hostname: it does not have the right form"],
  ],
  [
    "a host name with an underscore",
    { tailnet: { hostname: "My_Hermes" } },
    ["hermes:tailnet.hostname: it does not have the right form"],
  ],
  ["no IPv6, in a word", { ipv6: "disabled" }, ["hermes:ipv6: it is not a boolean"]],
  ["no Ollama, in another word", { ollama: "never" }, ["hermes:ollama: it does not have the right form"]],
  ["no swap, in a word", { swapGiB: "none" }, ["hermes:swapGiB: it is not a whole number"]],
  [
    "a limit with a comma",
    { policy: { maxMonthlyUsd: "40,00" } },
    ["hermes:policy.maxMonthlyUsd: it is not a whole number"],
  ],
  [
    "tokens in thousands",
    { localModel: { contextTokens: "32k" } },
    ["hermes:localModel.contextTokens: it is not a whole number"],
  ],
  [
    "arguments in one text",
    mcp({ command: "npx", args: "-y @acme/server" }),
    ["hermes:mcpServers.tracker.args: it is not a list"],
  ],
  [
    "servers under the name of another program's key",
    { mcpServers: { mcpServers: { tracker: { command: "npx" } } } },
    ["hermes:mcpServers.mcpServers: is not a server but a map of servers"],
  ],
  [
    "a websocket for an MCP server",
    mcp({ url: "wss://mcp.example.com/x" }),
    ["hermes:mcpServers.tracker.url: it is not https"],
  ],
  [
    "a token of DigitalOcean among the secrets",
    {},
    ["hermes:secrets.digitalOceanToken: is used by nothing"],
    secret({ digitalOceanToken: "dop_v1_0123456789abcdef" }),
  ],
  // backups (issue 17)
  [
    "a schedule of cron",
    backup({ schedule: "0 3 * * *" }),
    ["hermes:backup.schedule: it is a cron expression"],
    withBucket,
  ],
  [
    "a day that never comes",
    backup({ schedule: "*-02-30 03:40:00" }),
    ["hermes:backup.schedule: that day never comes"],
    withBucket,
  ],
  [
    "a year that is over",
    backup({ schedule: "2020-01-01" }),
    ["hermes:backup.schedule: that day never comes"],
    withBucket,
  ],
  [
    "a schedule in words",
    backup({ schedule: "every day at 3" }),
    ["hermes:backup.schedule: systemd cannot read it as a calendar event"],
    withBucket,
  ],
  [
    "a bucket in the endpoint's host",
    endpoint("https://my-backups.nyc3.digitaloceanspaces.com"),
    ["hermes:backup.to.endpoint: it holds the bucket's name"],
    withBucket,
  ],
  [
    "another service with the bucket in its host",
    endpoint("https://my-backups.s3.eu-central-1.amazonaws.com"),
    ["hermes:backup.to.endpoint: it holds the bucket's name"],
    withBucket,
  ],
  [
    "the CDN for an endpoint",
    endpoint("https://my-backups.nyc3.cdn.digitaloceanspaces.com"),
    ["hermes:backup.to.endpoint: it is the address of the CDN, to which nothing can be written"],
    withBucket,
  ],
  [
    "a bucket in the endpoint's path",
    endpoint("https://nyc3.digitaloceanspaces.com/my-backups/"),
    ["hermes:backup.to.endpoint: it holds the bucket's name"],
    withBucket,
  ],
  [
    "an endpoint with a query",
    endpoint("https://nyc3.digitaloceanspaces.com/?x=1"),
    ["hermes:backup.to.endpoint: it has a query or a fragment"],
    withBucket,
  ],
  [
    "a local model that hermes does not know",
    { localModel: { model: "qwen3.5:9c" } },
    ["hermes:localModel.model: hermes does not know how much memory it needs"],
  ],
  [
    "a local model of another name",
    { localModel: { model: "nonsense:9b" } },
    ["hermes:localModel.model: hermes does not know how much memory it needs"],
  ],
  [
    "more context than the local model was trained for",
    { localModel: { model: "qwen3.5:9b", contextTokens: 1_000_000 } },
    ["hermes:localModel.contextTokens: qwen3.5:9b was trained for 262,144 tokens, and Ollama cuts off the rest"],
  ],
  [
    "Node for another processor",
    { sources: { node: { url: "https://nodejs.org/dist/v24.21.0/node-v24.21.0-linux-arm64.tar.xz" } } },
    ["hermes:sources.node.url: it is Node for linux-arm64, and droplets are linux-x64"],
  ],
  [
    "another version of Node in its URL",
    { sources: { node: { url: "https://nodejs.org/dist/v24.20.0/node-v24.20.0-linux-x64.tar.xz" } } },
    ["hermes:sources.node.url: it is Node 24.20.0, and hermes:node.version is 24.21.0"],
  ],
  [
    "Node in another archive",
    { sources: { node: { url: "https://nodejs.org/dist/v24.21.0/node-v24.21.0-linux-x64.tar.gz" } } },
    ["hermes:sources.node.url: it is a .tar.gz, and the droplet unpacks a .tar.xz"],
  ],
  [
    "a key beside its right name",
    { tailnet: { tag: "tag:hermes", Tag: "tag:other", hostname: "hermes" } },
    ["hermes:tailnet.Tag: is not a key that hermes knows"],
  ],
  [
    "a list of one under the plural of a key",
    { tailnet: { tags: ["tag:hermes"], hostname: "hermes" } },
    ["hermes:tailnet.tags: is not a key that hermes knows"],
  ],
  ["a switch in typographic quotes", { ipv6: "“false”" }, ["hermes:ipv6: it is not a boolean"]],
  ["a switch in two kinds of quotes", { growDisk: "'true'" }, ["hermes:growDisk: it is not a boolean"]],
  ["a number in typographic quotes", { volumeGiB: "“20”" }, ["hermes:volumeGiB: it is not a whole number"]],
  ["a revision in thousands", { bootstrapRevision: "2k" }, ["hermes:bootstrapRevision: it is not a whole number"]],
  [
    "another word for ssh, with addresses",
    { access: "public", adminCidrs: ["198.51.100.7/32"] },
    ["hermes:access: it does not have the right form"],
  ],
  [
    "ssh in capitals, without addresses",
    { access: "SSH" },
    ["hermes:access: it does not have the right form", 'hermes:adminCidrs: is missing, and hermes:access is "ssh"'],
  ],
  ...["127.0.0.1/32", "0.0.0.0/32", "224.0.0.1/32", "::1/128", "169.254.1.1/32"].map((cidr): WrongInput => [
    `an address that no droplet sees: ${cidr}`,
    { access: "ssh", adminCidrs: [cidr] },
    ["hermes:adminCidrs[0]: nobody connects to the droplet from there"],
  ]),
  [
    "a workspace outside, as Windows writes it",
    { agents: { main: { workspace: "..\\\\workspace\\\\main" } } },
    ["hermes:agents.main.workspace: it is not a folder below the project's own"],
  ],
  [
    "a closed port as a number",
    mcp({ command: "x", env: { PORT: 18789 } }),
    ["hermes:mcpServers.tracker.env.PORT: port 18789 is the gateway's"],
  ],
  [
    "the digest of another file",
    { sources: { node: { sha256: `${"a".repeat(64)}  node-v24.21.0-linux-arm64.tar.xz` } } },
    ["hermes:sources.node.sha256: it does not have the right form"],
  ],
  [
    "a page in the place of an archive",
    { sources: { node: { url: "https://nodejs.org/en/download" } } },
    ["hermes:sources.node.url: it is not the address of an archive"],
  ],
  [
    "an archive in the folder of another version",
    { sources: { node: { url: "https://nodejs.org/dist/v24.20.0/node-v24.21.0-linux-x64.tar.xz" } } },
    ["hermes:sources.node.url: it is Node 24.20.0, and hermes:node.version is 24.21.0"],
  ],
  ...["ollama-linux-arm64.tar.zst", "ollama-linux-amd64.tgz", "install.sh", "OllamaSetup.exe"].map(
    (file): WrongInput => [
      `another file of Ollama: ${file}`,
      { sources: { ollama: { url: `https://github.com/ollama/ollama/releases/download/v{version}/${file}` } } },
      ["hermes:sources.ollama.url: it is not the archive for linux-amd64"],
    ],
  ),
  [
    "another version of Ollama",
    { sources: { ollama: { url: "https://mirror.example.com/v0.1.2/ollama-linux-amd64.tar.zst" } } },
    [/^hermes:sources\.ollama\.url: it is Ollama 0\.1\.2, and hermes installs /],
  ],
  ...["sk-or-v1-0a1...9f3", "sk-or-v1-0a1b2c3d4e…", "sk-or-v1-****************"].map((key): WrongInput => [
    `a key as a page shows it: ${key}`,
    {},
    ["hermes:secrets.openrouterApiKey: it is shortened; the whole key is needed"],
    secret({ openrouterApiKey: key }),
  ]),
  [
    "a key of a manual",
    {},
    ["hermes:secrets.openrouterApiKey: it is a placeholder"],
    secret({ openrouterApiKey: "sk-or-v1-your-key-here" }),
  ],
  [
    "a gateway token that is a placeholder, many times",
    {},
    ["hermes:secrets.gatewayToken: it is a placeholder"],
    secret({ gatewayToken: "change-me-change-me-change-me-change-me" }),
  ],
  [
    "a command in typographic quotes",
    mcp({ command: "“npx”", args: ["-y", "x"] }),
    ["hermes:mcpServers.tracker.command: it does not have the right form"],
  ],
  [
    "an option with a typographic dash",
    mcp({ command: "npx", args: ["—port"] }),
    ["hermes:mcpServers.tracker.args[0]: it has a typographic dash or quotes"],
  ],
  [
    "an option of one letter with a typographic dash",
    mcp({ command: "npx", args: ["–y", "x"] }),
    ["hermes:mcpServers.tracker.args[0]: it has a typographic dash or quotes"],
  ],
  [
    "a credential in typographic quotes",
    mcp({ command: "npx", args: ["--token", "“hunter2horse”"] }),
    ["hermes:mcpServers.tracker.args[1]: it is a credential in plain text"],
  ],
  [
    "a credential behind a typographic dash",
    mcp({ command: "npx", args: ["–api-key=hunter2horse"] }),
    ["hermes:mcpServers.tracker.args[0]: it is a credential in plain text"],
  ],
  [
    "a program of Windows",
    mcp({ command: "npx.cmd", args: ["-y", "x"] }),
    ["hermes:mcpServers.tracker.command: it is a program of Windows, and the droplet runs Linux"],
  ],
  [
    "a shell of Windows",
    mcp({ command: "cmd", args: ["/c", "npx", "-y", "x"] }),
    ["hermes:mcpServers.tracker.command: it is a program of Windows, and the droplet runs Linux"],
  ],
  [
    "a header that no header can be",
    mcp({ url: "https://mcp.example.com/", headers: { "X-Name": "“ada”" } }),
    ["hermes:mcpServers.tracker.headers.X-Name: it has characters that no header can have"],
  ],
  ...[
    "napi_0123456789abcdef0123456789",
    "tvly-0123456789abcdef0123",
    "GOCSPX-0123456789abcdef01234",
    "sk_test_0123456789abcdef01",
    "glsa_0123456789abcdef0123_ab12",
  ].map((token): WrongInput => [
    `a token of ${token.slice(0, 5)} in an argument`,
    mcp({ command: "npx", args: [token] }),
    ["hermes:mcpServers.tracker.args[0]: it holds what looks like an access token or a private key"],
  ]),
  ["an image for another processor", { image: "debian-13-arm64" }, ["hermes:image: it does not have the right form"]],
  ...["my..backups", "my-backups-"].map((bucket): WrongInput => [
    `a bucket that no service has: ${bucket}`,
    endpoint(to.endpoint, bucket),
    ["hermes:backup.to.bucket: it does not have the right form"],
    withBucket,
  ]),
  ...["https://cloud.digitalocean.com/spaces/my-backups", "https://digitaloceanspaces.com"].map((url): WrongInput => [
    `an endpoint for people: ${url}`,
    endpoint(url),
    ["hermes:backup.to.endpoint: it is an address for people, not the one of the service"],
    withBucket,
  ]),
  [
    "a schedule in another time zone's letters",
    backup({ schedule: "03:40 PST" }),
    ["hermes:backup.schedule: PST is not a time zone"],
    withBucket,
  ],
];
