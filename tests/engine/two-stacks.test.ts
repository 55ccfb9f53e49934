// Two stacks of one account and one tailnet, the second one made from the first one's file.
import { readFileSync } from "node:fs";
import { load } from "js-yaml";
import { newKey } from "../../operations/init/init";
import { merged, type Values } from "../fixtures/edits";
import { asRoot, expectSuccess } from "../support/engine";
import { encrypted, SECRETS, writeStackFile } from "../support/stack-file";
import { startWorld, type World } from "../torture/world";
import { mutations, type Ended } from "./harness";

jest.setTimeout(1_200_000);

const COPY = "copy";

let world: World;
let copyFile = "";

const run = (stack: string, ...args: string[]): Promise<Ended> => world.pulumi(args, { stack });
const up = (stack: string): Promise<Ended> => run(stack, "up", "--yes", "--skip-preview");
const devices = () => world.bench.tailscale.devices;
const device = (id: string) => devices().find((one) => one.id === id);

/** As `pulumi stack init copy --copy-config-from hermes` leaves it, with what was edited since. */
function copied(edit: Values = {}, secrets: Record<string, string> = {}): void {
  const { config } = load(readFileSync(world.bench.configFile, "utf8")) as { config: Values };
  const own = Object.keys(secrets).length === 0 ? {} : { "hermes:secrets": encrypted(secrets) };
  writeStackFile(copyFile, merged(config, { ...edit, ...own }) as Values);
}

/** All that the first stack has outside. */
const outside = (): unknown => {
  const { droplets, volumes, firewalls, keys, tags } = world.bench.digitalocean.state;
  return structuredClone({
    droplets,
    volumes,
    firewalls,
    keys,
    tags,
    devices: devices(),
    applied: [...world.droplets.applied],
  });
};

const OWN_NAME: Values = { "hermes:tailnet": { hostname: "hermes-copy" } };

const OWN_KEYS = { ...SECRETS, deployKey: newKey("copy"), hostKey: newKey("copy") };
const HOSTNAME_TAKEN = [
  /hermes:tailnet\.hostname is "hermes": the tailnet has a node of that name/,
  /hermes\.tail1234\.ts\.net \(n\d+, connected/,
  /hermes:tailnet\.hostname hermes-copy.*admin console/,
];
const KEY_SHARED = [/hermes:secrets\.deployKey.*SSH key hermes/, /hermes init --stack copy --rotate deployKey hostKey/];

asRoot("a stack made from another one's file", () => {
  beforeAll(async () => {
    world = await startWorld("volume", { keepProviders: true });
    copyFile = world.bench.addStack(COPY, {});
    expectSuccess(await up("hermes"));
  });
  afterAll(() => world.stop());

  const refused: [string, Values, RegExp[]][] = [
    ["the first one's host name and keys", {}, [...HOSTNAME_TAKEN, ...KEY_SHARED]],
    ["a host name of its own and the first one's keys", OWN_NAME, KEY_SHARED],
  ];

  it.each(refused)("is refused at preview and by `up` where it has %s; nothing is touched", async (_, edit, words) => {
    copied(edit);
    const [before, calls] = [outside(), mutations(world.bench.digitalocean).length];
    for (const ended of [await run(COPY, "preview"), await up(COPY)]) {
      expect(ended.code).not.toBe(0);
      for (const word of words) expect(ended.output).toMatch(word);
    }
    expect(outside()).toEqual(before);
    expect(mutations(world.bench.digitalocean)).toHaveLength(calls);
  });

  it("is refused while the first one's droplet is off, too", async () => {
    copied({}, OWN_KEYS);
    const [node] = devices();
    Object.assign(node ?? {}, { connectedToControl: false });
    const ended = await run(COPY, "preview");
    expect(ended.output).toMatch(/not connected/);
    expect(ended.code).not.toBe(0);
    Object.assign(node ?? {}, { connectedToControl: true });
  });

  it("works beside it with a host name and keys of its own, and leaves nothing of the first one changed when it goes", async () => {
    copied({ ...OWN_NAME, "hermes:volumeGiB": 0 }, OWN_KEYS);
    const before = outside();
    expectSuccess(await up(COPY));
    expect(
      devices()
        .map(({ hostname }) => hostname)
        .sort(),
    ).toEqual(["hermes", "hermes-copy"]);
    expectSuccess(await run(COPY, "preview", "--expect-no-changes"));
    expectSuccess(await run(COPY, "destroy", "--yes", "--skip-preview"));
    expect(outside()).toEqual(before);
  });

  it("does not keep the first one from its own node: not when a birth was cut off, nor once it is repeated", async () => {
    const [id] = devices().map((one) => one.id);
    const set = await world.bench.pulumi(["config", "set", "hermes:bootstrapRevision", "2"]);
    expect(set.code).toBe(0);
    world.bench.digitalocean.faults.push({ method: "POST", path: "/v2/droplets$", status: 422 });
    const cut = await up("hermes");
    expect(cut.output).toMatch(/422/);
    expect(Object.keys(world.bench.digitalocean.state.droplets)).toEqual([]);
    expect(device(id ?? "")).toMatchObject({ connectedToControl: false });
    expectSuccess(await up("hermes"));
    expectSuccess(await run("hermes", "preview", "--expect-no-changes"));
  });

  it("keeps its node when the first one, whose node was removed by hand, is destroyed", async () => {
    devices().splice(0, devices().length);
    copied({ "hermes:volumeGiB": 0 }, OWN_KEYS);
    expectSuccess(await up(COPY));
    const ids = devices().map(({ id }) => id);
    expect(ids).toHaveLength(1);
    expectSuccess(await run("hermes", "destroy", "--yes", "--skip-preview", "--exclude-protected"));
    expect(devices().map(({ id }) => id)).toEqual(ids);
    expectSuccess(await run(COPY, "destroy", "--yes", "--skip-preview"));
    expect(devices()).toEqual([]);
  });
});
