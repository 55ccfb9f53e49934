import { readFileSync, writeFileSync } from "node:fs";
import { EFFECTS, type Effect, type OnDroplet, type Step } from "../../operations/preflight/effects";
import { BASE, BASE_SECRETS, EDITS, ON_MOCKS, type Edit } from "../fixtures/edits";
import { asRoot, expectSuccess } from "../support/engine";
import { editStackFile } from "../support/stack-file";
import { startWorld, type World } from "../torture/world";
import { mutations, type PreviewStep } from "./harness";

jest.setTimeout(1_200_000);

interface Digest {
  steps?: PreviewStep[];
  diagnostics?: { message?: string }[];
}

let world: World;

/** Into the stack's file. */
const make = ({ values = {}, secrets = {} }: Edit): void => editStackFile(world.bench.configFile, values, secrets);

const up = async (...args: string[]): Promise<void> =>
  expectSuccess(await world.pulumi(["up", "--yes", "--skip-preview", ...args]));

/** The steps that a preview announces, components left out, and what it says; or why it refuses. */
async function previewed(...args: string[]): Promise<{ steps: Step[]; said: string; refused: boolean }> {
  const { code, stdout, output } = await world.pulumi(["preview", "--json", ...args]);
  if (code !== 0) return { steps: [], said: output, refused: true };
  const { steps = [], diagnostics = [] } = JSON.parse(stdout) as Digest;
  const changed = new Map<string, Step>();
  for (const { op, urn } of steps) {
    const [, , types = "", name = ""] = urn.split("::");
    const type = types.split("$").at(-1) ?? "";
    if (op === "same" || op === "read" || /^(pulumi:pulumi|hermes):/.test(type)) continue;
    const done = /replace/.test(op) ? "replace" : (op as "create" | "update" | "delete");
    changed.set(urn, `${done} ${label(type, name)}`);
  }
  return {
    steps: [...changed.values()].sort(),
    said: diagnostics.map((each) => each.message).join(""),
    refused: false,
  };
}

function label(type: string, name: string): string {
  if (!type.startsWith("command:")) return type.split(":").at(-1) ?? type;
  return name === "hermes" ? "node" : name.replace(/^hermes-/, "");
}

/** What a preview says in plain words, by what becomes of the droplet. */
const WORDS: Readonly<Partial<Record<OnDroplet, RegExp>>> = {
  refused: /nothing was changed/i,
  "new droplet": /is replaced by a new one.*(The volume stays|is LOST)/,
  reboot: /resized in place.*(disk stays at 50 GiB|NEVER be undone).*memory plan/s,
};

const named = (names: readonly string[]): Effect[] => {
  const rows = EFFECTS.filter(({ edit: name }) => names.includes(name));
  expect(rows.map(({ edit: name }) => name).sort()).toEqual([...names].sort());
  return rows;
};

/** Made together, they bring exactly what the table says of all of them. */
async function expectRows(names: readonly string[]): Promise<void> {
  const rows = named(names);
  for (const { edit: name } of rows) make(EDITS[name] ?? {});
  const found = await previewed();
  const steps = [...new Set(rows.flatMap((row) => row.steps))].sort();
  for (const { edit: name, droplet } of rows) {
    const refused = droplet === "refused";
    const because = found.refused === refused ? "" : found.said;
    const expected = { name, because: "", refused, steps };
    expect({ name, because, refused: found.refused, steps: found.steps }).toEqual(expected);
    for (const [of, words] of Object.entries(WORDS)) {
      if (of === droplet) expect(found.said).toMatch(words);
      else expect(found.said).not.toMatch(words);
    }
  }
}

