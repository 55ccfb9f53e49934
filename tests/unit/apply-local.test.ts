import { activate } from "../../gateway/apply/activate.ts";
import { sha256 } from "../../gateway/apply/bundle.ts";
import { withoutLocalModel } from "../../gateway/apply/local-model.ts";
import { local } from "../../gateway/apply/local.ts";
import { PullProgress } from "../../gateway/apply/ollama.ts";
import { status } from "../../gateway/apply/status.ts";
import { stage } from "../../gateway/apply/store.ts";
import { ollama } from "../fixtures/apply-bundles.ts";
import { Machine } from "../fixtures/apply-machine.ts";

const CONFIG = "/etc/openclaw/openclaw.json";
const MODEL = "qwen3.5:9b";

const openclaw = (tag: string) => ({
  models: { providers: { openrouter: {}, ollama: { models: [{ id: tag }] } } },
  agents: {
    defaults: {
      model: { primary: "openrouter/a/b", fallbacks: [`ollama/${tag}`] },
      systemAgent: { agentId: "main" },
    },
    entries: { main: {}, clerk: { model: { primary: `ollama/${tag}`, fallbacks: ["openrouter/a/b"] } } },
  },
  plugins: { allow: ["openrouter", "ollama"], entries: { openrouter: {}, ollama: { enabled: true } } },
});

function bundle(tag: string | undefined, memory = "9000M") {
  const file = (text: string) => ({ mode: "0644", owner: "root:root", text: text.split("\n") });
  const units = "/etc/systemd/system";
  return JSON.stringify({
    hermes: 1,
    kind: "config",
    files: {
      [CONFIG]: file(JSON.stringify(tag === undefined ? withoutLocalModel(openclaw("")) : openclaw(tag))),
      [`${units}/openclaw-gateway.service`]: file("[Service]\n[Install]\n"),
      ...(tag === undefined
        ? {}
        : {
            [`${units}/ollama.service`]: file("[Service]\n[Install]\n"),
            [`${units}/ollama.service.d/plan.conf`]: file(`[Service]\nMemoryMax=${memory}\n`),
          }),
    },
    workspaces: {},
    openclaw: { version: "1.0.0", before: "2026-01-01" },
    node: { version: "24.0.0" },
    ...(tag === undefined ? {} : { ollama: ollama(tag) }),
  });
}

const secrets = JSON.stringify({ hermes: 1, kind: "secrets", files: {} });

let machine: Machine;
beforeEach(() => void (machine = new Machine()));
afterEach(() => machine.remove());

/** What `up` does: activate, then the local model where one is wanted. */
async function up(tag: string | undefined, memory?: string) {
  const config = bundle(tag, memory);
  const host = machine.host();
  stage(host, "config", config);
  stage(host, "secrets", secrets);
  machine.calls.length = 0;
  const wanted = { config: sha256(config), secrets: sha256(secrets), openclaw: "1.0.0" };
  const activated = await activate(host, { hermes: 1, kind: "activate", ...wanted });
  return { activated, local: tag === undefined ? undefined : await local(machine.host()) };
}

const named = () => machine.read(CONFIG)?.includes("ollama/") ?? false;

