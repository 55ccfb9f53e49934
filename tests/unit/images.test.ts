import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { Account } from "../../lib/digitalocean/account";
import {
  adoptUntagged,
  bakedImages,
  contentsOf,
  IMAGE_TAG,
  imageName,
  imagesOfDroplets,
  imageTags,
  isOff,
  judge,
  newestImage,
  removeImage,
  snapshot,
  tagImage,
  wantedImage,
  type BakedImage,
  type Contents,
} from "../../operations/images";
import { matching } from "../../operations/images/account";
import { dropletBody, openAccount, TOKEN, type Account as Emulated } from "./digitalocean-fixture";

const CONTENTS: Contents = {
  base: "debian-13-x64",
  openclaw: "2026.9.6",
  before: "2026-09-25",
  node: "24.21.0",
  recipe: "0123456789ab",
};
const NAME = "hermes_debian-13-x64_openclaw-2026.9.6_before-2026-09-25_node-24.21.0_tailscale-1.102.3_0123456789ab";

/** The committed stack's values, as a bake and a sandbox read them. */
function committed(): Record<string, unknown> {
  const file = load(readFileSync(join(__dirname, "..", "..", "Pulumi.hermes.yaml"), "utf8")) as {
    config: Record<string, unknown>;
  };
  return Object.fromEntries(Object.entries(file.config).map(([key, value]) => [key.replace("hermes:", ""), value]));
}

describe("an image's name", () => {
  it("says what is in it, in characters that DigitalOcean takes", () => {
    expect(imageName(CONTENTS, "1.102.3")).toBe(NAME);
    expect(NAME).toMatch(/^[A-Za-z0-9._-]{1,255}$/);
  });

  it("is read back, and another one is not", () => {
    expect(contentsOf(NAME)).toEqual({ ...CONTENTS, tailscale: "1.102.3" });
    for (const other of ["", "hermes", "my snapshot", `${NAME}0`, `x${NAME}`, NAME.replace("node-", "bun-")])
      expect(contentsOf(other)).toBeUndefined();
  });

  it("is refused where a version holds what no name has", () => {
    expect(() => imageName({ ...CONTENTS, openclaw: "2026.9.6 x" }, "1.102.3")).toThrow("no name");
    expect(() => imageName(CONTENTS, "1.102.3\n")).toThrow("no name");
  });

  it("has tags beside it that keep DigitalOcean's rule", () => {
    expect(imageTags(CONTENTS)).toEqual([
      IMAGE_TAG,
      "hermes-base:debian-13-x64",
      "hermes-openclaw:2026-9-6",
      "hermes-node:24-21-0",
    ]);
    for (const tag of imageTags(CONTENTS)) expect(tag).toMatch(/^[a-zA-Z0-9:\-_]{1,255}$/);
  });
});

describe("what a stack's droplet would be made from", () => {
  const wanted = (changes: Record<string, unknown> = {}) => wantedImage({ ...committed(), ...changes });

  it("is what its file says, defaults included", () => {
    const recipe = expect.stringMatching(/^[0-9a-f]{12}$/);
    const whole = { contents: { ...CONTENTS, recipe }, region: "nyc3", diskGiB: 50 };
    expect(wanted()).toEqual(whole);
    expect(wanted({ image: undefined, node: undefined, sources: undefined })).toEqual(wanted());
  });

  it.each([
    ["Node's digest", { node: { sha256: "a".repeat(64) } }],
    ["the key of Tailscale's packages", { tailscale: { fingerprint: "A".repeat(40) } }],
    ["Tailscale's suite", { tailscale: { suite: "bookworm" } }],
  ])("is another recipe with another %s", (_, sources) => {
    expect(wanted({ sources })?.contents.recipe).not.toBe(wanted()?.contents.recipe);
  });

  it("is the same recipe from a mirror", () => {
    const sources = { node: { url: "https://mirror.example/{version}.tar.xz" } };
    expect(wanted({ sources })).toEqual(wanted());
  });

  it("is no image where the stack names one itself, or is wrong", () => {
    expect(wanted({ image: "4711" })).toBeUndefined();
    expect(wanted({ size: "s-none" })).toBeUndefined();
    expect(wanted({ openclaw: { version: "latest" } })).toBeUndefined();
    expect(wantedImage({})).toBeUndefined();
  });
});

const image = (id: string, more: Partial<BakedImage> = {}): BakedImage => ({
  ...{ id, name: NAME, createdAt: "2026-11-26T00:00:00Z", minDiskGiB: 50, regions: ["nyc3"] },
  ...{ sizeGiB: 1.2, tags: [IMAGE_TAG], ...more },
});

