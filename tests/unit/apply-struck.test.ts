import fs from "node:fs";
import { join } from "node:path";
import type { Exit } from "../../gateway/apply/activate.ts";
import { activate, recover } from "../../gateway/apply/activate.ts";
import type { Host } from "../../gateway/apply/host.ts";
import { local } from "../../gateway/apply/local.ts";
import { stageBundles, TOKEN, type Content } from "../fixtures/apply-bundles.ts";
import { Machine } from "../fixtures/apply-machine.ts";
import { Steps, treeOf, type Blow } from "../fixtures/apply-steps.ts";

/** What `up` does there: stage, activate, and the local model where one is wanted. */
async function up(host: Host, content: Content): Promise<Pick<Exit, "code">> {
  const activated = await activate(host, stageBundles(host, content));
  return activated.code === 0 && content.local !== undefined ? local(host) : activated;
}

/** Else a selection, for there are thousands. */
const EVERY = process.env["HERMES_EVERY_STEP"] === "1";

interface Scenario {
  before?: Content;
  wanted: Content;
  /** Its exit code when nothing strikes. @default 0 */
  code?: number;
}

const MODEL = "qwen3.5:9b";
const SECRETS = { gatewayToken: TOKEN, openrouterApiKey: "key-one" };
const UNITS = "/etc/systemd/system";
const UPGRADE: Content = {
  version: "1.1.0",
  openclaw: { x: "next" },
  unit: "[Service]\n# next\n[Install]\n",
  workspace: { "SOUL.md": "soul next\n" },
};

const SCENARIOS: Record<string, Scenario> = {
  "the first activation": { wanted: {} },
  "an edited SOUL.md": { before: {}, wanted: { workspace: { "SOUL.md": "soul two\n" } } },
  "another openclaw.json": { before: {}, wanted: { openclaw: { logging: 1 } } },
  "a rotated key": { before: {}, wanted: { secrets: { ...SECRETS, openrouterApiKey: "key-two" } } },
  "a rotated gateway token": { before: {}, wanted: { secrets: { ...SECRETS, gatewayToken: "another-token" } } },
  "another unit": { before: {}, wanted: { unit: "[Service]\n# new\n[Install]\n" } },
  "files that come and go": {
    before: { files: { [`${UNITS}/one.service`]: "[Service]\n[Install]\n" }, secrets: { ...SECRETS, old: "old" } },
    wanted: { files: { [`${UNITS}/two.service`]: "[Service]\n[Install]\n" }, secrets: { ...SECRETS, fresh: "new" } },
  },
  "an upgrade": { before: {}, wanted: UPGRADE },
  "an upgrade that is rolled back": {
    before: {},
    wanted: { ...UPGRADE, openclaw: { x: "never-ready" } },
    code: 2,
  },
  "an agent more": {
    before: {},
    wanted: { openclaw: { agents: { entries: { clerk: {} } } }, workspaces: { clerk: { "SOUL.md": "clerk\n" } } },
  },
  "an agent less": { before: { workspaces: { clerk: { "SOUL.md": "clerk\n", "A.md": "a" } } }, wanted: {} },
  "a local model": { before: {}, wanted: { local: MODEL } },
  "no local model any more": { before: { local: MODEL }, wanted: {} },
};

// The disk's time for each of thousands of runs would be minutes; what is flushed and what not, Steps keeps.
beforeAll(() => {
  jest.spyOn(fs, "fsyncSync").mockImplementation(() => undefined);
});

let machine: Machine;
let machines: Machine[] = [];
const fresh = async ({ before }: Scenario): Promise<void> => {
  machine = new Machine();
  machines.push(machine);
  if (before !== undefined) await up(machine.host(), before);
};
afterEach(() => {
  for (const each of machines) each.remove();
  machines = [];
});

/** What an activation answers for. Bundles that wait, and versions that stand beside, are no part of what runs. */
const picture = () => ({
  tree: treeOf(machine.root, /^\/var\/lib\/hermes\/stage$|^\/opt\/(openclaw|ollama)\/[\d.]+$/),
  accounts: [...machine.accounts],
  ollama: machine.ollama.active,
  models: [...new Set(machine.ollama.models)],
  gateway: {
    active: machine.gateway.active,
    loaded: machine.gateway.active === "active" ? machine.gateway.loaded : "",
  },
});
type Picture = ReturnType<typeof picture>;

interface Ends {
  old: Picture;
  whole: Picture;
  steps: string[];
}

/** The scenario undisturbed. */
async function undisturbed(scenario: Scenario): Promise<Ends> {
  await fresh(scenario);
  const old = picture();
  const steps = new Steps(machine.root);
  const ended = await steps.watch(machine.host(), (host) => up(host, scenario.wanted));
  expect(ended).toMatchObject({ code: scenario.code ?? 0 });
  return { old, whole: picture(), steps: steps.done };
}

async function struck(scenario: Scenario, kind: Blow, at: number): Promise<Pick<Exit, "code"> | "killed"> {
  await fresh(scenario);
  return new Steps(machine.root, { kind, at }).watch(machine.host(), (host) => up(host, scenario.wanted));
}

