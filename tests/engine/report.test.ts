import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { buildReport } from "../../cli/report";
import type { PulumiResult } from "../../lib/pulumi";
import { newKey } from "../../operations/init/init";
import { renderReport, secretsIn, type PreviewDigest, type ResourceState } from "../../operations/review";
import type { Values } from "../fixtures/edits";
import { OPENED } from "../fixtures/offences";
import { CASES, FOLDER, goldenOf, inputFrom, type RecordedCase } from "../fixtures/previews";
import { asRoot, expectSuccess } from "../support/engine";
import { editStackFile, encrypted, SECRETS as STACK_SECRETS } from "../support/stack-file";
import { startWorld, type World } from "../torture/world";
import { startBench } from "./harness";
import { Normaliser, trimmedPreview, trimmedResources } from "./normal";

jest.setTimeout(1_200_000);

const PROJECT = join(__dirname, "..", "..");
const OFFENDING = join(PROJECT, "tests/fixtures/offending-program");
const RECORD = process.env["HERMES_RECORD"] === "1";

const PREVIEW = ["preview", "--json"];
const SECRETS = {
  gatewayToken: "rotated-`gateway`-**token**-of-more-than-32-chars",
  hostKey: newKey("host"),
};

let world: World;
let normaliser: Normaliser;
const states: Partial<Record<"bare" | "full", ResourceState[]>> = {};

const edit = (values: Values, secrets?: Record<string, string>): void =>
  editStackFile(world.bench.configFile, values, secrets);

async function document(args: string[], pulumi = world.pulumi): Promise<string> {
  const { stdout, output } = await pulumi(args);
  if (!stdout.startsWith("{")) throw new Error(output);
  return stdout;
}

const normal = <T>(trimmed: unknown): T => JSON.parse(normaliser.text(JSON.stringify(trimmed))) as T;

function keep(name: string, content: unknown): void {
  const file = join(FOLDER, name);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, typeof content === "string" ? content : `${JSON.stringify(content, null, 1)}\n`);
}

async function remember(name: "bare" | "full"): Promise<void> {
  states[name] = normal<ResourceState[]>(trimmedResources(JSON.parse(await document(["stack", "export"]))));
  if (RECORD) keep(`states/${name}.json`, states[name]);
}

const up = async (): Promise<void> => expectSuccess(await world.pulumi(["up", "--yes", "--skip-preview"]));

async function previewed(args: string[], pulumi = world.pulumi): Promise<PreviewDigest> {
  const text = await document(args, pulumi);
  expect(secretsIn(text, SECRETS)).toEqual([]);
  return normal<PreviewDigest>(trimmedPreview(JSON.parse(text)));
}

/** Previews as the case says, and compares the report with the golden one. */
async function expectGolden(name: string, args: string[] = PREVIEW, pulumi = world.pulumi): Promise<void> {
  const one = CASES.find((each) => each.name === name) as RecordedCase;
  const preview = await previewed(args, pulumi);
  const drift = one.drift === true ? await previewed([...PREVIEW, "--refresh"]) : undefined;
  const state = one.state === undefined ? undefined : states[one.state];
  const input = inputFrom({
    preview,
    ...(state === undefined ? {} : { state }),
    ...(drift === undefined ? {} : { drift }),
  });
  const { markdown } = renderReport(input);
  if (RECORD) {
    keep(`${name}.json`, preview);
    if (drift !== undefined) keep(`${name}.drift.json`, drift);
    keep(`${name}.md`, markdown);
  }
  expect(markdown).toBe(readFileSync(goldenOf(one), "utf8"));
}