describe("the image that a droplet is made from", () => {
  const here = { contents: CONTENTS, region: "nyc3", diskGiB: 50 };

  it("is the newest with exactly the same in it, whatever Tailscale it has", () => {
    const older = image("1", { name: NAME.replace("1.102.3", "1.100.0") });
    expect(matching([image("2"), older], here)?.id).toBe("2");
    expect(matching([older], here)?.id).toBe("1");
  });

  it.each<[string, Partial<Contents>]>([
    ["base", { base: "debian-12-x64" }],
    ["OpenClaw", { openclaw: "2026.9.7" }],
    ["day of its dependencies", { before: "2026-09-26" }],
    ["Node", { node: "24.20.0" }],
    ["recipe", { recipe: "ba9876543210" }],
  ])("is none with another %s", (_, change) => {
    expect(matching([image("1")], { ...here, contents: { ...CONTENTS, ...change } })).toBeUndefined();
  });

  it("is in the droplet's region, and no larger than its disk", () => {
    expect(matching([image("1", { regions: ["fra1"] }), image("2", { minDiskGiB: 60 })], here)).toBeUndefined();
    expect(matching([image("1", { regions: ["fra1", "nyc3"], minDiskGiB: 25 })], here)?.id).toBe("1");
  });
});

describe("pruning", () => {
  const gone = (images: BakedImage[], keep: number, inUse: string[] = []) =>
    judge(images, { keep, inUse: new Set(inUse) })
      .filter(({ kept }) => kept === undefined)
      .map(({ id }) => id);

  it("keeps the newest, and what is in use", () => {
    const all = ["5", "4", "3", "2", "1"].map((id) => image(id));
    expect(gone(all, 2)).toEqual(["3", "2", "1"]);
    expect(gone(all, 2, ["2", "5"])).toEqual(["3", "1"]);
    expect(gone(all, 0, ["4"])).toEqual(["5", "3", "2", "1"]);
    expect(gone(all, 9)).toEqual([]);
  });
});

describe("the account", () => {
  let emulated: Emulated;
  let account: Account;
  const quick = { pollMs: 1 };

  beforeEach(async () => {
    emulated = await openAccount();
    account = new Account({ token: TOKEN, apiUrl: emulated.api.url, pauseMs: 1 });
  });
  afterEach(() => emulated.close());

  const droplet = async (more: Record<string, unknown> = {}): Promise<string> => {
    const { body } = await emulated.call("POST", "/v2/droplets", dropletBody(more));
    await emulated.settled(body.droplet.id);
    return String(body.droplet.id);
  };
  const bake = async (name = NAME): Promise<string> => {
    const id = await snapshot(account, await droplet(), name, quick);
    await tagImage(account, id, imageTags(CONTENTS));
    return id;
  };
  const wanted = { contents: CONTENTS, region: "fra1", diskGiB: 50 };

  it("gives the newest of the baked images, and none that only looks like one", async () => {
    await bake();
    const second = await bake();
    await snapshot(account, await droplet(), NAME, quick);
    expect(await newestImage(account, wanted)).toMatchObject({ id: second, name: NAME, minDiskGiB: 50 });
    expect(await bakedImages(account)).toHaveLength(2);
    expect(await newestImage(account, { ...wanted, region: "nyc3" })).toBeUndefined();
  });

  it("makes one snapshot, also when the reply to the call was lost", async () => {
    const id = await droplet();
    for (const actionMs of [0, 50]) {
      emulated.api.timings.actionMs = actionMs;
      emulated.api.faults.push({ method: "POST", path: "/actions$", drop: "after", times: 1 });
      const name = `${NAME}-${actionMs}`;
      const made = await snapshot(account, id, name, quick);
      expect(Object.values(emulated.api.state.snapshots).filter((one) => one.name === name)).toMatchObject([
        { id: made },
      ]);
    }
  });

  it("says that there is no snapshot when its machine could take none", async () => {
    const id = await droplet();
    emulated.substrate.snapshotDroplet = () => Promise.reject(new Error("the disk is full"));
    await expect(snapshot(account, id, NAME, quick)).rejects.toThrow("has made no snapshot");
    await expect(snapshot(account, "4711", NAME, quick)).rejects.toThrow("droplets/4711/snapshots");
  });

  it("tags what a bake left that was cut off before its tags, and nothing else", async () => {
    const left = await snapshot(account, await droplet(), NAME, quick);
    await snapshot(account, await droplet(), "somebody's own", quick);
    expect((await adoptUntagged(account)).map(({ id }) => id)).toEqual([left]);
    expect((await bakedImages(account)).map(({ id }) => id)).toEqual([left]);
  });

  it("knows which images droplets were made from, and removes others", async () => {
    const [used, unused] = [await bake(), await bake()];
    await droplet({ image: Number(used) });
    expect([...(await imagesOfDroplets(account))]).toContain(used);
    await removeImage(account, image(unused));
    expect((await bakedImages(account)).map(({ id }) => id)).toEqual([used]);
  });

  it("sees a droplet that powered itself off, and gives up on one that does not", async () => {
    const id = await droplet();
    expect(await isOff(account, id, { ...quick, timeoutMs: 10 })).toBe(false);
    emulated.api.noteOff(Number(id));
    expect(await isOff(account, id, quick)).toBe(true);
  });
});