describe("hermes-apply local", () => {
  it("lets the gateway name the model only when it was pulled, loaded and has answered", async () => {
    const host = machine.host();
    const config = bundle(MODEL);
    stage(host, "config", config);
    stage(host, "secrets", secrets);
    await activate(host, {
      hermes: 1,
      kind: "activate",
      config: sha256(config),
      secrets: sha256(secrets),
      openclaw: "1.0.0",
    });
    expect(machine.gateway.active).toBe("active");
    expect(named()).toBe(false);
    expect(await local(host)).toMatchObject({ code: 0, reply: { ok: true, ready: true, localModel: MODEL } });
    expect(named()).toBe(true);
    expect(machine.ollama.loaded.get(MODEL)).toBe(65_536);
    expect(machine.gateway.starts).toBe(1);
    expect((await status(machine.host(), { agentTurn: false })).localModel).toEqual({
      tag: MODEL,
      ok: true,
      loaded: true,
    });
  });

  it("says how far the pull is", async () => {
    await up(MODEL);
    expect(machine.said).toContain(`pulling ${MODEL}: 100 % of 100 MiB`);
  });

  it("changes nothing when it is all there", async () => {
    await up(MODEL);
    const again = await up(MODEL);
    expect(again.local?.code).toBe(0);
    expect(machine.ollama.pulls).toBe(1);
    expect(machine.calls).not.toContain("systemctl restart ollama.service");
    expect(named()).toBe(true);
  });

  it("goes on with a pull that is interrupted", async () => {
    machine.ollama.interruptions = 3;
    expect((await up(MODEL)).local).toMatchObject({ code: 0 });
    expect(machine.ollama.pulls).toBe(4);
  });

  it("leaves the gateway on its remote models when the pull fails, and says so", async () => {
    machine.ollama.registry = [];
    const { local: result } = await up(MODEL);
    expect(result).toMatchObject({ code: 2, reply: { ok: false, ready: true, localModel: null } });
    expect(result?.reply.error).toMatch(/qwen3\.5:9b could not be pulled: .*does not exist/);
    expect(machine.said.join("\n")).toContain("runs on its remote models");
    expect(named()).toBe(false);
    const found = await status(machine.host(), { agentTurn: false });
    expect(found).toMatchObject({ ok: false, ready: true, drift: [] });
  });

  it("takes a model out of the gateway's chain that is gone and can't be pulled again", async () => {
    await up(MODEL);
    machine.ollama.models = [];
    machine.ollama.registry = [];
    expect((await status(machine.host(), { agentTurn: false })).localModel?.error).toMatch(/is gone/);
    expect((await local(machine.host())).code).toBe(2);
    expect(named()).toBe(false);
  });

  it.each([
    ["can't call tools", { capabilities: ["completion"] }, /can't call tools/],
    ["knows too little context", { native: 32_768 }, /knows 32768 tokens/],
    ["answers nothing", { answer: "" }, /answers nothing/],
    ["is of another version", { version: "0.23.0" }, /SHA-256 is another one/],
  ])("refuses one that %s", async (_what, change, error) => {
    Object.assign(machine.ollama, change);
    const { local: result } = await up(MODEL);
    expect(result?.reply.error).toMatch(error);
    expect(named()).toBe(false);
    expect(result?.reply.ready).toBe(true);
  });

  it("proves it anew under other limits, and restarts Ollama for them", async () => {
    await up(MODEL);
    await up(MODEL, "8000M");
    expect(machine.calls).toContain("systemctl restart ollama.service");
    expect(named()).toBe(true);
  });

  it("exchanges one model for another, and keeps only that", async () => {
    await up(MODEL);
    await up("granite4:tiny-h");
    expect(machine.ollama.models).toEqual(["granite4:tiny-h"]);
    expect(machine.read(CONFIG)).toContain("ollama/granite4:tiny-h");
  });

  it("is removed in place when the plan no longer has it, after the gateway has let go of it", async () => {
    await up(MODEL);
    const { activated } = await up(undefined);
    expect(activated.code).toBe(0);
    expect(named()).toBe(false);
    for (const path of [
      "/opt/ollama/current",
      "/etc/systemd/system/ollama.service",
      "/var/lib/hermes/local-model.json",
    ])
      expect(machine.read(path)).toBeUndefined();
    expect(machine.accounts.size).toBe(0);
    expect(machine.ollama.active).toBe(false);
    expect(machine.gateway.starts).toBe(1);
  });

  it("may be killed at any point and run again", async () => {
    await up(undefined);
    const config = bundle(MODEL);
    const host = machine.host();
    stage(host, "config", config);
    const wanted = { config: sha256(config), secrets: sha256(secrets), openclaw: "1.0.0" };
    await activate(host, { hermes: 1, kind: "activate", ...wanted });
    for (let left = 0; ; left += 3) {
      const killed = machine.host(left);
      const done = await local(killed).then(
        ({ code }) => code === 0,
        () => false,
      );
      if (done) break;
      expect(machine.gateway.active).toBe("active");
    }
    expect(named()).toBe(true);
    expect((await status(machine.host(), { agentTurn: false })).ok).toBe(true);
  });
});

describe("openclaw.json without the local model", () => {
  it("has the remote chain only, for every agent", () => {
    const config = withoutLocalModel(openclaw(MODEL));
    expect(JSON.stringify(config)).not.toContain("ollama");
    expect(config.agents.entries.clerk.model).toEqual({ primary: "openrouter/a/b", fallbacks: [] });
  });

  it("stays as it is where a chain would be left without a model", () => {
    const only = { agents: { defaults: { model: { primary: `ollama/${MODEL}` } } } };
    expect(withoutLocalModel(only)).toBe(only);
  });
});

describe("a pull's progress", () => {
  it("is told at every tenth, and an error in it is kept", () => {
    const lines: string[] = [];
    const progress = new PullProgress((line) => lines.push(line), "m:1");
    for (let completed = 0; completed <= 100; completed++)
      progress.take(JSON.stringify({ digest: "d", total: 100 * 2 ** 20, completed: completed * 2 ** 20 }));
    progress.take('{"error":"no space left on device"}');
    expect(lines).toHaveLength(11);
    expect(lines[5]).toBe("pulling m:1: 50 % of 100 MiB");
    expect(progress.error).toBe("no space left on device");
  });
});
