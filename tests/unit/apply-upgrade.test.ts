import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { activate } from "../../gateway/apply/activate.ts";
import { sha256 } from "../../gateway/apply/bundle.ts";
import { stage } from "../../gateway/apply/store.ts";
import { saveState } from "../../gateway/apply/transaction.ts";
import { Machine } from "../fixtures/apply-machine.ts";

let machine: Machine;
beforeEach(() => void (machine = new Machine()));
afterEach(() => machine.remove());

const file = (text: string) => ({ mode: "0644", owner: "root:root", text: text.split("\n") });

async function apply(version: string, openclaw: object = { agents: {} }, node = "24.0.0") {
  const config = JSON.stringify({
    hermes: 1,
    kind: "config",
    files: {
      "/etc/openclaw/openclaw.json": file(JSON.stringify(openclaw)),
      "/etc/systemd/system/openclaw-gateway.service": file("[Service]\n"),
    },
    workspaces: {},
    openclaw: { version, before: "2026-01-01" },
    node: { version: node, url: "https://nodejs.example/n.tar.xz", sha256: "0".repeat(64) },
  });
  const secrets = JSON.stringify({ hermes: 1, kind: "secrets", files: {} });
  const host = machine.host();
  stage(host, "config", config);
  stage(host, "secrets", secrets);
  machine.calls.length = 0;
  machine.said.length = 0;
  const hashes = { config: sha256(config), secrets: sha256(secrets) };
  return activate(host, { hermes: 1, kind: "activate", ...hashes, openclaw: version });
}

const packageOf = (state: number, agent: number, node = "*") => ({
  engines: { node },
  openclaw: { schemaVersions: { state, agent } },
});
const here = (): string[] => readdirSync(join(machine.root, "opt/openclaw")).filter((name) => name !== "current");
const state = () => machine.read("/var/lib/openclaw/state/db");

describe("another version of OpenClaw", () => {
  beforeEach(async () => {
    machine.schemas = { state: 17, agent: 21 };
    expect((await apply("1.0.0")).code).toBe(0);
  });

  it("takes over when it reads the state", async () => {
    machine.packages["2.0.0"] = packageOf(18, 23, ">=20");
    expect(await apply("2.0.0")).toMatchObject({ code: 0, reply: { restarted: true, version: "2.0.0" } });
    expect(machine.version()).toBe("2.0.0");
  });

  it.each([
    ["state", packageOf(16, 21)],
    ["agents' state", packageOf(17, 20)],
  ])("that can't read the %s is refused with the reason, and nothing was stopped", async (_what, found) => {
    machine.packages["2.0.0"] = found;
    const pid = machine.gateway.pid;
    const { code, reply } = await apply("2.0.0");
    expect({ code, ready: reply.ready }).toEqual({ code: 1, ready: true });
    expect(reply.error).toMatch(/format 17 \(agents 21\)/);
    expect(reply.error).toMatch(/backup/);
    expect(machine.gateway.pid).toBe(pid);
    expect(machine.version()).toBe("1.0.0");
    expect(machine.calls.filter((call) => call.startsWith("systemctl"))).toEqual([]);
  });

  it("that is older is taken when it reads the state", async () => {
    machine.packages["0.9.0"] = packageOf(17, 21);
    machine.write("/var/lib/openclaw/state/db", "");
    expect((await apply("0.9.0")).code).toBe(0);
  });

  it("that the wanted Node does not carry is refused", async () => {
    machine.packages["2.0.0"] = packageOf(18, 23, ">=99");
    const { code, reply } = await apply("2.0.0");
    expect(code).toBe(1);
    expect(reply.error).toMatch(/OpenClaw 2\.0\.0 wants Node >=99, and hermes:node\.version is 24\.0\.0\./);
  });

  it("is measured by the Node that comes with it", async () => {
    machine.nodeInstalled("24.21.0");
    machine.packages["2.0.0"] = packageOf(18, 23, ">=24.16.0 <25");
    expect((await apply("2.0.0", undefined, "24.21.0")).code).toBe(0);
  });

  it("stays, and a Node that does not carry it is refused", async () => {
    machine.write(
      "/opt/openclaw/1.0.0/lib/node_modules/openclaw/package.json",
      JSON.stringify(packageOf(17, 21, ">=24")),
    );
    machine.nodeInstalled("22.0.0");
    const { code, reply } = await apply("1.0.0", undefined, "22.0.0");
    expect({ code, ready: reply.ready }).toEqual({ code: 1, ready: true });
    expect(reply.error).toMatch(/OpenClaw 1\.0\.0 wants Node >=24, and hermes:node\.version is 22\.0\.0\./);
    expect(machine.node()).toBe("24.0.0");
  });

  it("that does not become ready goes, with what it did to the state", async () => {
    machine.packages["2.0.0"] = packageOf(18, 23);
    const before = state();
    const { code, reply } = await apply("2.0.0", { agents: "no-start" });
    expect({ code, rolledBack: reply.rolledBack, ready: reply.ready }).toEqual({
      code: 2,
      rolledBack: true,
      ready: true,
    });
    expect(machine.version()).toBe("1.0.0");
    expect(state()).toBe(before);
  });
});