/** As a droplet comes up again: what was cut off is put back, then the gateway starts. */
async function boot(): Promise<void> {
  Object.assign(machine.gateway, { active: "inactive", pid: 0, loaded: "" });
  fs.rmSync(join(machine.root, "run"), { recursive: true });
  fs.mkdirSync(join(machine.root, "run"));
  await recover(machine.host(), { boot: true });
  if (machine.read(`${UNITS}/openclaw-gateway.service`) !== undefined)
    await machine.host().run("systemctl", ["start", "openclaw-gateway.service"]);
}

/** As main.ts ends where something throws. */
const refused = (): { code: number } => ({ code: 1 });
const asExit = (ended: { code: number } | "killed"): { code: number } => (ended === "killed" ? refused() : ended);

/** Without the books and the scratch of hermes-apply: the next run closes the ones and clears the other. */
const running = ({ tree, ...rest }: Picture) => ({
  ...rest,
  tree: Object.fromEntries(
    Object.entries(tree).filter(([path]) => !/^\/var\/lib\/hermes\/|^\/run\/hermes\/validate\//.test(path)),
  ),
});

/** Two activations in a row, so between them lies a third state that is whole too. */
const inParts = ({ before, wanted }: Scenario): boolean => (before?.local ?? wanted.local) !== undefined;

const isOneOf = (found: Picture, { old, whole }: Ends): boolean =>
  [old, whole].some((each) => JSON.stringify(each) === JSON.stringify(found));

describe.each(Object.entries(SCENARIOS))("hermes-apply at %s", (_, scenario) => {
  let ends: Ends;
  beforeEach(async () => void (ends = await undisturbed(scenario)));

  /** A file is made in six steps; after which of the first five it ends makes no difference. One in five of them then. */
  const places = (offset: number): [number, string][] =>
    [...ends.steps.entries()]
      .filter(([at, step]) => at % 5 === 0 || /^(run|rename|rm|unlink|symlink|mkdir)/.test(step))
      .filter((_, index) => EVERY || index % 6 === offset);

  it("that is killed after any step is whole after the next run, and as before after the next of the old", async () => {
    expect(ends.steps.length).toBeGreaterThan(20);
    for (const [at, step] of places(0)) {
      await struck(scenario, "kill", at);
      await up(machine.host(), scenario.wanted);
      expect({ at, step, ...picture() }).toEqual({ at, step, ...ends.whole });
      if (scenario.before === undefined) continue;
      await struck(scenario, "kill", at);
      const { code } = await up(machine.host(), scenario.before);
      // The old version refuses a state that the new one has migrated.
      const expected = code === 0 || scenario.wanted.version === undefined ? ends.old : ends.whole;
      expect({ at, step, ...picture() }).toEqual({ at, step, ...expected });
    }
  });

  it("that is killed after any step is put back at once, or stays whole, with the gateway as it was", async () => {
    for (const [at, step] of places(2)) {
      await struck(scenario, "kill", at);
      await recover(machine.host());
      const found = picture();
      expect({ at, step, active: found.gateway.active }).toEqual({
        at,
        step,
        active: isOneOf(found, { ...ends, whole: ends.old }) ? ends.old.gateway.active : "active",
      });
      if (!inParts(scenario) && !isOneOf(found, ends))
        expect({ at, step, ...found }).toEqual({ at, step, ...ends.old });
    }
  });

  it("in the middle of which the plug is pulled boots into the old or the new, and the next run makes it whole", async () => {
    for (const [at, step] of places(4)) {
      await struck(scenario, "power", at);
      await boot();
      const found = picture();
      if (scenario.before !== undefined)
        expect({ at, step, ...found.gateway }).toMatchObject({ at, step, active: "active" });
      if (!inParts(scenario) && !isOneOf(found, ends))
        expect({ at, step, ...found }).toEqual({ at, step, ...ends.old });
      await up(machine.host(), scenario.wanted);
      expect({ at, step, ...picture() }).toEqual({ at, step, ...ends.whole });
    }
  });

  it.each<Blow>(["fails", "full", "read-only"])(
    "of which a step %s tells the truth, and loses nothing",
    async (kind) => {
      for (const [at, step] of places(5)) {
        const { code } = await struck(scenario, kind, at).then(asExit, refused);
        const found = picture();
        const where = { kind, at, step, code };
        // What can't be removed of a local model is removed next time.
        if (code === 0 && scenario.before?.local === undefined)
          expect({ ...where, ...running(found) }).toEqual({ ...where, ...running(ends.whole) });
        if ((code === 1 || code === 2) && !inParts(scenario))
          expect({ ...where, ...running(found) }).toEqual({ ...where, ...running(ends.old) });
        // Not to come up, and not to be put back either, takes two failures.
        const twice = scenario.code === 2 && kind !== "fails";
        if (scenario.before !== undefined && !twice)
          expect({ ...where, gateway: found.gateway.active }).toEqual({ ...where, gateway: "active" });
        await up(machine.host(), scenario.wanted);
        expect({ ...where, ...picture() }).toEqual({ ...where, ...ends.whole });
      }
    },
  );
});
