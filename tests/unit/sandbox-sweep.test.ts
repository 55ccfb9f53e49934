import { leaseOf } from "../../config/sandbox";
import { listed, listText } from "../../operations/sandboxes/list";
import { sweptText } from "../../operations/sandboxes/sweep";
import { verdicts, type Inventory, type SandboxStack, type SandboxThing } from "../../operations/sweep/sandboxes";

const NOW = new Date("2026-11-26T12:00:00Z");
const HERE = "0a1b2c3d";
const ELSEWHERE = "ffffffff";

const thing = (sandbox: string, changes: Partial<SandboxThing> = {}): SandboxThing => ({
  kind: "firewall",
  id: "1",
  name: `hermes-sandbox-${sandbox}`,
  detail: "",
  sandbox,
  ...changes,
});
const lease = (name: string, hours: number, origin = HERE) => ({
  name,
  origin,
  expires: new Date(NOW.getTime() + hours * 3_600_000),
});
const stack = (name: string, changes: Partial<SandboxStack> = {}): SandboxStack => ({
  name,
  unfinished: false,
  isProtected: false,
  ...changes,
});

const judge = (seen: Partial<Inventory>, stacks: SandboxStack[] = []): string[] =>
  verdicts({ things: [], leases: [], notLookedAt: [], ...seen }, { now: NOW, origin: HERE, stacks }).map(
    ({ name, act, why }) => `${act} ${name}: ${why}`,
  );

describe("what is to become of a sandbox", () => {
  it("goes when its time is over, whoever made it", () => {
    expect(judge({ leases: [lease("a", -1), lease("b", -1, ELSEWHERE)] }, [stack("a")])).toEqual([
      "remove a: expired at 2026-11-26 11:00 UTC",
      "remove b: expired at 2026-11-26 11:00 UTC",
    ]);
  });

  it("stays until then, and while it is being extended the later time counts", () => {
    expect(judge({ leases: [lease("a", 1)] }, [stack("a")])).toEqual(["keep a: until 2026-11-26 13:00 UTC"]);
    expect(judge({ leases: [lease("a", -1), lease("a", 2)] }, [stack("a")])).toEqual([
      "keep a: until 2026-11-26 14:00 UTC",
    ]);
  });

  it("goes when its stack is lost, and stays when that may be in another backend", () => {
    expect(judge({ leases: [lease("a", 1)], things: [thing("a")] })).toEqual(["remove a: has lost its stack"]);
    expect(judge({ leases: [lease("a", 1, ELSEWHERE)], things: [thing("a")] })).toEqual([
      "keep a: until 2026-11-26 13:00 UTC",
    ]);
  });

  it("goes when nothing says whose it is: a lease is there before anything, and after everything", () => {
    expect(judge({ things: [thing("a")] })).toEqual(["remove a: is nobody's"]);
  });

  it("goes when whoever made or removed it was killed", () => {
    const cut = stack("a", { unfinished: true, expires: new Date("2026-11-26T13:00:00Z") });
    expect(judge({ leases: [lease("a", 1)] }, [cut])).toEqual(["remove a: its making or its removal was cut off"]);
    expect(judge({}, [cut])).toEqual(["remove a: its making or its removal was cut off"]);
  });

  it("goes when it has switched itself off, and not when somebody else did it", () => {
    const droplet = { kind: "droplet" as const, switchedOff: true };
    expect(judge({ leases: [lease("a", 1)], things: [thing("a", droplet)] }, [stack("a")])).toEqual([
      "remove a: idle: it has switched itself off",
    ]);
    const off = { ...droplet, switchedOff: false };
    expect(judge({ leases: [lease("a", 1)], things: [thing("a", off)] }, [stack("a")])[0]).toMatch(/^keep/);
  });

  it("stays when anything in its stack is protected, whatever the time", () => {
    const kept = stack("a", { isProtected: true, unfinished: true });
    expect(judge({ leases: [lease("a", -1)] }, [kept])).toEqual(["keep a: something in its stack is protected"]);
  });

  it("has its time from its file where the lease is gone", () => {
    expect(judge({}, [stack("a", { expires: new Date("2026-11-26T11:00:00Z") })])[0]).toMatch(/^remove a: expired/);
    expect(judge({}, [stack("a")])).toEqual(["keep a: its stack says no time"]);
  });
});

it("is listed with its droplet, time and price", () => {
  const entry = { status: "active", size_slug: "s-1vcpu-2gb", size: { price_monthly: 12 } };
  const seen: Inventory = {
    things: [thing("a", { kind: "droplet", entry })],
    leases: [lease("a", 1, ELSEWHERE)],
    notLookedAt: [],
  };
  const all = listed({ seen, stacks: [], verdicts: verdicts(seen, { now: NOW, origin: HERE, stacks: [] }) });
  expect(all).toEqual([
    {
      ...{ name: "a", stack: "sandbox-a", droplet: "active", state: "of another engine", here: false },
      ...{ expires: "2026-11-26T13:00:00.000Z", size: "s-1vcpu-2gb", monthlyUsd: 12 },
    },
  ]);
  expect(listText(all)).toMatch(
    /^name +state +droplet.*\na +of another engine +active +s-1vcpu-2gb +2026-11-26 13:00 UTC +\$12\n$/,
  );
});

it("says what would be removed, and how", () => {
  const one = {
    name: "a",
    why: "is nobody's",
    act: "remove" as const,
    things: [{ kind: "firewall" as const, id: "7", name: "x" }],
  };
  const dry = sweptText({ swept: [{ ...one, removed: false }], notLookedAt: [] });
  expect(dry).toContain("a: is nobody's: to be removed\n  firewall      x (7)");
  expect(dry).toContain("hermes sandbox sweep --yes");
  expect(sweptText({ swept: [{ ...one, removed: true }], notLookedAt: [] })).toBe("a: is nobody's: removed\n");
  expect(sweptText({ swept: [{ ...one, removed: false, error: "500" }], notLookedAt: [] })).toContain(
    "NOT removed: 500",
  );
});

it("reads leases as it wrote them", () => {
  expect(leaseOf("hermes-expires:2026-11-26t13:00:00z:0a1b2c3d:a")).toEqual(lease("a", 1));
});
