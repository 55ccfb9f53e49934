import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineEvent } from "@pulumi/pulumi/automation";
import { failureOf } from "../../cli/failure";
import { refuseBeyond } from "../../operations/sandboxes/caps";
import { refuseShared, type Existing } from "../../operations/sandboxes/collisions";
import { deedOf, failureIn } from "../../operations/sandboxes/engine";
import { holdersIn, holdingOf, isDead } from "../../operations/sandboxes/lock";
import { originDigest } from "../../operations/sandboxes/origin";
import { settleAll } from "../../operations/sandboxes/parallel";
import { readSettings, readTemplate, templateOf, ttlMinutes } from "../../operations/sandboxes/template";

const LOCKED =
  "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock " +
  "file with `pulumi cancel`.\n  file:///s/.pulumi/locks/organization/hermes/sandbox-a/1.json: created by root@host-1 " +
  "(pid 4711) at 2026-11-26T12:00:00Z";

describe("a lock", () => {
  it("says who holds it, and other failures are none", () => {
    expect(holdersIn(LOCKED)).toEqual([{ host: "host-1", pid: 4711 }]);
    expect(holdersIn("error: no such stack")).toBeUndefined();
    expect(holdersIn("the stack is currently locked by 2 lock(s)")).toEqual([]);
  });

  it("is a dead engine's only where that is proven: on this machine, and no pulumi of that number", () => {
    const holder = { host: "host-1", pid: 4711 };
    expect(holdingOf(holder, "host-2", () => undefined)).toBe("elsewhere");
    expect(holdingOf(holder, "host-1", () => undefined)).toBe("dead");
    expect(holdingOf(holder, "host-1", () => "node")).toBe("dead");
    expect(holdingOf(holder, "host-1", () => "pulumi")).toBe("at work");
  });

  it("and a maker's death too, of which a later process of the same number is no life", () => {
    expect(isDead("host-1 7 100", "host-1", () => undefined)).toBe(true);
    expect(isDead("host-1 7 100", "host-1", () => "200")).toBe(true);
    expect(isDead("host-1 7 100", "host-1", () => "100")).toBe(false);
    expect(isDead("host-1 7 100", "host-2", () => undefined)).toBe(false);
    expect(isDead("", "host-1", () => undefined)).toBe(false);
  });
});

describe("the caps", () => {
  const caps = { maxCount: 3, maxMonthlyUsd: 40 };
  const priced = (name: string, monthlyUsd = 12) => ({ name, monthlyUsd });

  it("let through what is within them", () => {
    expect(() => refuseBeyond(caps, [priced("a")], [priced("b"), priced("c")])).not.toThrow();
  });

  it("refuse with the sum", () => {
    expect(() => refuseBeyond(caps, [priced("a")], [priced("b", 24), priced("c")])).toThrow(
      "a $12 + b $24 + c $12 = $48 a month; sandbox.maxMonthlyUsd is 40",
    );
    expect(() => refuseBeyond(caps, [priced("a"), priced("b")], [priced("c", 0), priced("d", 0.5)])).toThrow(
      "2 are there, 2 more make 4; sandbox.maxCount is 3",
    );
  });
});

describe("what two would share", () => {
  const standing: Existing = {
    sandboxes: new Set(["old"]),
    hostnames: new Map([["hermes-sandbox-x", "the stack prod"]]),
    bots: new Map([["hermes-telegram-bot:1", "the droplet hermes"]]),
  };

  it("is nothing for a new name and a bot of its own", () => {
    expect(() => refuseShared(["new"], "2:token", standing)).not.toThrow();
    expect(() => refuseShared(["new", "newer"], undefined, standing)).not.toThrow();
  });

  it.each([
    [["old"], undefined, /there is a sandbox old already/],
    [["x"], undefined, /hermes-sandbox-x is the tailnet host name of the stack prod/],
    [["new"], "1:secret", /the Telegram bot 1 is polled by the droplet hermes/],
    [["a", "b"], "2:secret", /2 sandboxes would poll the Telegram bot 2/],
    [["a"], "secret", /is no bot token/],
  ] as const)("refuses %j with %s, all at once and without the token", (names, token, words) => {
    const refuse = (): void => refuseShared(names, token, standing);
    expect(refuse).toThrow(words);
    expect(refuse).not.toThrow(/secret/);
    expect(() => refuseShared(["old", ...names], token, standing)).toThrow(/sandbox old.*/s);
  });
});