/** Before there is a volume; those of a list share a preview. */
const BEFORE = [["`region`, without a volume", "`tailnet.ephemeral`, without a volume"], ["`volumeGiB` from 0"]];
/** Once the droplet was resized. */
const AFTER = ["`size` with a disk smaller than the droplet's", "`ollama`, where one fits"];
/** They bring different steps, so one preview shows those of each. */
const APART = ["`growDisk`", "`volumeGiB` up"];
const ELSEWHERE = [...BEFORE.flat(), ...AFTER, ...APART, ...ON_MOCKS];
const ALONE = EFFECTS.filter(
  ({ edit: name, droplet }) => /refused|reboot/.test(droplet) || /deployKey`|hostKey`|^`access`|taken away/.test(name),
)
  .map(({ edit: name }) => name)
  .filter((name) => !ELSEWHERE.includes(name));

/** Those that bring the same steps share a preview; that each of them does is in tests/unit/changes-effects.test.ts. */
function together(): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { edit: name, steps } of EFFECTS) {
    if ([...ELSEWHERE, ...ALONE].includes(name)) continue;
    const key = steps.includes("replace slot")
      ? "another node"
      : steps.includes("replace Droplet")
        ? "a birth"
        : steps.join();
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  return groups;
}

asRoot("an edit", () => {
  let base = "";
  const keep = () => void (base = readFileSync(world.bench.configFile, "utf8"));
  const droplet = () => Object.values(world.bench.digitalocean.state.droplets)[0];

  beforeAll(async () => {
    world = await startWorld("bare", { keepProviders: true });
    make({ values: BASE, secrets: BASE_SECRETS });
    await up();
    keep();
  });
  beforeEach(() => writeFileSync(world.bench.configFile, base));
  afterAll(() => world.stop());

  describe("of a stack without a volume", () => {
    it.each(BEFORE.map((names) => [names.join("; "), names] as const))("%s", (_, names) => expectRows(names));

    it("that gives it one replaces the droplet", async () => {
      const [calls, id] = [world.bench.digitalocean.calls.length, droplet()?.id];
      make(EDITS["`volumeGiB` from 0"] ?? {});
      await up();
      expect(mutations(world.bench.digitalocean, calls)).toEqual(
        expect.arrayContaining(["POST /v2/volumes", "DELETE /v2/droplets/ID", "POST /v2/droplets"]),
      );
      expect(droplet()?.id).not.toBe(id);
      keep();
    });
  });

  describe("of a stack with a volume", () => {
    it.each(ALONE)("%s", (name) => expectRows([name]));

    it(APART.join("; "), () => expectRows(APART));

    it.each([...together()])("%s: as the table says", (_, names) => expectRows(names));
  });

  describe("of the size", () => {
    it("is made in place beside a volume that grows, and leaves the disk", async () => {
      const calls = world.bench.digitalocean.calls.length;
      make({ values: { "hermes:volumeGiB": 20, "hermes:size": "s-2vcpu-4gb" } });
      await up();
      const onDroplet = ["power_off", "resize", "power_on"].map((type) => `POST /v2/droplets/ID/actions ${type}`);
      expect(mutations(world.bench.digitalocean, calls).sort()).toEqual(
        ["POST /v2/volumes/ID/actions resize", ...onDroplet].sort(),
      );
      expect(droplet()?.diskGiB).toBe(50);
      keep();
    });

    it("takes the disk along with growDisk; another bot's token beside it gives the same droplet the other's tag", async () => {
      const id = droplet()?.id;
      make({
        values: { "hermes:size": "s-4vcpu-8gb", "hermes:growDisk": true },
        secrets: { telegramBotToken: "987654321:AAE-engine-test-token-of-another" },
      });
      await up();
      expect(droplet()?.diskGiB).toBe(160);
      const bots = (tags: string[] = []): string[] => tags.filter((tag) => tag.startsWith("hermes-telegram-bot:"));
      expect(droplet()?.id).toBe(id);
      expect(bots(droplet()?.tags)).toEqual(["hermes-telegram-bot:987654321"]);
      keep();
    });

    it.each(AFTER)("%s", (name) => expectRows([name]));
  });
});
