import * as fc from "fast-check";
import type { PreviewDigest } from "../../operations/review";
import { differences, isIdle, planDigest } from "../../operations/review/digest";

type Step = NonNullable<PreviewDigest["steps"]>[number];

const URN = "urn:pulumi:hermes::hermes::digitalocean:index/droplet:Droplet::hermes";
const state = (inputs: Record<string, unknown>) => ({ urn: URN, type: "digitalocean:index/droplet:Droplet", inputs });
const resize = (size: string, more: Partial<Step> = {}): Step => ({
  op: "update",
  urn: URN,
  oldState: state({ size: "s-1vcpu-2gb" }),
  newState: state({ size }),
  diffReasons: ["size"],
  detailedDiff: { size: { kind: "update" } },
  ...more,
});
const digestOf = (...steps: Step[]): string => planDigest({ steps }).digest;

describe("the digest of a preview", () => {
  it("is the same for the same changes, in whatever order and whenever they are looked at", () => {
    const [one, other] = [resize("s-2vcpu-4gb"), { op: "create", urn: `${URN}-2` }];
    const again: PreviewDigest = {
      steps: [other, { op: "same", urn: "urn:pulumi:hermes::hermes::pulumi:pulumi:Stack::hermes" }, one],
      duration: 12345,
      diagnostics: [{ message: "at 12:34", severity: "info" }],
    };
    expect(planDigest(again).digest).toBe(digestOf(one, other));
  });

  it.each<[string, Step]>([
    ["a value", resize("s-4vcpu-8gb")],
    ["what it was before", resize("s-2vcpu-4gb", { oldState: state({ size: "s-8vcpu-16gb" }) })],
    ["the operation", resize("s-2vcpu-4gb", { op: "replace" })],
    ["whether a property replaces", resize("s-2vcpu-4gb", { detailedDiff: { size: { kind: "update-replace" } } })],
    ["the resource", resize("s-2vcpu-4gb", { urn: `${URN}-2` })],
    ["a secret that changes", resize("s-2vcpu-4gb", { diffReasons: ["size", "stdin"] })],
  ])("is another one with another of %s", (_, step) => {
    expect(digestOf(step)).not.toBe(digestOf(resize("s-2vcpu-4gb")));
  });

  it("is the same on another machine: ids, outputs and where files lie are no part of it", () => {
    const file = (path: string) => ({
      "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17",
      hash: "abc",
      path,
    });
    const on = (folder: string, id: string) =>
      digestOf(
        resize("x", { newState: { ...state({ script: file(`${folder}/apply.sh`) }), id, outputs: { at: folder } } }),
      );
    expect(on("/home/ada", "1")).toBe(on("/builds/7", "2"));
  });

  it("does not depend on the order of names in any value", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (inputs) => {
        const turned = Object.fromEntries(Object.entries(inputs).reverse());
        expect(digestOf(resize("x", { newState: state(inputs) }))).toBe(
          digestOf(resize("x", { newState: state(turned) })),
        );
      }),
    );
  });

  it("says that nothing would be done when everything stays", () => {
    expect(
      isIdle(
        planDigest({
          steps: [
            { op: "same", urn: URN },
            { op: "refresh", urn: URN },
          ],
        }),
      ),
    ).toBe(true);
    expect(isIdle(planDigest({ steps: [resize("x")] }))).toBe(false);
  });
});

describe("what differs", () => {
  const steps = (...all: Step[]) => planDigest({ steps: all }).steps;
  const name = "digitalocean:index/droplet:Droplet::hermes";

  it("is nothing between a plan and itself", () => {
    expect(differences(steps(resize("x")), steps(resize("x")))).toEqual([]);
  });

  it("is named by resource, operation and property, never by a value", () => {
    const was = steps(resize("s-2vcpu-4gb"));
    expect(differences(was, steps(resize("s-4vcpu-8gb")))).toEqual([
      `${name}: update (size) as reviewed, but with other values`,
    ]);
    expect(differences(was, steps(resize("s-2vcpu-4gb", { op: "replace", replaceReasons: ["image"] })))).toEqual([
      `${name}: replace (image, size), and update (size) was reviewed`,
    ]);
    expect(differences(was, {})).toEqual([`${name}: update (size) was reviewed, and nothing of it would be done`]);
    expect(differences({}, was)).toEqual([`${name}: update (size), and nothing of it was reviewed`]);
  });
});
