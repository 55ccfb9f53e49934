import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dump, load } from "js-yaml";
import { EFFECTS, type Step } from "../../changes/effects";
import { deeds, type PreviewStep } from "./harness";
import { startWorld, type World } from "../torture/world";

jest.setTimeout(600_000);

/** The fake droplets answer on port 22. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;
const SLOTS = { volume: 252, bare: 253 };

interface StackFile {
  config: Record<string, unknown>;
}
type Values = Record<string, unknown>;

const OWNER = "123456789";
const agents = (main: Values = {}, others: Values = {}) => ({
  "hermes:agents": {
    main: { workspace: "./workspace/main", bindings: [{ channel: "telegram" }], ...main },
    ...others,
  },
});
const BASE: Values = { ...agents(), "hermes:telegram": { ownerId: OWNER } };
const MODELS = {
  primary: "openrouter/google/gemma-4-31b-it:free",
  fallbacks: ["openrouter/google/gemma-4-26b-a4b-it:free"],
};
const OTHER_WORKSPACE = "./tests/fixtures/other-workspace";

let world: World;

const configFile = (): string => join(world.bench.dir, "Pulumi.hermes.yaml");

/** Values over those that stand in the stack's file, secrets of the file kept. */
function edit(change: Values): void {
  const file = load(readFileSync(configFile(), "utf8")) as StackFile;
  writeFileSync(configFile(), dump({ ...file, config: { ...file.config, ...change } }, { lineWidth: -1 }));
}

async function setSecret(name: string, value: string): Promise<void> {
  const set = await world.pulumi(["config", "set", `hermes:secrets.${name}`, "--secret", "--path"], { stdin: value });
  if (set.code !== 0) throw new Error(set.output);
}

async function up(...args: string[]): Promise<string> {
  const { code, output } = await world.pulumi(["up", "--yes", "--skip-preview", ...args]);
  expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
  return output;
}

/** The steps that a preview announces, components left out; or why it refuses. */
async function previewed(...args: string[]): Promise<{ steps: Step[]; said: string }> {
  const { code, stdout, output } = await world.pulumi(["preview", "--json", ...args]);
  if (code !== 0) return { steps: [], said: output };
  const { steps = [] } = JSON.parse(stdout) as { steps?: PreviewStep[] };
  const changed = new Map<string, Step>();
  for (const { op, urn } of steps) {
    const [type = "", name = ""] =
      (urn.split("::")[2] ?? "")
        .split("$")
        .at(-1)
        ?.concat("::", urn.split("::")[3] ?? "")
        .split("::") ?? [];
    if (op === "same" || op === "read" || /^(pulumi:pulumi|hermes):/.test(type)) continue;
    changed.set(
      urn,
      `${op.includes("replace") ? "replace" : (op as "create" | "update" | "delete")} ${label(type, name)}`,
    );
  }
  return { steps: [...changed.values()].sort(), said: output };
}

const label = (type: string, name: string): string =>
  type.startsWith("command:")
    ? name === "hermes"
      ? "node"
      : name.replace(/^hermes-/, "")
    : (type.split(":").at(-1) ?? type);

async function start(stack: keyof typeof SLOTS): Promise<void> {
  world = await startWorld(stack, SLOTS[stack]);
  await setSecret("telegramBotToken", "123456789:AAE-engine-test-token-of-thirty-five");
  edit(BASE);
  await up();
}

