import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { secrets } from "./config-fixture";

type Answer = { code: number; stdout: string; stderr: string };
type Init = typeof import("../../operations/init/init").init;

const KEY = "sk-or-v1-0123456789abcdef";
const done = (stdout: unknown): Answer => ({ code: 0, stderr: "", stdout: JSON.stringify(stdout) });
const failed = (stderr: string): Answer => ({ code: 255, stdout: "", stderr });

/** A backend: stacks with their plain values and secrets, and what was written to them. */
const world = {
  stacks: {} as Record<string, { config: Record<string, unknown>; secrets: Record<string, unknown> }>,
  written: [] as string[],
  unreadable: false,
  /** The call that fails. */
  broken: "",
  selected: undefined as string | undefined,
};

/** @param cwd folder that it runs in; absent: the project's, in which a stack is selected */
function pulumi(args: string[], cwd?: string): Answer {
  if (args[0] === "whoami") return done({ url: "file:///state" });
  const [what, how, name = ""] = args;
  const stack = world.stacks[args[args.indexOf("--stack") + 1] ?? ""];
  if (world.broken !== "" && args.join(" ").includes(world.broken)) return failed("error: broken");
  if (how === "select") {
    if (!(name in world.stacks)) return failed(`error: no stack named '${name}' found`);
    world.selected = name;
    return done("");
  }
  if (what === "stack" && how === "init") {
    if (name in world.stacks) return failed(`error: stack '${name}' already exists`);
    world.stacks[name] = { config: {}, secrets: {} };
    if (!args.includes("--no-select")) world.selected = name;
    writeFileSync(`Pulumi.${name}.yaml`, "encryptionsalt: v1:x\n");
    return done("");
  }
  if (what === "stack" && how === "--show-name")
    return world.selected === undefined ? failed("error: no stack selected") : { ...done(""), stdout: world.selected };
  if (what === "stack" && how === "rm") {
    if (cwd === undefined) world.selected = undefined;
    delete world.stacks[args[args.indexOf("--stack") + 1] ?? ""];
    return done("");
  }
  if (what === "stack") return failed("error: no output");
  if (stack === undefined) return failed("error: no stack named 'x' found");
  if (how === "--json")
    return done(Object.fromEntries(Object.entries(stack.config).map(([key, value]) => [key, { objectValue: value }])));
  if (how === "get") {
    if (world.unreadable) return failed("error: incorrect passphrase");
    return Object.keys(stack.secrets).length === 0
      ? failed("error: configuration key 'secrets' not found for stack 'hermes'")
      : done(stack.secrets);
  }
  world.written.push(name);
  return done("");
}

let init: Init;
let folder: string;
const cwd = process.cwd();
const env = { ...process.env };

beforeAll(() => {
  jest.resetModules();
  const actual = jest.requireActual<typeof import("../../lib/pulumi")>("../../lib/pulumi");
  const runPulumi = (args: string[], { cwd }: { cwd?: string } = {}) => Promise.resolve(pulumi(args, cwd));
  const pulumiOutput = async (...args: Parameters<typeof runPulumi>) => {
    const { code, stdout, stderr } = await runPulumi(...args);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  };
  jest.doMock("../../lib/pulumi", () => ({ ...actual, runPulumi, pulumiOutput }));
  const pair = { identity: "AGE-SECRET-KEY-1X", recipient: "age1x" };
  const ageKey = jest.requireActual<object>("../../config/age-key");
  jest.doMock("../../config/age-key", () => ({ ...ageKey, newAgeKeyPair: () => pair }));
  init = jest.requireActual<typeof import("../../operations/init/init")>("../../operations/init/init").init;
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hermes-init-"));
  writeFileSync(join(folder, "Pulumi.yaml"), "name: hermes\n");
  process.chdir(folder);
  process.env["OPENROUTER_API_KEY"] = KEY;
  Object.assign(world, { stacks: {}, written: [], unreadable: false, broken: "", selected: undefined });
});
afterEach(() => {
  process.chdir(cwd);
  process.env = { ...env };
  rmSync(folder, { recursive: true });
});

const complete = { config: {}, secrets: { ...secrets, backupKey: "AGE-SECRET-KEY-1X" } };
const without = (values: object, name: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([key]) => key !== name));
const fails = (options: Parameters<Init>[0]) =>
  init(options).then(
    () => ({ code: 0, message: "" }),
    (error: Error & { code?: number }) => ({ code: error.code, message: error.message }),
  );

