import fc from "fast-check";
import { checkConfig } from "../../config";
import {
  botTag,
  isSandboxName,
  leaseOf,
  leaseTag,
  minutesOf,
  SANDBOX_NAME_MAX,
  sandboxName,
} from "../../config/sandbox";
import { baseName, HOSTNAME_MAX } from "../../lib/names";
import { freeNames, nameAfter, saidName, slugOf, stackOf } from "../../operations/sandboxes/names";
import { sandboxOf, sandboxOfTags } from "../../operations/sweep/sandboxes";
import { context, hermesStack } from "./config-fixture";

/** DigitalOcean's rule for the name of a tag. */
const TAG = /^[a-zA-Z0-9:\-_]{1,255}$/;
const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

const anyName = fc.string({ maxLength: 80, unit: "grapheme" }).map(slugOf);
const anyTime = fc.date({ min: new Date("2020-01-01"), max: new Date("2099-01-01"), noInvalidDate: true });
const anyOrigin = fc.stringMatching(/^[0-9a-f]{8}$/);

describe("a sandbox's name", () => {
  it("fits stack, host name and tag, whatever the branch is called", () => {
    fc.assert(
      fc.property(anyName, (name) => {
        expect(isSandboxName(name)).toBe(true);
        const hostname = baseName(stackOf(name));
        expect(hostname).toMatch(LABEL);
        expect(hostname.length).toBeLessThanOrEqual(HOSTNAME_MAX);
        expect(hostname).toMatch(TAG);
        // The description of a tailnet key, by which it is found, is cut off at 50 characters.
        expect(`hermes ${hostname}`.length).toBeLessThanOrEqual(50);
        expect([sandboxName(stackOf(name)), sandboxOf(hostname)]).toEqual([name, name]);
      }),
    );
  });

  it("is another one for another branch", () => {
    const branches = fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9/_.-]{1,60}$/), { minLength: 2, maxLength: 20 });
    fc.assert(fc.property(branches, (all) => void expect(new Set(all.map(slugOf)).size).toBe(all.length)));
    expect(slugOf("feature/a")).not.toBe(slugOf("feature-a"));
  });

  it("is the wish itself where that fits, and readable where it does not", () => {
    expect(slugOf("pr-7")).toBe("pr-7");
    expect(slugOf("Feature/Login_Page")).toMatch(/^feature-login-page-[0-9a-z]{5}$/);
    expect(slugOf("ünïcode")).toMatch(/^n-code-[0-9a-z]{5}$/);
    expect(slugOf("###")).toMatch(/^[0-9a-z]{5}$/);
  });

  it("is the pull request's where there is one, else that of what was asked for, else the branch's", () => {
    expect(nameAfter({ forgeRef: "refs/pull/7/merge", ref: "x", branch: "y" })).toBe("pr-7");
    expect(nameAfter({ forgeRef: "refs/heads/main", ref: "x", branch: "y" })).toBe("x");
    expect(nameAfter({ branch: "y" })).toBe("y");
    expect(nameAfter({ branch: "HEAD" })).toBeUndefined();
  });

  it("is one that is free, and several are numbered", () => {
    expect(freeNames("a", 1, new Set())).toEqual(["a"]);
    expect(freeNames("a", 1, new Set(["a"]))).toEqual(["a-2"]);
    expect(freeNames("a", 3, new Set(["a", "a-2"]))).toEqual(["a-1", "a-3", "a-4"]);
    const long = "a".repeat(SANDBOX_NAME_MAX);
    const names = freeNames(long, 12, new Set());
    expect(new Set(names).size).toBe(12);
    expect(names.every(isSandboxName)).toBe(true);
  });

  it("may be said with the prefix of its stack, and is refused with what could be meant", () => {
    expect([saidName("pr-7"), saidName("sandbox-pr-7")]).toEqual(["pr-7", "pr-7"]);
    expect(() => saidName("Feature/A")).toThrow(/<name> is "Feature\/A": it cannot be .*Write feature-a-/s);
    for (const wrong of ["", "a--b", "-a", "a".repeat(SANDBOX_NAME_MAX + 1)]) expect(() => saidName(wrong)).toThrow();
  });
});

