// A stack that was renamed, or whose state was moved or lost.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSandboxWorld, type SandboxWorld } from "../fixtures/sandbox-world";
import { asRoot, expectFailure, expectSuccess } from "../support/engine";
import { encrypted, SECRETS } from "../support/stack-file";
import { COMMITTED, mutations, type Ended, type PreviewStep, type RunOptions } from "./harness";

jest.setTimeout(1_200_000);

const UP = ["up", "--yes", "--skip-preview"];
const NO_CHANGE = ["preview", "--expect-no-changes"];

asRoot("the stack hermes", () => {
  let world: SandboxWorld;
  const run = (args: string[], options?: RunOptions): Promise<Ended> => world.bench.pulumi(args, options);
  const fileOf = (stack: string): string => join(world.bench.dir, `Pulumi.${stack}.yaml`);
  /** A folder for states that is not the bench's. */
  function backend(name: string): RunOptions {
    mkdirSync(join(world.bench.dir, name), { recursive: true });
    return { env: { PULUMI_BACKEND_URL: `file://${join(world.bench.dir, name)}` } };
  }
  /** Neither in a preview nor without one is anything done. */
  async function expectRefused(options: RunOptions, words: RegExp[]): Promise<void> {
    const before = mutations(world.bench.digitalocean).length;
    const devices = structuredClone(world.bench.tailscale.devices);
    for (const ended of [await run(["preview"], options), await run(UP, options)]) {
      expectFailure(ended);
      for (const word of words) expect(ended.output).toMatch(word);
    }
    expect(mutations(world.bench.digitalocean)).toHaveLength(before);
    expect(world.bench.tailscale.devices).toEqual(devices);
  }

  beforeAll(async () => {
    world = await startSandboxWorld();
    world.bench.configure({ ...COMMITTED, "hermes:secrets": encrypted(SECRETS) });
    await world.bench.keepProviders();
    expectSuccess(await run(UP));
  });
  afterAll(() => world?.stop());

  it("is refused under another name, which would make everything anew, until it is renamed back", async () => {
    expectSuccess(await run(["stack", "rename", "renamed"]));
    copyFileSync(fileOf("hermes"), fileOf("renamed"));
    await expectRefused({ stack: "renamed" }, [
      /was called hermes when its resources were made, and is called renamed now/,
      /pulumi stack rename hermes --stack renamed/,
    ]);
    expectSuccess(await run(["stack", "rename", "hermes"], { stack: "renamed" }));
    expectSuccess(await run(NO_CHANGE));
  });

  it("goes on without a change in another backend, and refuses to begin anew in one that does not have its state", async () => {
    const file = join(world.bench.dir, "exported.json");
    expectSuccess(await run(["stack", "export", "--file", file]));
    const [moved, empty] = [backend("moved"), backend("empty")];
    for (const options of [moved, empty]) expectSuccess(await run(["stack", "init"], options));
    expectSuccess(await run(["stack", "import", "--file", file], moved));
    expectSuccess(await run(NO_CHANGE, moved));
    await expectRefused(empty, [
      /resources with the name of stack hermes, which has not made anything yet/,
      /droplet hermes \(\d+/,
      /volume hermes-state \(/,
      /another project, organisation or backend/,
    ]);
  });

  it("does not run in a project of another name: Pulumi refuses its keys before anything is done", async () => {
    const path = join(world.project, "Pulumi.yaml");
    const text = readFileSync(path, "utf8");
    const before = mutations(world.bench.digitalocean).length;
    expectSuccess(await run(["stack", "rename", "organization/other/hermes"]));
    rmSync(path);
    writeFileSync(path, text.replace(/^name: hermes$/m, "name: other"));
    for (const args of [["preview"], UP]) expect((await run(args)).output).toMatch(/is not namespaced by the project/);
    expect(mutations(world.bench.digitalocean)).toHaveLength(before);
    writeFileSync(path, text);
    expectSuccess(await run(["stack", "rename", "organization/hermes/hermes"], { stack: "organization/other/hermes" }));
    expectSuccess(await run(NO_CHANGE));
  });

  describe("whose state an earlier version of hermes wrote", () => {
    const EARLIER = { "lib/tailnet/main.js": "tailnet/main.js", "lib/ssh/main.js": "remote/main.js" };

    beforeAll(async () => {
      const file = join(world.bench.dir, "earlier.json");
      expectSuccess(await run(["stack", "export", "--file", file]));
      let text = readFileSync(file, "utf8");
      for (const [now, then] of Object.entries(EARLIER)) text = text.replaceAll(`node ${now}`, `node ${then}`);
      writeFileSync(file, text);
      expectSuccess(await run(["stack", "import", "--file", file]));
    });

    it("keeps its resources: nothing is replaced, and only commands are updated", async () => {
      const before = mutations(world.bench.digitalocean).length;
      const devices = structuredClone(world.bench.tailscale.devices);
      const { steps = [] } = JSON.parse((await run(["preview", "--json"])).stdout) as { steps?: PreviewStep[] };
      expect([...new Set(steps.map(({ op }) => op))].sort()).toEqual(["same", "update"]);
      const updated = steps.filter(({ op }) => op === "update").map(({ urn }) => urn.split("::")[2]?.split("$").at(-1));
      expect([...new Set(updated)].sort()).toEqual(["command:local:Command", "command:remote:Command"]);
      expectSuccess(await run(UP));
      expectSuccess(await run(NO_CHANGE));
      expect(mutations(world.bench.digitalocean)).toHaveLength(before);
      expect(world.bench.tailscale.devices).toEqual(devices);
    });

    it("is destroyed without an `up` before", async () => {
      const file = join(world.bench.dir, "earlier.json");
      expectSuccess(await run(["stack", "import", "--file", file]));
      expectSuccess(await run(["state", "unprotect", "--all", "--yes"]));
      expectSuccess(await run(["destroy", "--yes", "--skip-preview"]));
      expect(world.bench.tailscale.devices).toEqual([]);
    });
  });
});