/** How each edit is made; a function for what is no plain value. */
const EDITS: Record<string, Values | (() => Promise<Values>)> = {
  "`region`, with a volume": { "hermes:region": "fra1" },
  "`size`": { "hermes:size": "s-2vcpu-4gb" },
  "`growDisk`": { "hermes:growDisk": true },
  "`growDisk` with `size`": { "hermes:growDisk": true, "hermes:size": "s-2vcpu-4gb" },
  "`image`": { "hermes:image": "195932981" },
  "`swapGiB`": { "hermes:swapGiB": 2 },
  "`ipv6`": { "hermes:ipv6": false },
  "`tailnet.hostname`": { "hermes:tailnet": { hostname: "other" } },
  "`tailnet.tag`": { "hermes:tailnet": { hostname: "hermes", tag: "tag:other" } },
  "`tailnet.loginServer`": { "hermes:tailnet": { hostname: "hermes", loginServer: "https://headscale.example.com" } },
  "`openclaw.version`": { "hermes:openclaw": { version: "2026.9.7", before: "2026-10-10" } },
  "`openclaw.before`": { "hermes:openclaw": { version: "2026.9.6", before: "2026-10-10" } },
  "`node.version`": { "hermes:node": { version: "24.20.0" } },
  "`models.primary`": { "hermes:models": { ...MODELS, primary: "openrouter/nvidia/nemotron-3-ultra-550b-a55b:free" } },
  "`models.fallbacks`": { "hermes:models": MODELS },
  "`ollama`, where no model fits": { "hermes:ollama": "off" },
  "`localModel`, where none fits": { "hermes:localModel": { contextTokens: 32768 } },
  "a workspace file (`SOUL.md`)": agents({ workspace: OTHER_WORKSPACE }),
  "an agent more": agents({}, { second: { workspace: OTHER_WORKSPACE } }),
  "`agents.*.model`": agents({ model: "openrouter/google/gemma-4-26b-a4b-it:free" }),
  "`agents.*.bindings`": agents({
    bindings: [{ channel: "telegram" }, { channel: "telegram", peer: { kind: "direct", id: "987654321" } }],
  }),
  "`mcpServers` with a command": { "hermes:mcpServers": { files: { command: "mcp-files", args: ["/tmp"] } } },
  "`mcpServers` with a URL": { "hermes:mcpServers": { docs: { url: "https://mcp.example.com/" } } },
  "`telegram.ownerId`": { "hermes:telegram": { ownerId: "987654321" } },
  "`volumeGiB` up": { "hermes:volumeGiB": 20 },
  "`volumeGiB` down": { "hermes:volumeGiB": 5 },
  "`volumeGiB` to 0": { "hermes:volumeGiB": 0 },
  "`verify.agentTurn`": { "hermes:verify": { agentTurn: false } },
  "`bootstrapRevision`": { "hermes:bootstrapRevision": 2 },
  "`sources.node`": {
    "hermes:sources": { node: { url: "https://mirror.example/node-v{version}.tar.xz", sha256: "0".repeat(64) } },
  },
  "`sources.ollama`, without a local model": { "hermes:sources": { ollama: { sha256: "0".repeat(64) } } },
  "`sources.tailscale`": { "hermes:sources": { tailscale: { suite: "sid" } } },
  "`secrets.openrouterApiKey`": async () => (await setSecret("openrouterApiKey", "sk-or-v1-rotated"), {}),
  "`secrets.gatewayToken`": async () => (
    await setSecret("gatewayToken", "rotated-gateway-token-of-more-than-32-chars"),
    {}
  ),
};

/** Rows whose steps other tests assert, and what needs another stack than this one. */
const ELSEWHERE: Record<string, string> = {
  "`region`, without a volume": "below, on the stack without a volume",
  "`size` with a disk smaller than the droplet's": "below, on a droplet whose disk has grown",
  "`access`": "tests/unit/components.test.ts, in ssh mode",
  "`adminCidrs`": "tests/unit/components.test.ts, in ssh mode",
  "`models.allowUnknown`": "tests/engine/models.test.ts",
  "`models.allowPaid`": "tests/engine/models.test.ts",
  "`ollama`, where one fits": "tests/droplet/ollama.test.ts",
};

it("has an edit for every row of the table", () => {
  expect([...Object.keys(EDITS), ...Object.keys(ELSEWHERE)].sort()).toEqual(EFFECTS.map(({ edit }) => edit).sort());
});

