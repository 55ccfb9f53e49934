import { Account } from "../../digitalocean/account";
import { imageName, imageTags, newestImage, snapshot, tagImage, wantedImage, type WantedImage } from "../../images";
import { COMMITTED, DIGITALOCEAN_TOKEN } from "./harness";
import { startWorld, type World } from "../torture/world";

jest.setTimeout(240_000);

/** The fake droplets answer on port 22. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot("the stack hermes, when an image is baked", () => {
  let world: World;
  let account: Account;
  let wanted: WantedImage;
  beforeAll(async () => {
    world = await startWorld("volume");
    account = new Account({ token: DIGITALOCEAN_TOKEN, apiUrl: world.bench.digitalocean.url, pauseMs: 1 });
    const values = Object.entries(COMMITTED).map(([key, value]) => [key.replace("hermes:", ""), value]);
    wanted = wantedImage(Object.fromEntries(values)) as WantedImage;
    await up();
  });
  afterAll(() => world.stop());

  const env = { HERMES_SKIP_CHECK: "1" };
  async function up(): Promise<void> {
    const { code, output } = await world.pulumi(["up", "--yes", "--skip-preview"], { env });
    expect({ code, said: code === 0 ? "" : output }).toEqual({ code: 0, said: "" });
  }
  const droplets = () => Object.values(world.bench.digitalocean.state.droplets);
  const previewed = async (...args: string[]): Promise<string> => {
    const { code, output } = await world.pulumi(["preview", ...args], { env });
    expect({ code, said: code === 0 ? "" : output }).toEqual({ code: 0, said: "" });
    return output;
  };

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