describe("Pulumi.sandbox.yaml", () => {
  it("has defaults", () => {
    expect(templateOf({})).toEqual({ config: {}, ttl: "4h", maxCount: 10, maxMonthlyUsd: 150 });
    const own = { config: { "hermes:size": "s" }, sandbox: { ttl: "2d", maxCount: 0 } };
    expect(templateOf(own)).toMatchObject({ config: { "hermes:size": "s" }, ttl: "2d", maxCount: 0 });
  });

  it.each([{ maxcount: 3 }, { maxCount: "3" }, { maxMonthlyUsd: -1 }, { ttl: 4 }, { ttl: "for ever" }])(
    "refuses %j",
    (own) => {
      expect(() => templateOf({ sandbox: own })).toThrow();
    },
  );

  it("with a slip of YAML is the user's mistake, told by its line and without what the file holds", () => {
    const folder = mkdtempSync(join(tmpdir(), "hermes-template-"));
    try {
      writeFileSync(join(folder, "Pulumi.sandbox.yaml"), "sandbox:\n  ttl: 4h\n config: [hush\n");
      const caught = (): unknown => {
        try {
          return readTemplate(folder);
        } catch (error) {
          return error;
        }
      };
      const failure = failureOf(caught());
      expect(failure).toMatchObject({
        code: 1,
        message: expect.stringMatching(/Pulumi\.sandbox\.yaml.*line \d/) as string,
      });
      expect(failure?.message).not.toContain("hush");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("suffers no time to live of more than a month", () => {
    expect(ttlMinutes("31d")).toBe(31 * 1440);
    expect(() => ttlMinutes("32d")).toThrow(/--ttl is "32d": it is out of range.*up to 31d/s);
  });
});

describe("--set", () => {
  it("takes values as YAML reads them, with or without the namespace", () => {
    expect(readSettings(["hermes:swapGiB=2", "models.primary=openrouter/a/b:free", "ipv6=false"])).toEqual({
      ...{ swapGiB: 2, "models.primary": "openrouter/a/b:free", ipv6: false },
    });
  });

  it.each([
    "tailnet.hostname=x",
    "tailnet={}",
    "secrets.deployKey=x",
    "volumeGiB=10",
    "sandbox.expires=x",
    "backup.to={}",
  ])("refuses %s: a sandbox's own", (setting) => void expect(() => readSettings([setting])).toThrow(/its own/));

  it("refuses what is no setting", () => void expect(() => readSettings(["size"])).toThrow(/KEY=VALUE/));
});

describe("many", () => {
  it("are so many at a time, in their order, and none harms another", async () => {
    let running = 0;
    let most = 0;
    const settled = await settleAll([1, 2, 3, 4, 5, 6, 7], 3, async (n) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      if (n === 4) throw new Error("told to");
      return n * 10;
    });
    expect(most).toBe(3);
    expect(settled.map((one) => (one.ok ? one.value : one.error.message))).toEqual([10, 20, 30, "told to", 50, 60, 70]);
  });

  it("may be fewer than so many", async () => {
    expect(await settleAll([], 3, async () => 1)).toEqual([]);
  });
});

describe("what the engine says", () => {
  const event = (more: object): EngineEvent => ({ sequence: 1, timestamp: 1, ...more });
  const outputs = (op: string, type: string, name = "hermes") =>
    event({ resOutputsEvent: { metadata: { op, type, urn: `urn:pulumi:s::hermes::${type}::${name}` } } });

  it("is told of what is made, changed and removed", () => {
    expect(deedOf(outputs("create", "digitalocean:index/droplet:Droplet"))).toBe("made Droplet");
    expect(deedOf(outputs("delete", "command:local:Command", "hermes-slot"))).toBe("removed hermes-slot");
    expect(deedOf(outputs("same", "digitalocean:index/droplet:Droplet"))).toBeUndefined();
    expect(deedOf(outputs("create", "hermes:index:Hermes"))).toBeUndefined();
    expect(deedOf(event({}))).toBeUndefined();
  });

  it("is told of what went wrong, without colours", () => {
    const wrong = { severity: "error", message: "<{%fg 1%}>no room<{%reset%}>\n", prefix: "error: " };
    expect(failureIn(event({ diagnosticEvent: wrong }))).toBe("error: no room");
    expect(failureIn(event({ diagnosticEvent: { ...wrong, severity: "warning" } }))).toBeUndefined();
  });
});

it("says by eight digits whose engine it is; state in a folder is a machine's own", () => {
  expect(originDigest("s3://b", "hermes", "one")).toBe(originDigest("s3://b", "hermes", "two"));
  expect(originDigest("file:///s", "hermes", "one")).not.toBe(originDigest("file:///s", "hermes", "two"));
  expect(originDigest("s3://b", "hermes", "one")).toMatch(/^[0-9a-f]{8}$/);
});
