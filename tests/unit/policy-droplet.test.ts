import fc from "fast-check";
import { UNKNOWN } from "../../policy";
import { dependenciesOf } from "../../policy/pack/dependencies";
import { broken, droplet, firewall, FIREWALL, resource, said } from "../fixtures/policy";

describe("tagged-droplet", () => {
  it("wants the stack's tag on every droplet, whatever its case", () => {
    expect(broken([firewall(), droplet()])).toEqual([]);
    expect(broken([firewall(), droplet({ tags: ["Hermes", "other"] })])).toEqual([]);
    expect(said([firewall(), resource(FIREWALL, { tags: ["web"] }), droplet({ tags: ["web"] })])).toEqual([
      "its tags lack hermes. Add hermes to its tags.",
    ]);
  });

  it("takes the tag from the name of the stack that the droplet is of", () => {
    const elsewhere = { ...droplet(), urn: droplet().urn.replace("pulumi:hermes", "pulumi:pr-7") };
    const { props, ...rest } = elsewhere;
    expect(broken([firewall(), elsewhere])).toEqual(["tagged-droplet"]);
    expect(
      broken([resource(FIREWALL, { tags: ["hermes-pr-7"] }), { ...rest, props: { ...props, tags: ["hermes-pr-7"] } }]),
    ).toEqual([]);
  });

  it("waits for tags that are not known yet", () => {
    expect(broken([droplet({ tags: UNKNOWN })])).toEqual([]);
    expect(broken([droplet({ tags: [UNKNOWN] })])).toEqual([]);
  });
});

describe("firewall-first", () => {
  it.each([
    ["no firewall at all", []],
    ["one on another tag", [resource(FIREWALL, { tags: ["other"] })]],
    ["one without a tag", [resource(FIREWALL, { tags: [] })]],
    ["one on the droplet's id, which exists only once it boots", [resource(FIREWALL, { dropletIds: [UNKNOWN] })]],
  ])("refuses a droplet behind %s", (_, before) => {
    expect(broken([...before, droplet()])).toEqual(["firewall-first"]);
  });

  it("refuses a firewall that comes after the droplet", () => {
    expect(broken([droplet(), firewall()])).toEqual(["firewall-first"]);
    expect(broken([firewall(), droplet()])).toEqual([]);
  });

  it("refuses a droplet without a tag, however many firewalls there are", () => {
    expect(broken([firewall(), droplet({ tags: undefined })])).toEqual(["tagged-droplet", "firewall-first"]);
  });

  it("goes by what a droplet says it comes after, whatever the order", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), (order) => {
        const [wall, covered] = [firewall(), { ...droplet(), after: [firewall()] }];
        const open = { ...droplet(), urn: `${droplet().urn}-open`, after: [] };
        expect(said(order.flatMap((i) => [wall, covered, open].slice(i, i + 1)))).toHaveLength(1);
      }),
    );
  });

  it("judges each droplet by what is before itself", () => {
    const [first, second] = [droplet(), { ...droplet(), urn: `${droplet().urn}-second` }];
    expect(said([first, firewall(), second])).toHaveLength(1);
  });
});

interface Node {
  name: string;
  dependencies: Node[];
}

describe("what a policy pack says of a resource's place", () => {
  it("is all that it depends on, also through others, and nothing else", () => {
    const tag: Node = { name: "tag", dependencies: [] };
    const firewall: Node = { name: "firewall", dependencies: [tag] };
    const machine: Node = { name: "machine", dependencies: [firewall, tag] };
    expect(dependenciesOf(machine).map(({ name }) => name)).toEqual(["firewall", "tag"]);
    expect(dependenciesOf(tag)).toEqual([]);
  });
});
