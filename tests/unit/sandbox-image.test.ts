import { Account } from "../../lib/digitalocean/account";
import { imageName, imageTags, snapshot, tagImage, wantedImage, type WantedImage } from "../../operations/images";
import type { StackFile } from "../../operations/sandboxes/file";
import { BASE, imageKeys } from "../../operations/sandboxes/image";
import { dropletBody, openAccount, TOKEN, type Account as Emulated } from "./digitalocean-fixture";

const VALUES = { region: "fra1", size: "s-1vcpu-2gb", openclaw: { version: "2026.9.6", before: "2026-09-25" } };
const file = (more: Record<string, unknown> = {}): StackFile => {
  const entries = Object.entries({ ...VALUES, ...more });
  return {
    config: Object.fromEntries(entries.map(([key, value]) => [key.includes(":") ? key : `hermes:${key}`, value])),
  };
};
const PLAIN = { "hermes:image": "debian-13-x64", [BASE]: "debian-13-x64" };

describe("the image that a sandbox begins from", () => {
  let emulated: Emulated;
  let account: Account;
  const said: string[] = [];
  const looking = (cold = false) => ({ account, cold, say: (text: string) => void said.push(text) });

  beforeEach(async () => {
    said.splice(0);
    emulated = await openAccount();
    account = new Account({ token: TOKEN, apiUrl: emulated.api.url, pauseMs: 1 });
  });
  afterEach(() => emulated.close());

  const bake = async (): Promise<string> => {
    const { body } = await emulated.call("POST", "/v2/droplets", dropletBody());
    await emulated.settled(body.droplet.id);
    const { contents } = wantedImage(VALUES) as WantedImage;
    const id = await snapshot(account, String(body.droplet.id), imageName(contents, "1.102.3"), { pollMs: 1 });
    await tagImage(account, id, imageTags(contents));
    return id;
  };

  it("is the plain one where none was baked, the newest baked one where there are some", async () => {
    expect(await imageKeys(file(), looking())).toEqual(PLAIN);
    await bake();
    const newest = await bake();
    expect(await imageKeys(file(), looking())).toEqual({ ...PLAIN, "hermes:image": newest });
  });

  it("is the plain one again, cold, and when what is wanted has changed since", async () => {
    const id = await bake();
    const made = file({ image: id, [BASE]: "debian-13-x64" });
    expect(await imageKeys(made, looking())).toEqual({ ...PLAIN, "hermes:image": id });
    expect(await imageKeys(made, looking(true))).toEqual(PLAIN);
    const newer = {
      ...made,
      config: {
        ...made.config,
        "hermes:openclaw": { version: "2026.9.7", before: "2026-10-02" },
        "hermes:sources": { openclaw: { sha256: "first-install" } },
      },
    };
    expect(await imageKeys(newer, looking())).toEqual(PLAIN);
  });

  it("is the one that was asked for by its number", async () => {
    await bake();
    expect(await imageKeys(file({ image: "4711" }), looking())).toEqual({});
  });

  it("is the plain one where DigitalOcean does not say what there is, and that is told", async () => {
    await bake();
    emulated.api.faults.push({ method: "GET", path: "^/v2/images$", status: 500, times: 2 });
    expect(await imageKeys(file(), looking())).toEqual(PLAIN);
    expect(said).toEqual([expect.stringContaining("no baked image is looked for")]);
  });
});
