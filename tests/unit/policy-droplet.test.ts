import fc from "fast-check";
import { UNKNOWN } from "../../policy";
import { inOrder } from "../../policy/pack/order";
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

  it("judges each droplet by what is before itself", () => {
    const [first, second] = [droplet(), { ...droplet(), urn: `${droplet().urn}-second` }];
    expect(said([first, firewall(), second])).toHaveLength(1);
  });
});

interface Node {
  type: string;
  dependencies: Node[];
}

describe("the order in which a policy pack sees resources", () => {
  it("has dependencies first, and no firewall before a droplet that does not depend on it", () => {
    const tag: Node = { type: "x:Tag", dependencies: [] };
    const used: Node = { type: "x:Firewall", dependencies: [tag] };
    const unused: Node = { type: "x:Firewall", dependencies: [] };
    const machine: Node = { type: "x:Droplet", dependencies: [used] };
    fc.assert(
      fc.property(fc.shuffledSubarray([tag, used, unused, machine], { minLength: 4 }), (given) => {
        expect(inOrder(given)).toEqual([tag, used, machine, unused]);
      }),
    );
  });
});
