import {
  ALWAYS,
  callName,
  CONNECTION,
  CONNECTION_KINDS,
  enumerate,
  KINDS,
  REMOTE_KINDS,
  select,
  shuffled,
  type Case,
} from "../torture/cases";
import { differences, endState, leftKeys, type Raw } from "../torture/end-state";
import { Ledger } from "../torture/ledger";
import { summary, withSummary, type Finished } from "../torture/summary";
import { afterSweep, nextMove } from "../torture/user";

const CALLS = [
  { name: "digitalocean POST /v2/tags", nth: 1 },
  { name: "digitalocean GET /v2/tags/hermes", nth: 1 },
];

describe("the cases", () => {
  it("name a call the same in every run", () => {
    expect(callName("digitalocean", "GET", "/v2/droplets/100007/actions?page=1")).toBe(
      "digitalocean GET /v2/droplets/ID/actions",
    );
    expect(callName("digitalocean", "GET", "/v2/volumes/760e09ef-dc84-11e8-981e-3cfdfeaae000")).toBe(
      "digitalocean GET /v2/volumes/ID",
    );
    expect(callName("tailscale", "DELETE", "/api/v2/tailnet/-/keys/kFAKE1CNTRL")).toBe(
      "tailscale DELETE /api/v2/tailnet/-/keys/ID",
    );
    expect(callName("tailscale", "DELETE", "/api/v2/device/n100005")).toBe("tailscale DELETE /api/v2/device/ID");
  });

  it("are every kind that fits for every call and remote step, each with a name of its own", () => {
    const remote = [CONNECTION, "ssh hermes-apply activate"].map((name) => ({ name, nth: 1 }));
    const all = enumerate("up", "volume", [...CALLS, ...remote]);
    const remotely = CONNECTION_KINDS.length + REMOTE_KINDS.length;
    expect(all).toHaveLength(CALLS.length * KINDS.length + remotely);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  });

  it("have the commands on this machine killed alone, by the calls that only they make", () => {
    const kinds = enumerate("destroy", "volume", [{ name: "tailscale DELETE /api/v2/device/ID", nth: 1 }]).map(
      ({ kind }) => kind,
    );
    expect(kinds).toContain("command killed");
  });

  it("are chosen by the seed alone, and never without the kinds that every call gets", () => {
    const all = enumerate("up", "volume", CALLS);
    const some = select(all, 3, 7);
    expect(some).toEqual(select(all, 3, 7));
    expect(some).not.toEqual(select(all, 3, 8));
    expect(some).toHaveLength(all.filter(({ kind }) => ALWAYS.includes(kind)).length + 3);
    expect(select(all, Infinity, 7)).toHaveLength(all.length);
    expect([...shuffled([1, 2, 3, 4, 5], 1)].sort()).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("the ledger", () => {
  const strike = (kind: Case["kind"]) => ({ kind, call: { name: "ssh connection", nth: 2 } });
  const struck = (kind: Case["kind"]) => {
    const ledger = new Ledger(() => Promise.resolve());
    ledger.arm(strike(kind));
    return ["ssh connection", "other", "ssh connection", "ssh connection"].map((name) => ledger.enter(name).kind);
  };

  it("strikes the one that is wanted, or that and all after it", () => {
    expect(struck("refused for a while")).toEqual([undefined, undefined, "refused for a while", undefined]);
    expect(struck("refused until the end").slice(2)).toEqual(["refused until the end", "refused until the end"]);
  });

  it("counts anew for the next run, and strikes nothing there", () => {
    const ledger = new Ledger(() => Promise.resolve());
    ledger.arm(strike("slow"));
    ledger.enter("ssh connection");
    ledger.arm();
    expect(["a", "ssh connection", "ssh connection"].map((name) => ledger.enter(name).kind)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(ledger.calls.map(({ nth }) => nth)).toEqual([1, 1, 2]);
  });
});

/** One droplet, its resource, and an auth key, with ids that begin at a number. */
function raw(from: number): Raw {
  const droplet = { id: from, name: "hermes", region: "nyc3", host: from, createdAt: String(from) };
  const urn = "urn:pulumi:hermes::hermes::digitalocean:index/droplet:Droplet::hermes";
  const secret = { "4dabf18193072939515e22adb298388d": "1b47", ciphertext: String(from) };
  return {
    deployment: {
      resources: [
        {
          urn,
          type: "digitalocean:index/droplet:Droplet",
          id: String(from),
          inputs: { userData: secret, name: "hermes" },
        },
        { urn: "urn:x::key", type: "tailscale:index/tailnetKey:TailnetKey", id: `k${from}` },
        { urn: "urn:x::c", type: "command:remote:Command", inputs: { connection: { host: `127.77.3.${from % 250}` } } },
      ],
    },
    digitalocean: { tags: [], keys: {}, firewalls: {}, volumes: {}, droplets: { [from]: droplet }, problems: [] },
    tailnet: {
      devices: [{ id: `n${from}`, name: "hermes.x.ts.net", hostname: "hermes", tags: ["tag:hermes"] }],
      keys: [{ id: `k${from}`, description: "hermes", invalid: true }],
    },
    applied: { [from]: { staged: { config: "a" } } },
  };
}

describe("the end state", () => {
  const clean = endState(raw(100));

  it("is the same whatever ids, addresses and ciphertexts were given", () => {
    expect(differences(clean, endState(raw(2345)))).toEqual([]);
  });

  it("tells a second droplet, a missing resource, another input and a pending operation", () => {
    const doubled = raw(5);
    doubled.digitalocean.droplets["6"] = { ...(doubled.digitalocean.droplets["5"] as never as object), id: 6 } as never;
    expect(differences(clean, endState(doubled))).toEqual([expect.stringMatching(/^droplets too many/)]);
    const missing = raw(5);
    missing.deployment?.resources?.pop();
    expect(differences(clean, endState(missing))).toEqual([expect.stringMatching(/^resource missing.*command/)]);
    const other = raw(5);
    (other.deployment?.resources?.[0] as { inputs: { name: string } }).inputs.name = "else";
    expect(differences(clean, endState(other))).toHaveLength(2);
    const pending = raw(5);
    (pending.deployment as { pending_operations: unknown }).pending_operations = [
      { type: "creating", resource: { urn: "u" } },
    ];
    expect(differences(clean, endState(pending))).toEqual(['pending operation too many: "creating u"']);
  });

  it("counts auth keys that nobody holds or has spent", () => {
    const left = raw(5);
    left.tailnet.keys.push({ id: "kOther", description: "hermes", invalid: false });
    left.tailnet.keys.push({ id: "kSpent", description: "hermes", invalid: true });
    expect(leftKeys(left)).toBe(1);
  });
});

describe("the person who reads the messages", () => {
  const seen = (code: number | null, output: string, runs: number) => nextMove({ act: "up", code, output, runs });

  it("does what the last run said, and else the same again", () => {
    expect(seen(255, "error: the stack is currently locked by 1 lock(s).", 1)).toBe("cancel");
    expect(seen(1, "  Look at it, and remove it: hermes sweep --stack hermes", 1)).toBe("sweep");
    expect(seen(1, "error: 500", 1)).toBe("again");
    expect(seen(1, "Tag hermes **updating failed** error: doesn't support update", 1)).toBe("look");
    expect(seen(null, "", 0)).toBe("again");
    expect(seen(0, "", 0)).toBe("again");
    expect(seen(0, "with 1 pending operations from previous deployment.", 1)).toBe("refresh");
    expect(seen(0, "", 1)).toBe("done");
  });

  it("types the command that a sweep ends with", () => {
    expect(afterSweep("x\nthen: pulumi up --stack hermes --replace 'urn:a b' --replace 'urn:c'\n")).toEqual([
      "up",
      "--replace",
      "urn:a b",
      "--replace",
      "urn:c",
    ]);
    expect(() => afterSweep("nothing")).toThrow("no next step");
  });
});

describe("the summary", () => {
  const finished = (kind: Case["kind"], ok: boolean, moves: string[]): Finished => ({
    id: `volume up: x #1: ${kind}`,
    case: { act: "up", stack: "volume", kind, call: { name: "x", nth: 1 } },
    result: {
      ok,
      green: false,
      struck: true,
      moves,
      leftKeys: 0,
      differences: ok ? [] : ["a difference"],
      words: [],
      seconds: 1,
    },
  });

  it("counts by kind and by what it asked of a person, and names what did not converge", () => {
    const text = summary(
      [
        finished("kill", true, ["up", "cancel", "up"]),
        finished("kill", true, ["cancel", "up", "sweep", "up"]),
        finished("401", false, []),
      ],
      { date: "2026-11-22", seed: 3, enumerated: 9 },
    );
    expect(text).toContain("3 of 9 cases run, seed 3; 2 converged, 1 did not");
    expect(text).toContain("| up | kill | 2 | 0 | 1 | 1 | 0 |");
    expect(text).toContain("- volume up: x #1: 401: a difference");
  });

  it("takes the place between the document's marks, and nothing else", () => {
    const document = "# Torture\n<!-- torture:begin -->\nold\n<!-- torture:end -->\nafter\n";
    expect(withSummary(document, "new")).toBe(
      "# Torture\n<!-- torture:begin -->\n\nnew\n\n<!-- torture:end -->\nafter\n",
    );
    expect(() => withSummary("# none", "new")).toThrow("no <!-- torture:begin -->");
  });
});