asRoot("a stack with a volume", () => {
  let before = "";
  beforeAll(async () => {
    await start("volume");
    before = readFileSync(configFile(), "utf8");
  });
  beforeEach(() => writeFileSync(configFile(), before));
  afterAll(() => world.stop());

  it("has nothing to do the second time", async () => expect((await previewed()).steps).toEqual([]));

  it.each(EFFECTS.filter(({ edit }) => edit in EDITS))("$edit: $droplet", async ({ edit: name, steps, droplet }) => {
    const change = EDITS[name] as Values | (() => Promise<Values>);
    edit(typeof change === "function" ? await change() : change);
    const found = await previewed();
    expect({ steps: found.steps, said: found.steps.length > 0 || steps.length === 0 ? "" : found.said }).toEqual({
      steps: [...steps].sort(),
      said: "",
    });
    expect(/nothing was changed/.test(found.said)).toBe(droplet === "refused");
  });

  it.each([
    ["a birth", { "hermes:image": "195932981" }, /hermes:image changed.*is replaced by a new one.*The volume stays/],
    ["a resize", { "hermes:size": "s-2vcpu-4gb" }, /resized in place.*disk stays at 50 GiB.*memory plan/],
  ])("is warned of %s", async (_, change, words) => {
    edit(change);
    expect((await world.pulumi(["preview"])).output).toMatch(words);
  });

  it("grows the volume, then resizes with the disk, and refuses the way back", async () => {
    const calls = world.bench.digitalocean.calls.length;
    edit({ "hermes:volumeGiB": 20, "hermes:size": "s-2vcpu-4gb" });
    await up();
    expect(deeds(world.bench.digitalocean, calls).sort()).toEqual(
      [
        "POST /v2/volumes/ID/actions resize",
        ...["power_off", "resize", "power_on"].map((type) => `POST /v2/droplets/ID/actions ${type}`),
      ].sort(),
    );
    const disk = (): number | undefined => Object.values(world.bench.digitalocean.state.droplets)[0]?.diskGiB;
    expect(disk()).toBe(50);
    edit({ "hermes:size": "s-4vcpu-8gb", "hermes:growDisk": true });
    await up();
    expect(disk()).toBe(160);
    edit({ "hermes:size": "s-1vcpu-2gb" });
    const { said } = await previewed();
    expect(said).toMatch(
      /hermes:size is "s-1vcpu-2gb": its disk of 50 GiB is smaller than the droplet's, which has 160/,
    );
    before = readFileSync(configFile(), "utf8").replace("hermes:size: s-1vcpu-2gb", "hermes:size: s-4vcpu-8gb");
  });
});

asRoot("a stack without a volume", () => {
  beforeAll(() => start("bare"));
  afterAll(() => world.stop());

  it("loses its state with a birth, which the preview says", async () => {
    edit({ "hermes:region": "fra1" });
    const row = EFFECTS.find((each) => each.edit === "`region`, without a volume");
    expect((await previewed()).steps).toEqual([...(row?.steps ?? [])].sort());
    expect((await world.pulumi(["preview"])).output).toMatch(/is LOST/);
    edit({ "hermes:region": "nyc3" });
  });
});

asRoot("drift", () => {
  beforeAll(() => start("volume"));
  afterAll(() => world.stop());

  const api = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const { DIGITALOCEAN_TOKEN: token } = world.bench.environment;
    const reply = await fetch(`${world.bench.digitalocean.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  };
  const state = () => world.bench.digitalocean.state;
  const droplet = () => Object.values(state().droplets)[0];
  const settled = async (): Promise<void> => {
    while (Object.values(state().actions).some(({ status }) => status === "in-progress"))
      await new Promise((resolve) => setTimeout(resolve, 20));
  };

  const CASES: [string, string, () => Promise<unknown>, () => unknown][] = [
    [
      "a firewall rule opened by hand",
      "update Firewall",
      async () => {
        const { firewalls } = (await api("GET", "/v2/firewalls")) as { firewalls: { id: string }[] };
        const open = { protocol: "tcp", ports: "18789", sources: { addresses: ["0.0.0.0/0"] } };
        await api("PUT", `/v2/firewalls/${firewalls[0]?.id}`, { ...firewalls[0], inbound_rules: [open] });
      },
      () => Object.values(state().firewalls)[0]?.inbound,
    ],
    [
      "a volume detached by hand",
      "update Droplet",
      async () => {
        const [volume] = Object.values(state().volumes);
        await api("POST", `/v2/volumes/${volume?.id}/actions`, { type: "detach", droplet_id: droplet()?.id });
        await settled();
      },
      () => droplet()?.volumeIds,
    ],
    [
      "a size changed by hand",
      "update Droplet",
      async () => {
        for (const body of [
          { type: "power_off" },
          { type: "resize", size: "s-2vcpu-4gb", disk: false },
          { type: "power_on" },
        ]) {
          await api("POST", `/v2/droplets/${droplet()?.id}/actions`, body);
          await settled();
        }
      },
      () => droplet()?.size,
    ],
    [
      "the droplet's tag taken away",
      "update Droplet",
      () =>
        api("DELETE", "/v2/tags/hermes/resources", {
          resources: [{ resource_id: String(droplet()?.id), resource_type: "droplet" }],
        }),
      () => droplet()?.tags,
    ],
  ];

  it.each(CASES)("%s is seen with --refresh, and put back by up --refresh", async (_, step, harm, look) => {
    const before = structuredClone(look());
    await harm();
    expect(look()).not.toEqual(before);
    expect((await previewed("--refresh")).steps).toContain(step);
    await up("--refresh");
    expect(look()).toEqual(before);
  });
});