asRoot("the report of a real engine's preview", () => {
  let base = "";

  beforeAll(async () => {
    world = await startWorld("bare", { keepProviders: true });
    normaliser = new Normaliser(PROJECT);
    base = readFileSync(world.bench.configFile, "utf8");
  });
  afterEach(() => writeFileSync(world.bench.configFile, base));
  afterAll(() => world.stop());

  it("of a stack that is not there yet", async () => {
    edit({ "hermes:volumeGiB": 10 });
    await expectGolden("first-create");
  });

  it("of a stack that breaks the policy, whatever a transformation made of it", async () => {
    const file = load(readFileSync(world.bench.configFile, "utf8")) as { config: Values };
    const bench = await startBench({ stack: "hermes", program: OFFENDING });
    try {
      const secrets = { ...STACK_SECRETS, gatewayToken: SECRETS.gatewayToken };
      bench.configure({ ...file.config, "hermes:secrets": encrypted(secrets), "offence:changes": OPENED });
      await expectGolden("policy", PREVIEW, bench.pulumi);
    } finally {
      await bench.stop();
    }
  });

  it("of a move that loses state", async () => {
    await up();
    await remember("bare");
    edit({ "hermes:region": "fra1" });
    await expectGolden("region-without-volume");
  });

  describe("with a volume", () => {
    beforeAll(async () => {
      edit({ "hermes:volumeGiB": 10 });
      base = readFileSync(world.bench.configFile, "utf8");
      await up();
      await remember("full");
    });

    const MODELS = { fallbacks: ["openrouter/google/gemma-4-26b-a4b-it:free"] };
    it.each<[string, () => void]>([
      ["no-op", () => undefined],
      ["soul", () => edit({ "hermes:agents": { main: { workspace: "./tests/fixtures/edited-workspace" } } })],
      ["models", () => edit({ "hermes:models": MODELS })],
      ["secret-rotation", () => edit({}, { gatewayToken: SECRETS.gatewayToken })],
      ["size", () => edit({ "hermes:size": "s-2vcpu-4gb" })],
      ["image", () => edit({ "hermes:image": "195932981" })],
      ["firewall-opening", () => openSsh()],
      ["region", () => edit({ "hermes:region": "fra1" })],
      ["error", () => edit({ "hermes:swapGiB": 400, "hermes:models": { primary: "<b>@everyone</b> `x`" } })],
    ])("of an edit: %s", async (name, make) => {
      make();
      await expectGolden(name);
    });

    it("of a file that holds a secret of the stack is a refused preview, which names it only", async () => {
      const line = "Be brief on Telegram: a phone shows eight lines.";
      edit(
        {
          "hermes:agents": { main: { workspace: "./tests/fixtures/edited-workspace" } },
          "hermes:mcpServers": { files: { command: "mcp-files", env: { FILES_TOKEN: { secret: "filesToken" } } } },
        },
        { filesToken: line },
      );
      const report = JSON.stringify(await buildReport({ stack: "hermes" }, (args) => onBench(args)));
      expect(report).toMatch(/hermes:agents\.main\.workspace[^]*filesToken/);
      expect(report).not.toContain("Be brief");
    });

    it("of a destroy that keeps the volume", async () => {
      await expectGolden("destroy", ["destroy", "--preview-only", "--json", "--exclude-protected"]);
    });

    it("of a destroy that the volume stops", async () => {
      await expectGolden("destroy-protected", ["destroy", "--preview-only", "--json"]);
    });

    it("of a stack that somebody changed by hand", async () => {
      const [firewall] = Object.values(world.bench.digitalocean.state.firewalls);
      const sources = { addresses: ["0.0.0.0/0", "::/0"], tags: [], dropletIds: [] };
      firewall?.inbound.push({ protocol: "tcp", ports: "22", target: sources });
      await expectGolden("drift");
    });
  });
});

/** A pulumi that was started, not one that is still to be found. */
async function onBench(args: string[]): Promise<PulumiResult> {
  const { code, stdout, stderr } = await world.pulumi(args);
  return { code: code ?? 255, stdout, stderr };
}

const openSsh = (): void =>
  edit({ "hermes:access": "ssh", "hermes:adminCidrs": ["198.51.100.7/32"] }, { hostKey: SECRETS.hostKey });