describe("a recreated droplet", () => {
  it("refuses a version that can't read the volume's state, though nothing was applied yet", async () => {
    machine.schemas = { state: 18, agent: 23 };
    machine.packages["1.0.0"] = packageOf(17, 21);
    machine.installed("1.0.0");
    expect(await apply("1.0.0")).toMatchObject({ code: 1 });
  });
});

describe("the copy of the state for the way back", () => {
  it("has nothing of what MCP servers' programs can fetch again, in the folders that units of before kept it in", async () => {
    machine.write("/var/lib/openclaw/.npm/_npx/1/package.json", "{}");
    const host = machine.host();
    const journal = { state: undefined } as unknown as Parameters<typeof saveState>[1];
    await saveState(host, journal);
    expect(journal.state).toEqual(["state"]);
  });
});

describe("what stays of old versions", () => {
  it("is the one that runs and the one before it", async () => {
    await apply("1.0.0");
    await apply("2.0.0");
    expect(here()).toEqual(["1.0.0", "2.0.0"]);
    await apply("3.0.0");
    expect(here()).toEqual(["2.0.0", "3.0.0"]);
    expect(machine.said.join("\n")).toContain("OpenClaw 1.0.0");
  });

  it("is never the one that runs, also after one that failed", async () => {
    await apply("1.0.0");
    await apply("2.0.0", { agents: "no-start" });
    expect(here()).toEqual(["1.0.0", "2.0.0"]);
    await apply("3.0.0");
    expect(here()).toEqual(["1.0.0", "3.0.0"]);
    expect(machine.version()).toBe("3.0.0");
  });

  it("is nothing that was cut off while it was installed", async () => {
    await apply("1.0.0");
    machine.write("/opt/openclaw/.1.5.0.partial/x", "");
    machine.write("/opt/openclaw/.lock", "");
    await apply("2.0.0");
    expect(here()).toEqual([".lock", "1.0.0", "2.0.0"]);
  });
});

/** node:sqlite came with Node 22. */
const withSqlite = Number(process.versions.node.split(".")[0]) >= 24 ? describe : describe.skip;

withSqlite("state-schemas.ts", () => {
  it("says the newest format of each kind, 0 where there is none", () => {
    const folder = mkdtempSync(join(tmpdir(), "hermes-schemas-"));
    try {
      const program = join(__dirname, "../../gateway/apply/state-schemas.ts");
      const look = () => JSON.parse(execFileSync(process.execPath, [program, folder]).toString()) as object;
      expect(look()).toEqual({ state: 0, agent: 0 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
