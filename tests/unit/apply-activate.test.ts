import { existsSync, lstatSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { activate } from "../../gateway/apply/activate.ts";
import { status } from "../../gateway/apply/status.ts";
import { stage } from "../../gateway/apply/store.ts";
import { bundles, stageBundles, TOKEN, type Content } from "../fixtures/apply-bundles.ts";
import { Machine } from "../fixtures/apply-machine.ts";

const WORKSPACE = "/var/lib/openclaw/workspaces/main";
const SOUL = `${WORKSPACE}/SOUL.md`;
const CONFIG = "/etc/openclaw/openclaw.json";

let machine: Machine;
beforeEach(() => void (machine = new Machine()));
afterEach(() => machine.remove());

const stageAll = (content: Content) => stageBundles(machine.host(), content);

async function apply(content: Content = {}) {
  const wanted = stageAll(content);
  machine.calls.length = 0;
  return activate(machine.host(), wanted);
}

/** Everything that matters of the machine, to compare. */
const picture = () => ({
  config: machine.read(CONFIG),
  unit: machine.read("/etc/systemd/system/openclaw-gateway.service"),
  soul: machine.read(SOUL),
  extra: machine.read(`${WORKSPACE}/EXTRA.md`),
  token: machine.read("/etc/openclaw/secrets/gatewayToken"),
  version: machine.version(),
  node: machine.node(),
  state: machine.read("/var/lib/openclaw/state/db"),
  loaded: machine.gateway.loaded,
  active: machine.gateway.active,
  leftover: existsSync(join(machine.root, "/var/lib/hermes/transaction")),
});

describe("hermes-apply activate", () => {
  it("brings up a gateway from nothing", async () => {
    const { code, reply } = await apply();
    expect(reply).toMatchObject({
      ok: true,
      changed: true,
      restarted: true,
      reloaded: false,
      rolledBack: false,
      ready: true,
    });
    expect(code).toBe(0);
    expect(machine.calls).toEqual([
      "systemctl daemon-reload",
      "systemctl enable openclaw-gateway.service",
      "systemctl reset-failed openclaw-gateway.service",
      "systemctl --no-block restart openclaw-gateway.service",
    ]);
    expect(statSync(join(machine.root, "/etc/openclaw/secrets/gatewayToken")).mode & 0o777).toBe(0o400);
    expect(machine.read("/etc/openclaw/secrets/gatewayToken")).toBe(TOKEN);
  });

  it("does nothing the second time", async () => {
    await apply();
    const { code, reply } = await apply();
    expect(reply).toMatchObject({ ok: true, changed: false, restarted: false, reloaded: false, ready: true });
    expect([code, machine.calls, machine.gateway.starts]).toEqual([0, [], 1]);
  });

  it("installs OpenClaw again if somebody changed it, and restarts the gateway that runs it", async () => {
    await apply();
    machine.changedTrees.add("1.0.0");
    const { code, reply } = await apply();
    expect({ code, reply }).toMatchObject({ code: 0, reply: { ok: true, restarted: true, ready: true } });
    expect(machine.calls[0]).toMatch(
      /^bash \/usr\/local\/lib\/hermes\/install-openclaw\.sh 1\.0\.0 2026-01-01 first-install$/,
    );
    expect(machine.gateway.starts).toBe(2);
    expect((await status(machine.host(), { agentTurn: false })).ok).toBe(true);
  });

  it("starts a gateway that was stopped by hand, and changes nothing else", async () => {
    await apply();
    machine.stop();
    const { code, reply } = await apply();
    expect([code, reply.changed, reply.restarted, reply.ready]).toEqual([0, false, true, true]);
  });

  it("touches no process for a new SOUL.md", async () => {
    await apply();
    const pid = machine.gateway.pid;
    const { reply } = await apply({ workspace: { "SOUL.md": "soul two\n" } });
    expect(reply).toMatchObject({ ok: true, changed: true, restarted: false, reloaded: false });
    expect(machine.calls).toEqual([]);
    expect([machine.read(SOUL), machine.gateway.pid]).toEqual(["soul two\n", pid]);
  });

  it("lets the running gateway take a new openclaw.json", async () => {
    await apply();
    const pid = machine.gateway.pid;
    const { reply } = await apply({ openclaw: { logging: 1 } });
    expect(reply).toMatchObject({ ok: true, reloaded: true, restarted: false });
    expect(machine.gateway.pid).toBe(pid);
    expect(machine.gateway.loaded).toContain("logging");
  });

  it("has a rotated secret reloaded", async () => {
    await apply();
    const { reply } = await apply({ secrets: { gatewayToken: TOKEN, openrouterApiKey: "key-two" } });
    expect(reply).toMatchObject({ ok: true, reloaded: true, restarted: false });
    expect(machine.calls).toEqual(["secrets reload"]);
  });

  it.each([
    ["the gateway's own token", { secrets: { gatewayToken: "another-token", openrouterApiKey: "key-one" } }],
    ["the unit", { unit: "[Service]\n# new\n[Install]\n" }],
    ["a drop-in", { files: { "/etc/systemd/system/openclaw-gateway.service.d/memory.conf": "[Service]\n" } }],
    ["OpenClaw's version", { version: "1.1.0" }],
    ["Node's version", { node: "24.1.0" }],
  ])("restarts once for %s", async (_, content) => {
    await apply();
    const { reply } = await apply(content);
    expect(reply).toMatchObject({ ok: true, restarted: true });
    expect(machine.gateway.starts).toBe(2);
  });

  it("installs another Node beside the one that runs, asks OpenClaw on it, and removes the old one", async () => {
    await apply();
    await apply({ node: "24.1.0" });
    expect(machine.calls.map((call) => call.split(" ").slice(0, 3).join(" "))).toEqual([
      "bash /var/lib/hermes/stage/install-node.sh 24.1.0",
      "config validate --json",
      "systemctl reset-failed openclaw-gateway.service",
      "systemctl --no-block restart",
      "rm -rf /opt/node/24.0.0",
    ]);
    expect(machine.node()).toBe("24.1.0");
    expect(machine.read("/opt/node/24.0.0/bin/node")).toBeUndefined();
  });

  it("gives swap and volume their new size without touching the gateway", async () => {
    const sizes = (swap: string, volume: string) => ({
      ...{ "/etc/hermes/swap": swap, "/usr/local/lib/hermes/swap.sh": "" },
      ...{ "/etc/hermes/volume": volume, "/usr/local/lib/hermes/grow-volume.sh": "" },
    });
    await apply({ files: sizes("4\n", "10\n") });
    const { reply } = await apply({ files: sizes("2\n", "20\n") });
    expect(machine.calls).toEqual(["bash /usr/local/lib/hermes/swap.sh", "bash /usr/local/lib/hermes/grow-volume.sh"]);
    expect(reply).toMatchObject({ ok: true, restarted: false, reloaded: false });
  });

  it("restarts for a secret that the gateway has in its environment", async () => {
    const secrets = { gatewayToken: TOKEN, openrouterApiKey: "key-one", headerKey: "one" };
    await apply({ secrets });
    const { reply } = await apply({ secrets: { ...secrets, headerKey: "two" } });
    expect(reply.restarted).toBe(true);
  });

  it("removes a file that is gone from the bundle", async () => {
    await apply({ files: { "/etc/systemd/system/extra.service": "[Service]\n" } });
    await apply();
    expect(machine.read("/etc/systemd/system/extra.service")).toBeUndefined();
  });

  it("repairs a managed file that was changed on the droplet", async () => {
    await apply();
    machine.write(CONFIG, "{}");
    const { reply } = await apply();
    expect([reply.ok, reply.changed]).toEqual([true, true]);
    expect(machine.read(CONFIG)).toContain("systemAgent");
  });
});

describe("hermes-apply activate refuses, and changes nothing", () => {
  const refusal = async (content: Content, change = (wanted: ReturnType<typeof stageAll>): object => wanted) => {
    await apply();
    const before = picture();
    const wanted = stageAll(content);
    const { code, reply } = await activate(machine.host(), change(wanted) as ReturnType<typeof stageAll>);
    expect([code, reply.ok, reply.changed, reply.ready]).toEqual([1, false, false, true]);
    expect(picture()).toEqual(before);
    return reply.error;
  };

  it("a configuration that OpenClaw does not take", async () => {
    expect(await refusal({ openclaw: { invalid: 1 } })).toBe(
      "OpenClaw 1.0.0 refuses the configuration: bindings.0: Unknown agent",
    );
  });

  it("a version that cannot be installed", async () => {
    expect(await refusal({ version: "9.0.0" })).toContain("registry does not answer");
  });

  it("a Node that cannot be installed", async () => {
    expect(await refusal({ node: "99.0.0" })).toContain("another one: refused");
    expect(machine.node()).toBe("24.0.0");
  });

  it("bundles that are not the ones asked for", async () => {
    const other = await refusal({ openclaw: { a: 1 } }, (wanted) => ({ ...wanted, config: "0".repeat(64) }));
    expect(other).toContain("the staged config bundle is another one");
  });

  it.each<[string, { free: number; writable: boolean }, string]>([
    ["/var/lib/openclaw", { free: 4096, writable: true }, "the disk is full. Make room (./hermes doctor says where)"],
    ["/var/lib/hermes", { free: 4096, writable: true }, "the disk is full. Make room (./hermes doctor says where)"],
    ["/var/lib/openclaw", { free: 2 ** 30, writable: false }, "the disk is read-only"],
  ])("what has no room on the disk of %s, and leaves the gateway alone", async (place, disk, why) => {
    await apply();
    machine.lackingRoom[place] = disk;
    const { starts } = machine.gateway;
    expect(await refusal({ workspace: { "SOUL.md": "two" } })).toContain(why);
    expect(machine.gateway.starts).toBe(starts);
  });

  it("and the status names a full disk where the gateway is not ready", async () => {
    await apply();
    machine.lackingRoom["/var/lib/openclaw"] = { free: 0, writable: true };
    machine.stop();
    const { error } = await status(machine.host(), { agentTurn: false });
    expect(error).toMatch(/^\/var\/lib\/openclaw cannot be written: the disk is full\. Make room .*; openclaw-gateway/);
  });

  it("a bundle that writes elsewhere, without quoting it", () => {
    const { config } = bundles({ files: { "/etc/../root/x": "" } });
    expect(() => stage(machine.host(), "config", config)).toThrow('the bundle has a file at "/etc/../root/x"');
    expect(() => stage(machine.host(), "secrets", `{"${TOKEN}`)).toThrow(/^standard input is not a JSON bundle$/);
  });
});

describe("hermes-apply activate rolls back", () => {
  it.each<[string, Content]>([
    ["a gateway that does not start", { openclaw: { x: "no-start" }, unit: "[Service]\n#\n[Install]\n" }],
    ["a configuration that the running gateway refuses", { openclaw: { x: "refused-live" } }],
    ["a gateway that never becomes ready", { openclaw: { x: "never-ready" } }],
    ["secrets that are not taken", { secrets: { gatewayToken: TOKEN, openrouterApiKey: "broken" } }],
    [
      "a swap for which there is no room",
      { files: { "/etc/hermes/swap": "9\n", "/usr/local/lib/hermes/swap.sh": "broken" } },
    ],
    ["a Node on which the gateway does not start", { node: "24.1.0", openclaw: { x: "no-start" } }],
    ["a version that does not start", { version: "1.1.0", openclaw: { x: "no-start" } }],
    ["a version that migrates the state and is never ready", { version: "1.1.0", openclaw: { x: "never-ready" } }],
  ])("%s, with files, secrets, workspace, version and state", async (_, content) => {
    await apply();
    const before = picture();
    const { code, reply } = await apply({ workspace: { "SOUL.md": "two", "EXTRA.md": "new" }, ...content });
    expect(reply).toMatchObject({ ok: false, rolledBack: true, ready: true, version: "1.0.0" });
    expect(code).toBe(2);
    expect(picture()).toEqual(before);
  });

  it("and says first what Telegram refuses, and what to do; then that the gateway was waited for", async () => {
    await apply();
    const { reply } = await apply({ openclaw: { x: "refused-telegram" } });
    const [first, second] = (reply.error ?? "").split("\n");
    expect(first).toMatch(/^telegram: Telegram refuses the bot's token \(401\).*hermes:secrets\.telegramBotToken/);
    expect(second).toMatch(/not ready after 60 s: openclaw-gateway\.service is active/);
    expect(machine.said.find((line) => line.includes("Telegram"))).toMatch(/^failed: telegram: Telegram refuses/);
  });

  it("and leaves a gateway alone that took nothing of it", async () => {
    await apply();
    const before = picture();
    const { starts } = machine.gateway;
    const { code } = await apply({ files: { "/etc/ssh/refused": "" } });
    expect(code).toBe(2);
    expect(picture()).toEqual(before);
    expect(machine.gateway.starts).toBe(starts);
  });

  it("and says that nothing is ready when nothing was before", async () => {
    const { code, reply } = await apply({ openclaw: { x: "no-start" } });
    expect([code, reply.ready, reply.rolledBack]).toEqual([3, false, true]);
    expect(machine.read(CONFIG)).toBeUndefined();
  });

  it("and says why OpenClaw did not take the first configuration, which is asked only then", async () => {
    const { code, reply } = await apply({ openclaw: { invalid: 1 } });
    expect([code, reply.ready, reply.rolledBack]).toEqual([3, false, true]);
    expect(reply.error).toBe("OpenClaw 1.0.0 refuses the configuration: bindings.0: Unknown agent");
    await apply();
    expect(machine.calls.filter((call) => call.startsWith("config validate"))).toEqual([]);
  });

  it("and then takes a good bundle", async () => {
    await apply({ openclaw: { x: "no-start" } });
    expect((await apply()).code).toBe(0);
  });

  it("without showing a secret", async () => {
    await apply();
    const { reply } = await apply({ openclaw: { x: "no-start" }, unit: "[Service]\n#\n[Install]\n" });
    expect(machine.said.join("\n")).toContain("cannot start with the token [secret gatewayToken]");
    expect(JSON.stringify(reply) + machine.said.join("\n")).not.toContain(TOKEN);
  });
});

describe("workspace files", () => {
  it("that the agents made are never touched", async () => {
    await apply();
    machine.write(`${WORKSPACE}/memory/today.md`, "note");
    await apply({ workspace: { "SOUL.md": "two" } });
    expect(machine.read(`${WORKSPACE}/memory/today.md`)).toBe("note");
  });

  it("that somebody edited are replaced, and kept beside", async () => {
    await apply();
    machine.write(SOUL, "edited here");
    await apply({ workspace: { "SOUL.md": "two" } });
    const kept = readdirSync(join(machine.root, WORKSPACE)).filter((name) => name.startsWith("SOUL.md.kept-"));
    expect([machine.read(SOUL), machine.read(`${WORKSPACE}/${kept[0]}`)]).toEqual(["two", "edited here"]);
  });

  it("that are gone from the repository go, unless they were edited", async () => {
    await apply({ workspace: { "SOUL.md": "s", "A.md": "a", "B.md": "b" } });
    machine.write(`${WORKSPACE}/B.md`, "mine now");
    await apply({ workspace: { "SOUL.md": "s" } });
    expect([machine.read(`${WORKSPACE}/A.md`), machine.read(`${WORKSPACE}/B.md`)]).toEqual([undefined, "mine now"]);
  });

  it("are not written through a link that an agent made", async () => {
    await apply();
    machine.write("/outside/x", "untouched");
    symlinkSync(join(machine.root, "outside"), join(machine.root, WORKSPACE, "skills"));
    const { code, reply } = await apply({ workspace: { "SOUL.md": "s", "skills/x": "written" } });
    expect([code, reply.error]).toEqual([0, undefined]);
    expect(machine.read(`${WORKSPACE}/skills/x`)).toBe("written");
    expect(machine.read("/outside/x")).toBe("untouched");
  });

  it("replace a link, and never copy what it leads to", async () => {
    await apply();
    rmSync(join(machine.root, SOUL));
    symlinkSync(join(machine.root, "/etc/openclaw/secrets/gatewayToken"), join(machine.root, SOUL));
    await apply({ workspace: { "SOUL.md": "two" } });
    expect(lstatSync(join(machine.root, SOUL)).isFile()).toBe(true);
    expect(readdirSync(join(machine.root, WORKSPACE))).toEqual(["SOUL.md"]);
    expect(machine.read("/etc/openclaw/secrets/gatewayToken")).toBe(TOKEN);
  });
});

describe("hermes-apply status", () => {
  it("says that all is well, and asks the first agent when told to", async () => {
    const wanted = stageAll({});
    await activate(machine.host(), wanted);
    machine.calls.length = 0;
    expect(await status(machine.host(), { agentTurn: false })).toEqual({
      ok: true,
      ready: true,
      version: "1.0.0",
      configHash: wanted.config,
      unit: "active",
      drift: [],
    });
    expect(machine.calls).toEqual([]);
    const turn = await status(machine.host(), { agentTurn: true });
    expect(turn.agentTurn).toEqual({ ok: true, text: "pong", model: "openrouter/v/m" });
    expect(machine.calls[0]).toContain("agent --agent main --session-key hermes-check --message ping");
  });

  it("tells a gateway that was stopped by hand from one that failed", async () => {
    await apply();
    machine.stop();
    expect((await status(machine.host(), { agentTurn: true })).error).toContain("is stopped (by hand");
    machine.gateway.active = "failed";
    expect((await status(machine.host(), { agentTurn: false })).error).toContain("is failed");
  });

  it("lists what was changed on the droplet, and shows no secret", async () => {
    await apply();
    machine.write("/etc/openclaw/secrets/gatewayToken", "other");
    machine.write(SOUL, "other");
    const found = await status(machine.host(), { agentTurn: false });
    expect(found.drift).toEqual(["/etc/openclaw/secrets/gatewayToken", SOUL]);
  });

  it("is not content with an OpenClaw that is not as it was installed", async () => {
    await apply();
    machine.changedTrees.add("1.0.0");
    const reply = await status(machine.host(), { agentTurn: true });
    expect(reply).toMatchObject({ ok: false, ready: true });
    expect(reply.error).toMatch(/opt\/openclaw\/1\.0\.0 is not as it was installed: .*--replace/);
    machine.gateway.active = "failed";
    const down = await status(machine.host(), { agentTurn: false });
    expect(down.error).toMatch(/is failed[^]*is not as it was installed/);
  });

  it("is not content with a gateway that says it is ready, and whose volume is gone", async () => {
    await apply();
    machine.lackingRoom["/var/lib/openclaw"] = { free: 2 ** 30, writable: false };
    const reply = await status(machine.host(), { agentTurn: true });
    expect(reply).toMatchObject({ ok: false, ready: true, drift: [] });
    expect(reply.error).toMatch(
      /^\/var\/lib\/openclaw cannot be written: the disk is read-only, after an error, or gone/,
    );
    expect(reply).not.toHaveProperty("agentTurn");
  });

  it.each([
    ["bytes", { free: 4096, writable: true }, /the disk is full/],
    ["files", { free: 2 ** 30, freeFiles: 3, writable: true }, /the disk has room for 3 more files/],
  ])("is not content with a volume that has no %s left, on which no turn works", async (_, disk, why) => {
    await apply();
    machine.lackingRoom["/var/lib/openclaw"] = disk;
    const reply = await status(machine.host(), { agentTurn: true });
    expect([reply.ok, reply.error]).toEqual([false, expect.stringMatching(why)]);
    expect(reply).not.toHaveProperty("agentTurn");
  });

  it("says that nothing was activated on a new droplet", async () => {
    const found = await status(machine.host(), { agentTurn: false });
    expect(found).toMatchObject({ ok: false, ready: false, error: "no configuration was activated yet" });
  });
});
