import type { TailnetDevice } from "../../lib/tailnet/api";
import { foreignNodes, takenHostname } from "../../operations/sweep/node-owner";
import type { StateResource } from "../../operations/sweep/state";

const identity = { hostname: "hermes", tag: "tag:hermes" };
const node = (changes: Partial<TailnetDevice> = {}): TailnetDevice => ({
  id: "n1",
  name: "hermes.example.ts.net",
  hostname: "hermes",
  addresses: ["100.64.0.1"],
  tags: ["tag:hermes"],
  created: "2026-11-22T00:03:00Z",
  connectedToControl: true,
  ...changes,
});
const resource = (type: string, outputs: Record<string, unknown>): StateResource => ({
  urn: `urn::${type}`,
  type,
  outputs,
});
const recorded = (id: string, address = "100.64.0.9"): StateResource =>
  resource("command:local:Command", { stdout: JSON.stringify({ id, name: "hermes.example.ts.net", address }) });
const key = (createdAt: string): StateResource => resource("tailscale:index/tailnetKey:TailnetKey", { createdAt });
const droplet = (createdAt: string): StateResource => resource("digitalocean:index/droplet:Droplet", { createdAt });

const foreign = (state: StateResource[], devices = [node()]): string[] =>
  foreignNodes(devices, identity, state).map(({ id }) => id);

describe("a node with a stack's host name and tag", () => {
  it("is foreign to a stack that has made nothing yet, connected or not", () => {
    expect(foreign([])).toEqual(["n1"]);
    expect(foreign([], [node({ connectedToControl: false })])).toEqual(["n1"]);
  });

  it("is the stack's own where its state names it, or its address", () => {
    expect(foreign([recorded("n1")])).toEqual([]);
    expect(foreign([recorded("n0", "100.64.0.1")])).toEqual([]);
    expect(foreign([recorded("n0")])).toEqual(["n1"]);
  });

  it.each([
    ["the key that the state has was valid", key],
    ["the droplet that the state has was new, as after an import", droplet],
  ])("is the stack's own where it joined while %s", (_, birth) => {
    expect(foreign([birth("2026-11-22T00:00:00Z")])).toEqual([]);
    expect(foreign([birth("2026-11-21T22:00:00Z")])).toEqual(["n1"]);
    expect(foreign([birth("2026-11-22T01:00:00Z")])).toEqual(["n1"]);
    expect(foreign([birth("")])).toEqual(["n1"]);
  });

  it("is the stack's own where it is older than an imported droplet with a volume, which keeps its identity", () => {
    const volume = resource("digitalocean:index/volume:Volume", {});
    expect(foreign([volume, droplet("2026-11-29T00:00:00Z")])).toEqual([]);
    expect(foreign([droplet("2026-11-29T00:00:00Z")])).toEqual(["n1"]);
    expect(foreign([volume, key("2026-11-29T00:00:00Z")])).toEqual(["n1"]);
  });

  it("is foreign beside the one that the state names, whenever it joined", () => {
    const both = [node(), node({ id: "n2", addresses: ["100.64.0.2"] })];
    expect(foreign([recorded("n1"), key("2026-11-22T00:00:00Z")], both)).toEqual(["n2"]);
  });

  it("is nobody's concern with another host name, or without the tag", () => {
    expect(foreign([], [node({ hostname: "laptop" }), node({ tags: [] })])).toEqual([]);
  });
});

it.each([
  ["copy", "hermes", "hermes-copy"],
  ["copy", "hermes-copy", "hermes-copy-2"],
])("the refusal for stack %s with host name %s suggests %s", (stack, hostname, other) => {
  expect(takenHostname(node(), { ...identity, hostname }, stack).fix).toContain(`hermes:tailnet.hostname ${other}.`);
});
