import { CommandError, EXIT } from "../../lib/output";
import { drill, drillText, type DrillParts } from "../../operations/backups/drill";
import type { Restored } from "../../operations/backups/restore";
import {
  drillFile,
  leftOutServers,
  SANDBOX_OF,
  sandboxFile,
  secureKeys,
  type StackFile,
} from "../../operations/sandboxes/file";
import { faults, secrets } from "./config-fixture";

const PARENT: StackFile = {
  encryptionsalt: "v1:salt-of-the-stack",
  secretsprovider: "awskms://alias/x",
  config: {
    "hermes:region": "nyc3",
    "hermes:size": "s-1vcpu-2gb",
    "hermes:config:swapGiB": 2,
    "hermes:openclaw": { version: "2026.9.6", before: "2026-09-25" },
    "hermes:models": { primary: "openrouter/google/gemma-4-31b-it:free" },
    "hermes:tailnet": { tag: "tag:hermes", hostname: "assistant" },
    "hermes:agents": { main: { workspace: "./workspace/main", bindings: [{ channel: "telegram" }] } },
    "hermes:telegram": { ownerId: "123456789" },
    "hermes:mcpServers": { notes: { command: "/usr/bin/notes", args: [], env: {} } },
    "hermes:backup": { recipient: "age1x", to: { bucket: "b" } },
    "hermes:volumeGiB": 10,
    "hermes:bootstrapRevision": 7,
    "hermes:secrets": { deployKey: { secure: "v1:deploy" }, telegramBotToken: { secure: "v1:bot" } },
    "digitalocean:token": { secure: "v1:token" },
    "digitalocean:apiEndpoint": "https://api.example",
  },
};
const LIFETIME = { expires: new Date("2026-11-26T17:45:00Z"), origin: "0a1b2c3d" };
const NAMES = { of: "hermes", stack: "sandbox-hermes-drill", lifetime: LIFETIME };

/** As the program gets it: keys of its namespace, without secrets. */
const values = ({ config = {} }: StackFile): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(config).flatMap(([key, value]) => (key.startsWith("hermes:") ? [[key.slice(7), value]] : [])),
  );

describe("a sandbox's file", () => {
  const file = sandboxFile(PARENT, NAMES);

  it("has nothing of the stack's identity: no secret, bot, bucket, volume, host name, key of the engine", () => {
    const text = JSON.stringify(file);
    expect(text).not.toMatch(/secure|telegram|bucket|salt|"assistant"/);
    expect(file.config).toMatchObject({
      "hermes:volumeGiB": 0,
      "hermes:tailnet": { tag: "tag:hermes", hostname: "hermes-sandbox-hermes-drill", ephemeral: true },
      "hermes:sandbox": { expires: "2026-11-26T17:45:00Z", origin: "0a1b2c3d" },
      [SANDBOX_OF]: "hermes",
    });
    expect(file.config).not.toHaveProperty(["hermes:bootstrapRevision"]);
  });

  it("keeps the machine, the versions, the agents, MCP servers, and how everything is encrypted", () => {
    expect(file).toMatchObject({ secretsprovider: "awskms://alias/x" });
    expect(file.config).toMatchObject({
      "hermes:region": "nyc3",
      "hermes:swapGiB": 2,
      "hermes:openclaw": { version: "2026.9.6", before: "2026-09-25" },
      "hermes:agents": { main: { workspace: "./workspace/main" } },
      "hermes:mcpServers": { notes: { command: "/usr/bin/notes" } },
      "digitalocean:apiEndpoint": "https://api.example",
    });
    expect(secureKeys(PARENT)).toEqual(["digitalocean:token"]);
  });

  it("has what the template says, and over it what was set, but for what is a sandbox's own", () => {
    const template = { "hermes:ollama": "off", "hermes:verify": { agentTurn: true }, "hermes:volumeGiB": 20 };
    const set = { "verify.agentTurn": false, "models.primary": "openrouter/a/b:free", size: "s-2vcpu-4gb" };
    const { config } = sandboxFile(PARENT, { ...NAMES, template, set });
    expect(config).toMatchObject({
      "hermes:ollama": "off",
      "hermes:verify": { agentTurn: false },
      "hermes:models": { primary: "openrouter/a/b:free" },
      "hermes:size": "s-2vcpu-4gb",
      "hermes:volumeGiB": 0,
    });
  });

  it("has Telegram and its bindings with a bot of its own only", () => {
    const { config } = sandboxFile(PARENT, { ...NAMES, telegram: true });
    expect(config).toMatchObject({
      "hermes:telegram": { ownerId: "123456789" },
      "hermes:agents": { main: { bindings: [{ channel: "telegram" }] } },
    });
  });

  it("goes without the MCP servers that need a secret of the stack's, and says which", () => {
    const servers = {
      notes: { command: "/usr/bin/notes" },
      docs: { url: "https://docs.example/", headers: { "X-Key": { secret: "docsKey" } } },
    };
    const parent = { config: { ...PARENT.config, "hermes:mcpServers": servers } };
    expect(sandboxFile(parent, NAMES).config?.["hermes:mcpServers"]).toEqual({ notes: servers.notes });
    expect(leftOutServers(parent)).toEqual(["docs"]);
  });

  it("is a configuration that the program takes, of a drill too, in which nobody can be reached", () => {
    const own = { secrets: { ...secrets, openrouterApiKey: "sk-or-none-for-a-drill" }, stack: NAMES.stack };
    // Every other key of the committed stack stays; these are the ones that the sandbox takes out.
    const out = { telegram: undefined, backup: undefined };
    expect(faults({ ...values(file), ...out, mcpServers: undefined }, own)).toEqual([]);
    const quiet = drillFile(PARENT, NAMES);
    expect(quiet.config).not.toHaveProperty(["hermes:mcpServers"]);
    expect(quiet.config).toMatchObject({ "hermes:ollama": "off", "hermes:verify": { agentTurn: false } });
    expect(faults({ ...values(quiet), ...out }, own)).toEqual([]);
  });
});