describe("a lease", () => {
  it("is a tag that DigitalOcean takes, and says name, time and engine", () => {
    fc.assert(
      fc.property(anyName, anyTime, anyOrigin, (name, time, origin) => {
        const expires = new Date(Math.floor(time.getTime() / 1000) * 1000);
        const tag = leaseTag({ name, expires, origin });
        expect(tag).toMatch(TAG);
        expect(tag).toBe(tag.toLowerCase());
        expect(leaseOf(tag)).toEqual({ name, expires, origin });
      }),
    );
  });

  it("is read of no other tag", () => {
    fc.assert(fc.property(fc.string(), (text) => void expect(leaseOf(text)).toBeUndefined()));
    expect(leaseOf("hermes-expires:2026-13-45t99:00:00z:0a1b2c3d:pr-7")).toBeUndefined();
    expect(leaseOf("hermes-expires:2026-11-26t17:45:00z:0a1b2c3d:a--b")).toBeUndefined();
  });
});

describe("what belongs to a sandbox", () => {
  it("is told by the scheme only: the hermes stack, and what others call so, is none", () => {
    for (const other of [
      "hermes",
      "hermes-prod",
      "hermes-sandbox",
      "sandbox-a",
      "hermes-sandbox-",
      "hermes-sandbox-a_b",
    ])
      expect([other, sandboxOf(other), sandboxOfTags([other])]).toEqual([other, undefined, undefined]);
    expect(sandboxOfTags(["web", "Hermes-Sandbox-pr-7"])).toBe("pr-7");
  });

  it.each([
    ["123456789:AAE-x", "hermes-telegram-bot:123456789"],
    ["no token", undefined],
  ])("the bot of %s is %s", (token, tag) => expect(botTag(token)).toBe(tag));

  it.each([
    ["90m", 90],
    ["4h", 240],
    ["2d", 2880],
    ["0h", undefined],
    ["4 h", undefined],
    ["h", undefined],
  ])("%s has %s minutes", (text, minutes) => expect(minutesOf(text)).toBe(minutes));
});

describe("hermes:sandbox", () => {
  const own = {
    tailnet: { tag: "tag:hermes", hostname: "hermes-sandbox-pr-7", ephemeral: true },
    volumeGiB: "0",
    sandbox: { expires: "2026-11-26T17:45:00Z", origin: "0a1b2c3d", idle: "1h" },
  };
  const check = (changes: Record<string, unknown>, stack = "sandbox-pr-7") =>
    checkConfig({ ...hermesStack(), ...own, ...changes }, context({ stack }));
  const wrong = (changes: Record<string, unknown>, stack?: string): string[] =>
    check(changes, stack).problems.map((problem) => `${problem.key}: ${problem.wrong}`);

  it("is taken as hermes sandbox writes it", () => {
    expect(check({}).problems).toEqual([]);
    expect(check({}).config.sandbox).toEqual({ expires: "2026-11-26T17:45:00Z", origin: "0a1b2c3d", idleMinutes: 60 });
  });

  it("goes with the stack's name, so that the name alone tells what may be removed", () => {
    expect(wrong({ sandbox: undefined })).toEqual([
      "hermes:sandbox: is missing, and the stack is called as a sandbox is",
    ]);
    expect(wrong({}, "prod").join()).toContain("is set, and the stack is not called as a sandbox is");
    expect(wrong({ sandbox: undefined }, "sandbox").join()).toContain("Pulumi.sandbox.yaml is the template");
  });

  it("suffers nothing that would stay, and no other name on the tailnet", () => {
    expect(wrong({ volumeGiB: "10", tailnet: { ...own.tailnet, ephemeral: false } }).join()).toMatch(
      /ephemeral: is not true.*a sandbox keeps nothing/,
    );
    expect(wrong({ tailnet: { ...own.tailnet, hostname: "hermes" } }).join()).toContain("found by its name");
  });

  it.each([
    [{ expires: "tomorrow" }, "expires"],
    [{ origin: "mine" }, "origin"],
    [{ idle: "1 hour" }, "idle"],
    [{ idle: "1m" }, "idle"],
  ])("refuses %j", (change, key) => {
    expect(wrong({ sandbox: { ...own.sandbox, ...change } }).join()).toContain(`hermes:sandbox.${key}`);
  });
});
