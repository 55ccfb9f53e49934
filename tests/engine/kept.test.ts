import { newKey } from "../../cli/init";
import { startWorld, type World } from "../torture/world";

jest.setTimeout(240_000);

/** The fake droplets answer on port 22. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot("what stays", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld("volume");
    await up();
  });
  afterAll(() => world.stop());

  const env = { HERMES_SKIP_CHECK: "1" };
  async function up(): Promise<void> {
    const { code, output } = await world.pulumi(["up", "--yes", "--skip-preview"], { env });
    expect({ code, said: code === 0 ? "" : output }).toEqual({ code: 0, said: "" });
  }
  const ids = (kind: "droplets" | "volumes" | "keys"): string[] =>
    Object.keys((world.bench.digitalocean.state as unknown as Record<string, object>)[kind] ?? {});

  it("is the droplet when its SSH key is another one: only the key is replaced", async () => {
    const before = { droplets: ids("droplets"), keys: ids("keys") };
    const set = ["config", "set", "hermes:secrets.deployKey", "--secret", "--path"];
    expect((await world.bench.pulumi(set, { stdin: newKey("another") })).code).toBe(0);
    await up();
    expect(ids("droplets")).toEqual(before.droplets);
    expect(ids("keys")).toHaveLength(1);
    expect(ids("keys")).not.toEqual(before.keys);
  });

  it("is all, when a destroy meets the protected volume; the command that unprotects it is told", async () => {
    const destroy = await world.pulumi(["destroy", "--yes"], { env });
    expect(destroy.code).not.toBe(0);
    expect(destroy.output).toMatch(/`pulumi state unprotect '\S+digitalocean:index\/volume:Volume::hermes'`/);
    expect([ids("droplets"), ids("volumes")].map(({ length }) => length)).toEqual([1, 1]);
  });

  it("is the volume, with --exclude-protected, and the next `up` takes it up again", async () => {
    const volumes = ids("volumes");
    const destroy = await world.pulumi(["destroy", "--yes", "--skip-preview", "--exclude-protected"], { env });
    expect({ code: destroy.code, said: destroy.code === 0 ? "" : destroy.output }).toEqual({ code: 0, said: "" });
    expect([ids("droplets"), ids("volumes")]).toEqual([[], volumes]);
    await up();
    expect([ids("droplets").length, ids("volumes")]).toEqual([1, volumes]);
  });

  it("is nothing once the volume is unprotected by hand and destroyed", async () => {
    const refused = await world.pulumi(["destroy", "--yes"], { env });
    const urn = /`pulumi state unprotect '(\S+)'`/.exec(refused.output)?.[1] ?? "";
    expect((await world.pulumi(["state", "unprotect", urn, "--yes"], { env })).code).toBe(0);
    const destroy = await world.pulumi(["destroy", "--yes", "--skip-preview"], { env });
    expect({ code: destroy.code, said: destroy.code === 0 ? "" : destroy.output }).toEqual({ code: 0, said: "" });
    expect([ids("droplets"), ids("volumes"), ids("keys")]).toEqual([[], [], []]);
  });
});