/** A drill whose steps can be told to fail, or to be interrupted in. */
class World implements DrillParts {
  done: string[] = [];
  fails: Record<string, Error> = {};
  interruptIn: string | undefined;
  restored: Restored = { ok: true, changed: true, ready: true, files: 12, created: "2026-11-23T03:15:00.000Z" };
  notReady: string | undefined;
  readonly controller = new AbortController();

  private async step(name: string): Promise<void> {
    this.done.push(name);
    if (this.interruptIn === name) this.controller.abort();
    if (this.fails[name] !== undefined) throw this.fails[name];
  }
  clear = () => this.step("clear");
  create = () => this.step("create");
  up = () => this.step("up");
  restore = async () => this.step("restore").then(() => this.restored);
  problem = async () => this.step("problem").then(() => this.notReady);
  remove = () => this.step("remove");
  run = () => drill(this, this.controller.signal);
}

const failure = async (running: Promise<unknown>): Promise<CommandError> => {
  const error = await running.then(
    () => undefined,
    (each: unknown) => each,
  );
  expect(error).toBeInstanceOf(CommandError);
  return error as CommandError;
};

describe("a drill", () => {
  const STEPS = ["create", "up", "restore", "problem"];

  it("restores into a sandbox, asks its gateway, and removes it", async () => {
    const world = new World();
    await expect(world.run()).resolves.toMatchObject({ ok: true, files: 12 });
    expect(world.done).toEqual(["clear", ...STEPS, "remove"]);
  });

  it("touches nothing where the name is somebody else's", async () => {
    const world = new World();
    world.fails["clear"] = new CommandError("no sandbox", EXIT.refused);
    expect(await failure(world.run())).toMatchObject({ code: EXIT.refused });
    expect(world.done).toEqual(["clear"]);
  });

  it.each(STEPS)("removes the sandbox when %s fails, and says why it did", async (step) => {
    const world = new World();
    world.fails[step] = new CommandError(`no ${step}`, EXIT.cloud);
    expect(await failure(world.run())).toMatchObject({ message: `no ${step}`, code: EXIT.cloud });
    expect(world.done.at(-1)).toBe("remove");
    expect(world.done.filter((each) => each === "remove")).toHaveLength(1);
  });

  it.each(STEPS.slice(0, -1))("interrupted in %s, does nothing more but remove it", async (step) => {
    const world = new World();
    world.interruptIn = step;
    expect(await failure(world.run())).toMatchObject({ code: EXIT.interrupted });
    expect(world.done).toEqual(["clear", ...STEPS.slice(0, STEPS.indexOf(step) + 1), "remove"]);
  });

  it("is interrupted, and not failed, where the interruption made a step fail", async () => {
    const world = new World();
    world.interruptIn = "create";
    world.fails["create"] = new CommandError("pulumi config set failed", EXIT.cloud);
    expect(await failure(world.run())).toMatchObject({ code: EXIT.interrupted });
  });

  it("is not well on a backup that is refused, or on which the gateway does not become ready", async () => {
    const refused = new World();
    refused.restored = { ok: false, error: "not what the manifest says: a" };
    await expect(refused.run()).resolves.toMatchObject({ ok: false });
    expect(refused.done).toEqual(["clear", "create", "up", "restore", "remove"]);
    const down = new World();
    down.notReady = "the gateway is not ready";
    await expect(down.run()).resolves.toMatchObject({ ok: false, error: "the gateway is not ready" });
  });

  it("fails when the sandbox is not removed, whatever was proven, and tells both where both failed", async () => {
    const world = new World();
    world.fails["remove"] = new CommandError("still there", EXIT.cloud);
    expect(await failure(world.run())).toMatchObject({ message: "still there", code: EXIT.cloud });
    world.fails["up"] = new CommandError("no up", EXIT.cloud);
    expect((await failure(world.run())).message).toBe("no up\nstill there");
  });
});

describe("what hermes restore --drill says", () => {
  const drilled = {
    ...new World().restored,
    openclaw: "2026.9.6",
    version: "2026.9.7",
    backup: "b.tar.age",
    seconds: 90,
  };

  it("is what was proven", () => {
    const text = drillText(drilled);
    expect(text).toContain("restorable  b.tar.age");
    expect(text).toContain("12, each as it was backed up");
    expect(text).toContain("OpenClaw 2026.9.7 became ready on them");
  });

  it("or why not", () => {
    expect(drillText({ ...drilled, ok: false, error: "refused" })).toMatch(/^not restorable: b.tar.age: refused\n/);
  });
});
