// A stack that was renamed, or whose state was moved or lost.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSandboxWorld, type SandboxWorld } from "../fixtures/sandbox-world";
import { asRoot, expectFailure, expectSuccess } from "../support/engine";
import { encrypted, SECRETS } from "../support/stack-file";
import { COMMITTED, deeds, type Ended, type RunOptions } from "./harness";

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
    const before = deeds(world.bench.digitalocean).length;
    const devices = structuredClone(world.bench.tailscale.devices);
    for (const ended of [await run(["preview"], options), await run(UP, options)]) {
      expectFailure(ended);
      for (const word of words) expect(ended.output).toMatch(word);
    }
    expect(deeds(world.bench.digitalocean)).toHaveLength(before);
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
    const before = deeds(world.bench.digitalocean).length;
    expectSuccess(await run(["stack", "rename", "organization/other/hermes"]));
    rmSync(path);
    writeFileSync(path, text.replace(/^name: hermes$/m, "name: other"));
    for (const args of [["preview"], UP]) expect((await run(args)).output).toMatch(/is not namespaced by the project/);
    expect(deeds(world.bench.digitalocean)).toHaveLength(before);
    writeFileSync(path, text);
    expectSuccess(await run(["stack", "rename", "organization/hermes/hermes"], { stack: "organization/other/hermes" }));
    expectSuccess(await run(NO_CHANGE));
  });
});