describe("hermes init", () => {
  it("makes a stack with all its secrets", async () => {
    const { set } = await init({ stack: "hermes" });
    expect(set).toEqual(["openrouterApiKey", "gatewayToken", "deployKey", "hostKey", "backupKey"]);
    expect(world.written).toEqual([...set.map((name) => `hermes:secrets.${name}`), "hermes:backup.recipient"]);
  });

  it.each(["hermes", "acme/hermes", "acme/hermes/hermes"])("overwrites no secret of stack %s", async (stack) => {
    world.stacks[stack] = complete;
    const kept = ["openrouterApiKey", "gatewayToken", "deployKey", "hostKey"];
    expect(await init({ stack })).toMatchObject({ set: [], kept });
    expect(world.written).toEqual([]);
  });

  it("replaces a secret that is there only when it is told to", async () => {
    world.stacks["hermes"] = complete;
    expect(await init({ stack: "hermes", rotate: ["gatewayToken"] })).toMatchObject({ set: ["gatewayToken"] });
  });

  it("takes the defaults that the engine fills in for what they are", async () => {
    const older = without(complete.secrets, "hostKey");
    world.stacks["hermes"] = { config: { "hermes:telegram": {}, "hermes:backup": {} }, secrets: older };
    expect((await init({ stack: "hermes" })).set).toEqual(["hostKey"]);
  });

  it("makes no backup key beside a recipient whose secret half is elsewhere", async () => {
    const others = without(complete.secrets, "backupKey");
    world.stacks["hermes"] = { config: { "hermes:backup": { recipient: "age1other" } }, secrets: others };
    expect((await init({ stack: "hermes" })).set).toEqual([]);
    expect(world.written).toEqual([]);
  });

  it("removes no stack that exists after all, though it could not be selected", async () => {
    world.stacks["hermes"] = complete;
    world.broken = "stack select";
    expect(await fails({ stack: "hermes" })).toMatchObject({
      message: expect.stringContaining("already exists") as string,
    });
    expect(world.stacks["hermes"]).toBe(complete);
    expect(world.written).toEqual([]);
  });

  it("writes nothing where it cannot tell whether a secret is there", async () => {
    world.stacks["hermes"] = complete;
    world.unreadable = true;
    expect(await fails({ stack: "hermes" })).toMatchObject({
      code: 1,
      message: expect.stringContaining("cannot be read"),
    });
    expect(world.written).toEqual([]);
  });

  it("leaves the secrets of a file that another backend's stack has", async () => {
    writeFileSync("Pulumi.hermes.yaml", "config:\n  hermes:secrets:\n    deployKey: {secure: v1:x}\n");
    expect((await init({ stack: "hermes" })).kept).toEqual(["deployKey"]);
  });

  it.each<[string, Partial<Parameters<Init>[0]>, RegExp]>([
    ["an access", { access: "foo" }, /--access is "foo": it does not have the right form/],
    [
      "an open range",
      { access: "ssh", adminCidr: ["0.0.0.0/0"] },
      /--admin-cidr\[0\] is "0\.0\.0\.0\/0": it covers the whole IPv4 internet/,
    ],
    ["a range without ssh", { adminCidr: ["198.51.100.7/32"] }, /--admin-cidr is .*access is "tailnet"/],
    ["ssh from nowhere", { access: "ssh" }, /--admin-cidr is missing/],
    ["an owner by name", { telegramOwner: "@me" }, /--telegram-owner is "@me"/],
    ["a name", { stack: "Bad_Name" }, /--stack is "Bad_Name": it has characters/],
    ["a secret", { rotate: ["foo"] }, /--rotate is "foo": the stack has no such secret/],
    ["a misspelt secret", { rotate: ["gatewayTokn"] }, /Write --rotate gatewayToken\./],
    ["a bot token without Telegram", { rotate: ["telegramBotToken"] }, /--rotate is "telegramBotToken"/],
  ])("refuses %s, on a new stack and on an old one, before anything is written", async (_, options, words) => {
    for (const stacks of [{}, { hermes: complete, Bad_Name: complete }]) {
      world.stacks = stacks;
      expect(await fails({ stack: "hermes", ...options })).toEqual({
        code: 1,
        message: expect.stringMatching(words) as string,
      });
      expect([world.written, Object.keys(world.stacks), existsSync("Pulumi.hermes.yaml")]).toEqual([
        [],
        Object.keys(stacks),
        false,
      ]);
    }
  });

  it("takes addresses for a stack that is reached by ssh", async () => {
    world.stacks["hermes"] = { config: { "hermes:access": "ssh" }, secrets: { ...complete.secrets, hostKey: "k" } };
    await init({ stack: "hermes", adminCidr: ["198.51.100.7/32"] });
    expect(world.written).toEqual(["hermes:adminCidrs[0]"]);
  });

  it.each([["changeme"], ["<your-key-here>"], ["sk-ant-api03-0123456789abcdef"], [`"${KEY}"`]])(
    "refuses %s as OpenRouter's key, and leaves no stack behind",
    async (key) => {
      process.env["OPENROUTER_API_KEY"] = key;
      const { code, message } = await fails({ stack: "t1" });
      expect([code, message]).toEqual([1, expect.stringMatching(/OPENROUTER_API_KEY/)]);
      expect(message).not.toContain("0123456789abcdef");
      expect([world.stacks, existsSync("Pulumi.t1.yaml")]).toEqual([{}, false]);
    },
  );

  it("leaves neither stack nor file behind without a key or a terminal", async () => {
    delete process.env["OPENROUTER_API_KEY"];
    expect(await fails({ stack: "t1" })).toMatchObject({
      code: 1,
      message: expect.stringContaining("OPENROUTER_API_KEY"),
    });
    expect([world.stacks, existsSync("Pulumi.t1.yaml")]).toEqual([{}, false]);
  });

  it("takes a new stack back when one of its values could not be written", async () => {
    writeFileSync("Pulumi.t1.yaml", "config: {}\n");
    world.broken = "hermes:secrets.deployKey";
    expect((await fails({ stack: "t1" })).message).toContain("broken");
    expect([world.stacks, readFileSync("Pulumi.t1.yaml", "utf8")]).toEqual([{}, "config: {}\n"]);
  });

  it("leaves the stack selected that was, where a new one did not come to be", async () => {
    world.stacks["other"] = { config: {}, secrets: {} };
    [world.selected, world.broken] = ["other", "hermes:secrets.deployKey"];
    expect((await fails({ stack: "t1" })).message).toContain("broken");
    expect(world.selected).toBe("other");
  });

  it("says what is wrong with a stack's file, and quotes none of it", async () => {
    writeFileSync("Pulumi.t1.yaml", "config:\n  hermes:secrets:\n    gatewayToken: *hunter2hunter2\n");
    const { message } = await fails({ stack: "t1" });
    expect(message).toMatch(
      /^Pulumi\.t1\.yaml is not a YAML file that hermes can read: line 3: unidentified alias; nothing was changed/,
    );
    expect(message).not.toContain("hunter2");
  });
});
