import { Account } from "../../lib/digitalocean/account";
import {
  imageName,
  imageTags,
  newestImage,
  snapshot,
  tagImage,
  wantedImage,
  type WantedImage,
} from "../../operations/images";
import { newKey } from "../../operations/init/init";
import { asRoot, expectSuccess } from "../support/engine";
import { startWorld, type World } from "../torture/world";
import { COMMITTED, DIGITALOCEAN_TOKEN, type Ended } from "./harness";

jest.setTimeout(1_200_000);

asRoot("the stack hermes", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld("volume", { keepProviders: true });
    await up();
  });
  afterAll(() => world.stop());

  const env = { HERMES_SKIP_CHECK: "1" };
  const pulumi = (...args: string[]): Promise<Ended> => world.pulumi(args, { env });
  const up = async (...args: string[]): Promise<void> =>
    expectSuccess(await pulumi("up", "--yes", "--skip-preview", ...args));
  const droplets = () => Object.values(world.bench.digitalocean.state.droplets);
  const ids = (kind: "droplets" | "volumes" | "keys"): string[] => Object.keys(world.bench.digitalocean.state[kind]);
  const previewed = async (...args: string[]): Promise<string> => {
    const ended = await pulumi("preview", ...args);
    expectSuccess(ended);
    return ended.output;
  };

  describe("when an image is baked", () => {
    let account: Account;
    let wanted: WantedImage;
    beforeAll(() => {
      account = new Account({ token: DIGITALOCEAN_TOKEN, apiUrl: world.bench.digitalocean.url, pauseMs: 1 });
      const values = Object.entries(COMMITTED).map(([key, value]) => [key.replace("hermes:", ""), value] as const);
      wanted = wantedImage(Object.fromEntries(values)) as WantedImage;
    });

    /** As a bake leaves it in the account. */
    async function bake(): Promise<string> {
      const [droplet] = droplets();
      const id = await snapshot(account, String(droplet?.id), imageName(wanted.contents, "1.102.3"), { pollMs: 10 });
      await tagImage(account, id, imageTags(wanted.contents));
      expect((await newestImage(account, wanted))?.id).toBe(id);
      return id;
    }

    it("stays as it is: neither a preview nor an `up` changes anything", async () => {
      const before = droplets().map(({ id, image }) => ({ id, image }));
      await bake();
      await previewed("--expect-no-changes");
      await up();
      expect(droplets().map(({ id, image }) => ({ id, image }))).toEqual(before);
    });

    it("takes the image when it is told its number: the preview says that the droplet is replaced", async () => {
      const [old] = structuredClone(droplets());
      const image = await bake();
      const set = await world.bench.pulumi(["config", "set", "hermes:image"], { stdin: image });
      expect(set.code).toBe(0);
      const said = await previewed();
      expect(said).toMatch(/digitalocean:index:Droplet\s+hermes\s+replace/);
      expect(said).toContain("hermes:image");
      await up();
      expect(droplets()).toMatchObject([{ image, volumeIds: old?.volumeIds }]);
      expect(droplets()[0]?.id).not.toBe(old?.id);
      await previewed("--expect-no-changes");
    });
  });

  describe("keeps", () => {
    let unprotect: string[] = [];

    it("the droplet when its SSH key is another one: only the key is replaced", async () => {
      const before = { droplets: ids("droplets"), keys: ids("keys") };
      const set = ["config", "set", "hermes:secrets.deployKey", "--secret", "--path"];
      expect((await world.bench.pulumi(set, { stdin: newKey("another") })).code).toBe(0);
      await up();
      expect(ids("droplets")).toEqual(before.droplets);
      expect(ids("keys")).toHaveLength(1);
      expect(ids("keys")).not.toEqual(before.keys);
    });

    it("all, when a destroy meets the protected volume; the command that unprotects it is told", async () => {
      const destroy = await pulumi("destroy", "--yes");
      expect(destroy.code).not.toBe(0);
      const told = /`pulumi (state unprotect) '(\S+digitalocean:index\/volume:Volume::hermes)'`/.exec(destroy.output);
      expect(told).not.toBeNull();
      unprotect = [...(told?.[1]?.split(" ") ?? []), told?.[2] ?? ""];
      expect([ids("droplets"), ids("volumes")].map(({ length }) => length)).toEqual([1, 1]);
    });

    it("the volume, with --exclude-protected, and the next `up` takes it up again", async () => {
      const volumes = ids("volumes");
      expectSuccess(await pulumi("destroy", "--yes", "--skip-preview", "--exclude-protected"));
      expect([ids("droplets"), ids("volumes")]).toEqual([[], volumes]);
      await up();
      expect([ids("droplets").length, ids("volumes")]).toEqual([1, volumes]);
    });

    it("nothing once the volume is unprotected by hand, by the command that was told, and destroyed", async () => {
      expectSuccess(await pulumi(...unprotect, "--yes"));
      expectSuccess(await pulumi("destroy", "--yes", "--skip-preview"));
      expect([ids("droplets"), ids("volumes"), ids("keys")]).toEqual([[], [], []]);
    });
  });
});
