import { shippedCatalogue } from "../../planner";
import type { Catalogue } from "../../planner/catalogue";
import { checkConfig, ConfigError, formatProblems } from "../../config";
import { NODE_DIGESTS } from "../../config/keys";
import { context, faults, hermesStack, problems, secrets } from "./config-fixture";
import {
  backup,
  fallback,
  folder,
  live,
  mcp,
  model,
  RECIPIENT,
  servers,
  telegram,
  withBot,
  withBucket,
  WRONG_INPUTS,
} from "./config-wrong";

const three = Object.fromEntries(["a", "b", "c"].map((id) => [id, { workspace: "./w" }]));

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
    ["ssh from one address", { access: "ssh", adminCidrs: ["198.51.100.7/32"] }, {}],
    ["a Headscale", { tailnet: { tag: "tag:a-1", hostname: "h", loginServer: "https://headscale.example.com:8443/" } }],
    ["a node that is forgotten", { tailnet: { ephemeral: true }, volumeGiB: 0 }],
    [
      "a pre-release",
      {
        openclaw: { version: "2026.10.1-beta.2", before: "2026-10-02" },
        sources: { openclaw: { sha256: "first-install" } },
      },
    ],
    ["a tree of OpenClaw from a registry of one's own", { sources: { openclaw: { sha256: "A".repeat(64) } } }],
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
    ["an MCP URL on MagicDNS", mcp({ url: "http://nas:8080/mcp" })],
    ["empty values for an MCP server", mcp({ command: "x", args: [""], env: { DEBUG: "", TOKEN: "" } })],
    [
      "a variable that an MCP server reads",
      mcp({ command: "x", args: ["--token", "${TRACKER_TOKEN}", "--tokens", "5"] }),
    ],
    ["a Headscale in capitals", { tailnet: { loginServer: "HTTPS://X.example.com" } }],
    ["a digest of hermes' own list", { node: { version: "24.20.0" } }],
    ["a digest with its name", { sources: { node: { sha256: `sha256:${NODE_DIGESTS["24.21.0"]}` } } }],
    [
      "a line of SHASUMS256.txt",
      { sources: { node: { sha256: `${NODE_DIGESTS["24.21.0"]}  node-v24.21.0-linux-x64.tar.xz` } } },
    ],
    [
      "a schedule with a weekday and a time zone",
      backup({ schedule: "Mon..Fri *-*~1 03:40 Europe/Berlin" }),
      withBucket,
    ],
    ["a recipient of backups by hand", { backup: { recipient: RECIPIENT } }],
    [
      "file names as people write them",
      {},
      {
        workspace: () =>
          folder(...["it's.md", "Q1, notes & plans [v2].md", "日本.md", "é.md"].map((path) => ({ path }))),
      },
    ],
    ["more agents and MCP servers than memory, by less than a quarter of the swap", { agents: three, ...servers(2) }],
    [
      "settings that are named like credentials",
      mcp({
        command: "x",
        args: ["--auth", "oauth", "--key", "./cert.pem", "--sort-key", "name", "answer basic questions"],
        env: {
          REQUIRE_AUTH: "true",
          PWD: "/srv",
          SORT_KEY: "id",
          TOKEN: "${X}",
          GOOGLE_APPLICATION_CREDENTIALS: "/run/google.json",
          DATABASE_URL: "postgres://u:${PW}@h",
        },
      }),
    ],
    ["a schedule with hours in a range", backup({ schedule: "Mon..Fri 8..18:00" }), withBucket],
    ["a token of Telegram while Telegram is off", {}, withBot],
    ["keys of a bucket while backups are off", {}, withBucket],
    [
      "a workspace with AGENTS.md and no SOUL.md",
      {},
      {
        workspace: () => ({ kind: "folder", complete: true, entries: [{ path: "AGENTS.md", kind: "file", bytes: 1 }] }),
      },
    ],
    [
      "an endpoint that is called like its bucket",
      backup({ to: { endpoint: "https://backup.example.com", region: "eu", bucket: "backup" } }),
      withBucket,
    ],
    ["digits that only look like a port", { ...telegram, telegram: { ownerId: "18789" } }, withBot],
  ])("pass: %s", (_, changes, more = {}) => expect(faults(changes, more)).toEqual([]));
});

describe("values that are wrong", () => {
  it.each(WRONG_INPUTS)("are refused: %s", (_, changes, expected, more = {}) => {
    const wanted = expected.map((each) => (each instanceof RegExp ? (expect.stringMatching(each) as string) : each));
    expect(faults(changes, more)).toEqual(wanted);
  });

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
