import { lostBotTags } from "../../operations/sweep/bot-tags";
import type { StateResource } from "../../operations/sweep/state";
import { knownOf, nextStep, strays } from "../../operations/sweep/strays";
import type { Thing } from "../../operations/sweep/things";

const URN = "urn:pulumi:hermes::hermes::hermes:index:Hermes";
const resource = (type: string, id: string, more: Partial<StateResource> = {}): StateResource => ({
  urn: `${URN}$${type}::hermes`,
  type,
  id,
  ...more,
});
const DROPLET = resource("digitalocean:index/droplet:Droplet", "1");
const VOLUME = resource("digitalocean:index/volume:Volume", "v1");
const KEY = resource("tailscale:index/tailnetKey:TailnetKey", "k1");
const NODE = resource("command:local:Command", "random", { outputs: { stdout: '{"id":"n1","name":"hermes"}' } });
const ACTIVATE: StateResource = { urn: `${URN}::hermes-activate`, type: "command:remote:Command", id: "random" };

const thing = (kind: Thing["kind"], id: string, more: Partial<Thing> = {}): Thing => ({
  kind,
  id,
  name: "hermes",
  detail: "",
  ...more,
});
const found = (things: Thing[], state: StateResource[], volumes = false) => strays(things, knownOf(state), { volumes });

describe("a stray", () => {
  it("is what the state does not hold, and never what it holds", () => {
    const things = [thing("droplet", "1"), thing("droplet", "2"), thing("firewall", "f1"), thing("volume", "v1")];
    expect(found(things, [DROPLET, VOLUME]).map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      "droplet 2",
      "firewall f1",
    ]);
  });

  it("is not known by another kind's id", () => {
    expect(found([thing("droplet", "v1")], [VOLUME])).toHaveLength(1);
  });

  it("stays when it is a volume, unless volumes were said too", () => {
    const volume = thing("volume", "v2", { heldBy: [] });
    expect(found([volume], [])[0]?.kept).toContain("--volumes");
    expect(found([volume], [], true)[0]?.kept).toBeUndefined();
  });

  it("stays when it is a volume on a droplet that stays", () => {
    const onOurs = thing("volume", "v2", { heldBy: ["1"] });
    expect(found([onOurs, thing("droplet", "1")], [DROPLET], true)[0]?.kept).toBe("attached to droplet 1");
    const onStray = thing("volume", "v2", { heldBy: ["2"] });
    expect(found([onStray, thing("droplet", "2")], [DROPLET], true).map(({ kept }) => kept)).toEqual([
      undefined,
      undefined,
    ]);
    expect(found([thing("volume", "v2", { heldBy: ["77"] })], [], true)[0]?.kept).toBe("attached to droplet 77");
  });

  it("is a node that another one took the place of, or one without a droplet", () => {
    const nodes = [thing("tailnet node", "n1"), thing("tailnet node", "n2")];
    expect(found(nodes, [DROPLET, NODE]).map(({ id }) => id)).toEqual(["n2"]);
    expect(found(nodes, [])).toHaveLength(2);
  });

  it("stays when it is a connected node, which another stack may run, unless it came with a droplet that goes", () => {
    const node = thing("tailnet node", "n2", { connectedSince: "2026-11-22T00:03:00Z" });
    const born = (created_at: string) => thing("droplet", "2", { entry: { created_at } });
    expect(found([node], [])[0]?.kept).toMatch(/connected.*another stack/);
    expect(found([node, born("2026-11-21T00:00:00Z")], [])[0]?.kept).toMatch(/connected.*another stack/);
    expect(found([node, born("2026-11-22T00:00:00Z")], []).map(({ kept }) => kept)).toEqual([undefined, undefined]);
  });

  it("is no node while the stack's droplet was not waited for", () => {
    expect(found([thing("tailnet node", "n1")], [DROPLET])).toEqual([]);
  });
});

describe("what to do after a sweep", () => {
  const droplet = [thing("droplet", "2")];

  it("is another up where no droplet went", () => {
    expect(nextStep([thing("ssh key", "3")], knownOf([KEY]), "hermes")).toBe("pulumi up --stack hermes");
  });

  it("makes a new auth key, since the droplet that went has spent the one in the state", () => {
    expect(nextStep(droplet, knownOf([KEY]), "hermes")).toBe(`pulumi up --stack hermes --replace '${KEY.urn}'`);
  });

  it("bears the stack's own droplet again too, where it got no gateway", () => {
    const next = nextStep(droplet, knownOf([KEY, DROPLET]), "hermes");
    expect(next).toContain(`--replace '${KEY.urn}' --replace '${DROPLET.urn}'`);
  });

  it("leaves a droplet alone that runs a gateway", () => {
    expect(nextStep(droplet, knownOf([KEY, DROPLET, ACTIVATE]), "hermes")).toBe("pulumi up --stack hermes");
  });
});

describe("a bot's tag that the state has on the droplet", () => {
  const known = { ...DROPLET, outputs: { tags: ["hermes", "hermes-telegram-bot:7"] } };
  const lost = (tags: string[], id = "1") =>
    lostBotTags({ things: [thing("droplet", id, { entry: { tags } })], state: [known] });

  it("is lost when the account does not have it there; other tags are a refresh's matter", () => {
    expect(lost(["hermes-telegram-bot:8"])).toEqual([{ droplet: "1", tag: "hermes-telegram-bot:7" }]);
    expect(lost(["hermes", "hermes-telegram-bot:7"])).toEqual([]);
  });

  it("is nothing of another droplet's, and is not looked for without a state", () => {
    expect(lost([], "2")).toEqual([]);
    expect(lostBotTags({ things: [thing("droplet", "1", { entry: { tags: [] } })] })).toEqual([]);
  });
});
