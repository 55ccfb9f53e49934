import { madeAs, ownedElsewhereText, renamedText } from "../../operations/sweep/moved";

const resource = (type: string, name: string) => ({ urn: `urn:pulumi:new::hermes::${type}::${name}`, type });

describe("the name that a stack's resources were made under", () => {
  it("is that of the component, which outlives a rename of the stack", () => {
    const state = [resource("pulumi:pulumi:Stack", "hermes-new"), resource("hermes:index:Hermes", "old")];
    expect(madeAs(state)).toBe("old");
  });

  it("is unknown where nothing was made", () => {
    expect(madeAs([resource("pulumi:pulumi:Stack", "hermes-new")])).toBeUndefined();
  });
});

it("a renamed stack is told the command that renames it back", () => {
  expect(renamedText("old", "new")).toContain("pulumi stack rename old --stack new");
});

it("a name that is taken is told with what has it, and what to do before a sweep", () => {
  const text = ownedElsewhereText("hermes", [{ kind: "droplet", id: "7", name: "hermes", detail: "nyc3" }]);
  expect(text).toMatch(
    /droplet hermes \(7, nyc3\)[^]*pulumi stack import[^]*another name[^]*hermes sweep --stack hermes/,
  );
});
