import type { Stray } from "../../operations/sweep";
import { sweepText } from "../../operations/sweep/sweep";

const droplet: Stray = { kind: "droplet", id: "7", name: "hermes", detail: "nyc3" };
const volume: Stray = { kind: "volume", id: "v", name: "hermes-state", detail: "10 GiB", kept: "may hold data" };
const report = { stack: "hermes", removed: [], notLookedAt: [], next: "pulumi up --stack hermes" };

describe("what hermes sweep says", () => {
  it("is one line where nothing was found", () => {
    expect(sweepText({ ...report, found: [] })).toBe("nothing of hermes is outside its state\n");
  });

  it("names what it found with its id, why each stays, and how to remove it", () => {
    const text = sweepText({ ...report, found: [droplet, volume], notLookedAt: ["tailnet: no credentials"] });
    expect(text).toContain("droplet       hermes (7, nyc3): not removed");
    expect(text).toContain("volume        hermes-state (v, 10 GiB): may hold data");
    expect(text).toContain("not looked at: tailnet: no credentials");
    expect(text).toContain("hermes sweep --stack hermes --yes");
    expect(text).toContain("then: pulumi up --stack hermes\n");
  });

  it("tells what went from what stayed", () => {
    const text = sweepText({ ...report, found: [droplet, volume], removed: [droplet] });
    expect(text).toContain("(7, nyc3): removed");
    expect(text).toContain("(v, 10 GiB): may hold data");
    expect(text).not.toContain("remove them:");
  });
});
