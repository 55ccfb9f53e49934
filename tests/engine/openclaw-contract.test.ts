/**
 * The lab's stand-in of OpenClaw against the real one: the same assertions for both. What is not asserted here, the stand-in
 * does not do; a droplet test that needs it runs on the real one.
 *
 * Dearer than an engine test may be: the real one starts twice, and some thirty of its commands take seconds each.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { HermesConfig } from "../../config/types";
import { schemasOf } from "../../gateway/apply/versions";
import type { ModelFailure } from "../../localcloud/services/openrouter";
import { writePackage } from "../../localcloud/services/openclaw-package";
import type { GroupPlace } from "../../localcloud/services/telegram";
import type { readProbe as ReadProbe } from "../../gateway/apply/mcp";
import { secretVariable } from "../../gateway/secret-names";
import { realOpenclaw } from "../support/real-openclaw";
import { hermesConfig } from "../fixtures/gateway-config";
import { FIRST, NEXT, OpenclawWorld, OWNER, type OpenclawProgram, type Ran } from "./openclaw-world";

const PRIVACY =
  "No endpoints found matching your data policy (Free model publication). Configure: https://openrouter.ai/settings/privacy";
const REASONS = {
  quota: /^429 Rate limit exceeded: free-models-per-day/,
  credit: /^402 Insufficient credits/,
  key: /^401 User not found/,
  privacy: /^404 No endpoints found matching your data policy \(Free model publication\)/,
};

/** How hermes reads what OpenClaw says. Loaded late: gateway/apply has a configuration of its own for TypeScript. */
const { readTurn } = jest.requireActual<{ readTurn: (stdout: string) => Turn | undefined }>(
  "../../gateway/apply/turn.ts",
);
const { reloadOutcome } = jest.requireActual<{ reloadOutcome: (log: string) => string }>(
  "../../gateway/apply/gateway.ts",
);
const { readProbe } = jest.requireActual<{ readProbe: typeof ReadProbe }>("../../gateway/apply/mcp.ts");
const { reasonIn } = jest.requireActual<{
  reasonIn: (said: string) => string;
}>("../../gateway/apply/backup.ts");

/** Hash of every file below a folder, by its path there. */
function contentsOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const hash = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
  return Object.fromEntries(
    files.map(({ parentPath, name }) => join(parentPath, name)).map((path) => [relative(folder, path), hash(path)]),
  );
}

interface Turn {
  ok: boolean;
  text?: string;
  model?: string;
  failed?: { model: string; reason: string }[];
  error?: string;
}

/** The real one starts in 20 s, and each of its commands takes seconds. */
jest.setTimeout(600_000);

const made = mkdtempSync(join(tmpdir(), "hermes-openclaw-stand-in-"));
afterAll(() => rmSync(made, { recursive: true, force: true }));

async function standIn(): Promise<OpenclawProgram> {
  const manifest = JSON.parse(readFileSync(join(realOpenclaw().package, "package.json"), "utf8")) as Manifest;
  const { version, engines, openclaw } = manifest;
  await writePackage({ version, node: engines.node, schemas: openclaw.schemaVersions }, made);
  return { node: realOpenclaw().node, package: made };
}

interface Manifest {
  name: string;
  version: string;
  bin: Record<string, string>;
  engines: { node: string };
  openclaw: { schemaVersions: { state: number; agent: number } };
}

const PROGRAMS: [string, () => Promise<OpenclawProgram>][] = [
  ["the real OpenClaw", () => Promise.resolve(realOpenclaw())],
  ["the stand-in", standIn],
];

/** A server of Streamable HTTP with one tool, `search`, for whoever has the key. */
function mcpOverHttp(key: string): Server {
  const results: Record<string, object> = {
    initialize: {
      protocolVersion: "2025-06-18",
      capabilities: { tools: {} },
      serverInfo: { name: "docs", version: "1.0.0" },
    },
    "tools/list": { tools: [{ name: "search", description: "Searches.", inputSchema: { type: "object" } }] },
  };
  return createServer((request, response) => {
    const answer = (status: number, body?: object): void =>
      void response
        .writeHead(status, { "content-type": "application/json" })
        .end(body === undefined ? "" : JSON.stringify(body));
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => void chunks.push(chunk));
    request.on("end", () => {
      if (request.headers["x-key"] !== key) return answer(403);
      if (request.method !== "POST") return answer(405);
      const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as { id?: number; method: string };
      return id === undefined ? answer(202) : answer(200, { jsonrpc: "2.0", id, result: results[method] ?? {} });
    });
  });
}

const jsonIn = <T>({ stdout }: Ran): T => JSON.parse(stdout.slice(stdout.indexOf("{"))) as T;
const STRANGER = 777_001;

describe.each(PROGRAMS)("%s", (_name, programOf) => {
  let world: OpenclawWorld;

  beforeAll(async () => {
    world = await OpenclawWorld.open(await programOf());
  });
  afterAll(() => world.close());

  const turnOf = ({ stdout }: Ran) => readTurn(stdout);
  /** Models that were asked a question, in their order. */
  const asked = (question: string): string[] =>
    world.openrouter.calls
      .filter(({ messages }) => messages.some(({ text }) => text.includes(question)))
      .map((c) => c.model);
  const lastCall = (question: string) =>
    world.openrouter.calls.filter(({ messages }) => messages.some(({ text }) => text.includes(question))).at(-1);
  const schemas = (folder = world.state): unknown =>
    JSON.parse(
      execFileSync(world.program.node, [
        "--no-warnings",
        join(__dirname, "../../gateway/apply/state-schemas.ts"),
        folder,
      ]).toString(),
    );
  const manifest = () => JSON.parse(readFileSync(join(world.program.package, "package.json"), "utf8")) as Manifest;

  describe("as a package", () => {
    it("has the name, the version and the command", () => {
      const { name, version, bin } = manifest();
      expect({ name, version }).toEqual({ name: "openclaw", version: hermesConfig.openclaw.version });
      expect(existsSync(join(world.program.package, bin["openclaw"] ?? ""))).toBe(true);
    });

    it("says which Node it wants, and which formats of databases it reads", () => {
      expect(manifest().engines.node).toMatch(/^>=24/);
      expect(schemasOf(manifest().openclaw.schemaVersions)).toBeDefined();
    });
  });

  describe("without a running gateway", () => {
    let ran: Record<"version" | "valid" | "invalid" | "binding" | "agent" | "devices" | "reload" | "unparsable", Ran>;
    const validate = (name: string, text: string): Promise<Ran> => {
      world.write(`etc/${name}`, text, 0o640);
      return world.run(["config", "validate", "--json"], {
        OPENCLAW_CONFIG_PATH: world.path(`etc/${name}`),
        OPENCLAW_STATE_DIR: world.path(`validation-${name}`),
      });
    };

    beforeAll(async () => {
      const broken = world.config({}, (config) => {
        config.gateway["nonsense"] = 1;
        config.gateway["bind"] = "127.0.0.1";
        config.gateway["port"] = "18789";
        config["mcp"] = { servers: { files: { command: "true", timeout: 3 } } };
      });
      const binding = world.config({}, (config) => {
        config["bindings"] = [{ agentId: "nobody", match: { channel: "telegram", accountId: "default" } }];
      });
      const [version, valid, invalid, unparsable] = await Promise.all([
        world.run(["--version"]),
        validate("valid.json", world.config()),
        validate("invalid.json", broken),
        validate("unparsable.json", "{ nonsense"),
      ]);
      const [unbound, agent, devices, reload] = await Promise.all([
        validate("binding.json", binding),
        world.ask("is anybody there"),
        world.run(["devices", "list", "--json"]),
        world.run(["secrets", "reload"]),
      ]);
      ran = { version, valid, invalid, unparsable, binding: unbound, agent, devices, reload };
    });

    it("prints its version", () => {
      expect(ran.version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^OpenClaw 2026\.9\.6\b/) });
    });

    it("accepts what hermes renders", () => {
      expect(ran.valid.code).toBe(0);
      expect(jsonIn(ran.valid)).toMatchObject({ valid: true, path: world.path("etc/valid.json") });
    });

    it("refuses unknown keys, wrong types and unknown values, and names all of them", () => {
      expect(ran.invalid.code).toBe(1);
      const { valid, issues } = jsonIn<{ valid: boolean; issues: { path: string; message: string }[] }>(ran.invalid);
      expect(valid).toBe(false);
      const said = issues.map(({ path, message }) => `${path}: ${message}`).sort();
      expect(said).toEqual([
        expect.stringMatching(/^gateway\.bind: Invalid input \(allowed: "auto", /),
        "gateway.port: Invalid input: expected number, received string",
        'gateway: Unrecognized key: "nonsense"',
        'mcp.servers.files: Unrecognized key: "timeout"',
      ]);
    });

    it("refuses a binding to an agent that there is not", () => {
      expect(ran.binding.code).toBe(1);
      expect(jsonIn(ran.binding)).toMatchObject({
        issues: [{ path: "bindings.0.agentId", message: 'Unknown agent id "nobody" (not in agents.entries).' }],
      });
    });

    it("refuses a file that is not JSON", () => {
      expect(ran.unparsable.code).toBe(1);
      expect(jsonIn(ran.unparsable)).toMatchObject({
        valid: false,
        issues: [{ path: "<root>", message: expect.stringContaining("JSON5 parse failed") }],
      });
    });

    it("has no agent to ask, and says that the gateway is not reachable", () => {
      expect(ran.agent.code).toBe(1);
      expect(turnOf(ran.agent)).toEqual({
        ok: false,
        error: expect.stringContaining("Gateway not reachable at ws://127.0.0.1:"),
      });
    });

    it("has no devices to list, and says so", () => {
      expect(ran.devices.code).toBe(1);
      expect(jsonIn(ran.devices)).toMatchObject({
        ok: false,
        error: { type: "gateway_transport_error", kind: "closed" },
      });
    });

    it("has no secrets to reload, and says so", () => {
      expect(ran.reload).toMatchObject({ code: 1, stderr: expect.stringContaining("Gateway not reachable") });
    });
  });

  describe("MCP servers that are probed", () => {
    const KEY = "mcp-key-of-the-test";
    let remote: Server;
    let half: Ran;
    let whole: Ran;
    let lines: string;
    const probe = (name: string, mcpServers: HermesConfig["mcpServers"]): Promise<Ran> => {
      world.write(`etc/${name}`, world.config({ mcpServers }), 0o640);
      return world.run(["mcp", "probe", "--json"], {
        OPENCLAW_CONFIG_PATH: world.path(`etc/${name}`),
        OPENCLAW_LOG_LEVEL: "debug",
        [secretVariable("mcpKey")]: KEY,
      });
    };

    beforeAll(async () => {
      remote = mcpOverHttp(KEY).listen(0, "127.0.0.1");
      await once(remote, "listening");
      const { port } = remote.address() as AddressInfo;
      const url = { url: `http://127.0.0.1:${port}/mcp`, headers: { "X-Key": { secret: "mcpKey" } } };
      const files = { command: world.program.node, args: [join(__dirname, "../fixtures/mcp-server.mjs")], env: {} };
      const script = 'echo "no vault at $PLACE" >&2; echo giving up >&2; exit 3';
      world.secret("mcpKey", KEY);
      world.write("log/openclaw.log", "");
      whole = await probe("mcp-whole.json", { files, docs: url });
      half = await probe("mcp-half.json", {
        files,
        gone: { command: "no-such-program", args: ["-y"], env: {} },
        ends: { command: "/bin/sh", args: ["-c", script], env: { PLACE: "/srv/vault" } },
        refused: { ...url, headers: {} },
      });
      lines = world.read("log/openclaw.log");
    });
    afterAll(() => {
      remote.closeAllConnections();
      remote.close();
    });

    it("are listed with their tools, by a command and by a URL with a secret in a header", () => {
      expect(whole.code).toBe(0);
      expect(jsonIn(whole)).toMatchObject({
        servers: { docs: { tools: 1 }, files: { tools: 1 } },
        tools: ["docs__search", "files__echo"],
        diagnostics: [],
      });
    });

    it("are told apart where some do not answer, and the command fails", () => {
      expect(half.code).toBe(1);
      expect(jsonIn(half)).toMatchObject({ servers: { files: { tools: 1 } }, tools: ["files__echo"] });
      const { diagnostics } = jsonIn<{ diagnostics: { serverName: string; message: string }[] }>(half);
      // The real one notices the end of a program when it reads, or when it writes.
      const ended = expect.stringMatching(/^(MCP error -32000: Connection closed|stdin is not writable|.*EPIPE.*)$/);
      const messages = Object.fromEntries(diagnostics.map(({ serverName, message }) => [serverName, message]));
      expect(messages).toEqual({
        gone: ended,
        ends: ended,
        refused: expect.stringContaining("Error POSTing to endpoint"),
      });
    });

    it("leave the lines of their standard error in the log file, by which hermes says what is wrong", () => {
      const kinds = { files: "command", gone: "command", ends: "command", refused: "url" } as const;
      const found = readProbe(half.stdout, lines, kinds)?.map(({ name, ok, error, lines: last }) => ({
        ...{ name, ok, error, last },
      }));
      expect(found).toMatchObject([
        { name: "files", ok: true },
        { name: "gone", error: "its program no-such-program does not exist on the droplet" },
        { name: "ends", error: "its program ended before it answered", last: ["no vault at /srv/vault", "giving up"] },
        { name: "refused", ok: false },
      ]);
    });
  });

  describe("a configuration that is invalid", () => {
    it("ends the gateway with 78, which no restart follows, and names the key", async () => {
      world.configure({}, (config) => void (config.gateway["nonsense"] = 1));
      const code = await world.start();
      world.configure();
      expect(code).toBe(78);
      expect(world.log).toContain('gateway: Unrecognized key: \\"nonsense\\"');
    });
  });

  describe("a gateway that starts", () => {
    let before: string;

    beforeAll(async () => {
      before = world.read("etc/openclaw.json");
      expect(await world.start()).toBeUndefined();
    });

    it("is ready", async () => {
      const { status, body } = (await world.get("/readyz")) ?? {};
      expect({ status, body: JSON.parse(body ?? "") }).toMatchObject({
        status: 200,
        body: { ready: true, failing: [] },
      });
    });

    it("is live", async () => {
      expect(await world.get("/healthz")).toEqual({ status: 200, body: '{"ok":true,"status":"live"}' });
    });

    it("answers other paths with a page, which is no JSON", async () => {
      const { status, body = "" } = (await world.get("/nothing")) ?? {};
      expect(status).toBe(200);
      expect(body).toMatch(/^<!doctype html>/);
    });

    it("listens on loopback alone, on IPv4 and IPv6", async () => {
      const answers = (host: string) =>
        fetch(`http://${host}:${world.port}/healthz`).then(
          () => true,
          () => false,
        );
      const others = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
      const outside = others.filter(({ internal, family }) => !internal && family === "IPv4");
      expect(await Promise.all(["127.0.0.1", "[::1]"].map(answers))).toEqual([true, true]);
      expect(await Promise.all(outside.map(({ address }) => answers(address)))).toEqual(outside.map(() => false));
    });

    it("logs JSON, with the words that hermes looks for", () => {
      const lines = world.log.split("\n").filter((line) => line.includes("http server listening"));
      expect(lines.length).toBeGreaterThan(0);
      const line = JSON.parse(lines.at(-1) ?? "") as object;
      expect(line).toMatchObject({ level: "info", subsystem: "gateway", time: expect.stringMatching(/^20/) });
    });

    it("makes its database, for its account alone", () => {
      expect(statSync(join(world.state, "state/openclaw.sqlite")).mode & 0o777).toBe(0o600);
      expect(statSync(join(world.state, "config-journal-fingerprint.key")).mode & 0o777).toBe(0o600);
    });

    it("leaves the configuration and its folder as they are", () => {
      expect(world.read("etc/openclaw.json")).toBe(before);
      expect(readdirSync(world.path("etc")).filter((name) => /\.bak|last-good/.test(name))).toEqual([]);
    });

    it("owns its state: a second one ends with 78", async () => {
      expect((await world.run(["gateway", "--port", String(world.port + 1)])).code).toBe(78);
    });
  });

  describe("an agent", () => {
    let first: Ran;
    let second: Ran;
    let tool: string;

    beforeAll(async () => {
      const command = "cat MARKER.md; echo to-stderr >&2; env; exit 3";
      world.openrouter.script([{ match: "run the commands", toolCall: { name: "exec", arguments: { command } } }]);
      const [one] = await Promise.all([
        world.ask("remember the word marmalade"),
        world.ask("run the commands", "shell"),
      ]);
      first = one;
      tool = lastCall("run the commands")?.messages.find(({ role }) => role === "tool")?.text ?? "";
      world.write("state/workspaces/main/SOUL.md", "# Who you are\n\nSOULMARK-2\n", 0o644);
      second = await world.ask("still there?");
    });

    it("answers by the first model", () => {
      expect(first.code).toBe(0);
      expect(turnOf(first)).toEqual({ ok: true, text: `PONG from ${FIRST}`, model: `openrouter/${FIRST}` });
    });

    it("asks it in a stream, offers it the exec tool, and says whom it is", () => {
      const call = world.openrouter.calls.find(({ messages }) =>
        messages.some(({ text }) => text.includes("marmalade")),
      );
      expect(call).toMatchObject({ stream: true, tools: expect.arrayContaining(["exec"]) });
      expect(call?.system).toContain("SOULMARK-1");
      expect(call?.system).toContain("AGENTSMARK-1");
    });

    it("goes on with the session, with an edited SOUL.md in the same session", () => {
      expect(turnOf(second)).toMatchObject({ ok: true });
      const call = lastCall("still there?");
      const said = call?.messages.map(({ role, text }) => `${role}: ${text}`).join("\n");
      expect(said).toMatch(/user: .*marmalade[^]*assistant: PONG from [^]*user: .*still there\?/);
      expect(call?.system).toContain("SOULMARK-2");
      expect(call?.system).not.toContain("SOULMARK-1");
    });

    it("keeps sessions apart", () => {
      expect(
        lastCall("run the commands")
          ?.messages.map(({ text }) => text)
          .join(),
      ).not.toContain("marmalade");
    });

    it("runs commands by ssh in the sandbox's workspace, and reports output, errors and the exit code", () => {
      expect(tool).toContain("the agent's\n");
      expect(tool).toContain("to-stderr");
      expect(tool).toMatch(/Command exited with code 3/);
      expect(world.read("ssh-calls").length).toBeGreaterThan(0);
    });

    it("has a database with the formats that the package names", () => {
      expect(schemas()).toEqual(manifest().openclaw.schemaVersions);
      expect(statSync(join(world.state, "agents/main/agent/openclaw-agent.sqlite")).mode & 0o777).toBe(0o600);
    });
  });

  describe("models that fail", () => {
    let turns: Record<"quota" | "credit" | "key" | "privacy" | "silent" | "all" | "nobody", Ran>;

    beforeAll(async () => {
      world.openrouter.script([]);
      const askWhile = async (
        name: string,
        failure: ModelFailure,
        models = [FIRST],
        seconds?: number,
      ): Promise<Ran> => {
        for (const model of models) world.openrouter.setModel(model, failure);
        const ran = await world.ask(`question of ${name}`, name, "main", seconds);
        for (const model of models) world.openrouter.setModel(model, null);
        return ran;
      };
      turns = {
        quota: await askWhile("quota", { kind: "free-models-per-day" }),
        credit: await askWhile("credit", { status: 402 }),
        key: await askWhile("key", { status: 401 }),
        privacy: await askWhile("privacy", { status: 404, body: { error: { message: PRIVACY, code: 404 } } }),
        silent: await askWhile("silent", { kind: "silent" }, [FIRST], 10),
        all: await askWhile("all", { kind: "free-models-per-day" }, [FIRST, NEXT]),
        nobody: await world.ask("question of nobody", "nobody", "nobody"),
      };
    });

    it.each([
      ["a used-up daily quota (429)", "quota"],
      ["no credit (402)", "credit"],
      ["a refused key (401)", "key"],
      ["an account whose privacy settings exclude it (404)", "privacy"],
    ] as const)("with %s: the next one is asked at once, and the turn says why", (_what, name) => {
      expect(turnOf(turns[name])).toEqual({
        ...{ ok: true, text: `PONG from ${NEXT}`, model: `openrouter/${NEXT}` },
        failed: [{ model: `openrouter/${FIRST}`, reason: expect.stringMatching(REASONS[name]) }],
      });
      expect({ code: turns[name].code, asked: asked(`question of ${name}`) }).toEqual({
        code: 0,
        asked: [FIRST, NEXT],
      });
    });

    it("without an answer in the turn's time: the turn times out, and no other is asked", () => {
      expect(turns.silent.code).toBe(1);
      expect(jsonIn(turns.silent)).toMatchObject({
        status: "timeout",
        result: { payloads: [{ text: expect.stringMatching(/timed out/) }] },
      });
      expect(asked("question of silent")).toEqual([FIRST]);
    });

    it("all of them: the turn fails and names each with its reason", () => {
      expect(turns.all.code).toBe(1);
      const reason = "429 Rate limit exceeded: free-models-per-day";
      const said = `All models failed \\(2\\): openrouter/${FIRST}: ${reason}.* \\| openrouter/${NEXT}: ${reason}`;
      expect(turnOf(turns.all)).toEqual({ ok: false, error: expect.stringMatching(new RegExp(said)) });
      expect(asked("question of all")).toEqual([FIRST, NEXT]);
    });

    it("are not asked for an agent that there is not", () => {
      expect(turns.nobody.code).toBe(1);
      expect(turnOf(turns.nobody)).toEqual({ ok: false, error: expect.stringContaining('Unknown agent id "nobody"') });
      expect(asked("question of nobody")).toEqual([]);
    });
  });

  describe("what changes while it runs", () => {
    let pid: number | undefined;
    beforeAll(() => void (pid = world.pid));

    it("a secret in its file: `secrets reload` takes it", async () => {
      const key = "sk-or-v1-other-key-of-the-test";
      await world.openrouter.control("key", { key });
      world.secret("openrouterApiKey", key);
      expect(await world.run(["secrets", "reload"])).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("Secrets reloaded"),
      });
      expect(turnOf(await world.ask("with another key", "rotated"))).toMatchObject({
        ok: true,
        model: `openrouter/${FIRST}`,
      });
    });

    it("an invalid configuration: refused, with the reason, and the gateway stays as it was", async () => {
      const since = world.log.length;
      world.configure({}, (config) => void (config.gateway["nonsense"] = 1));
      const said = await world.logged(/config reload/, since);
      expect(reloadOutcome(said)).toBe("refused");
      expect(said).toContain('gateway: Unrecognized key: \\"nonsense\\"');
      expect(await world.isReady()).toBe(true);
    });

    it("the chain of models: taken by the same process", async () => {
      const since = world.log.length;
      const models = { ...hermesConfig.models, primary: `openrouter/${NEXT}`, fallbacks: [`openrouter/${FIRST}`] };
      world.configure({ models });
      const said = await world.logged(/config hot reload applied|config reload failed/, since);
      expect(reloadOutcome(said)).toBe("applied");
      expect(turnOf(await world.ask("who answers now", "reloaded"))).toMatchObject({
        ok: true,
        model: `openrouter/${NEXT}`,
      });
      expect(world.pid).toBe(pid);
    });
  });

  const sent = (since: number, text: RegExp) =>
    world.telegram.waitForCall(
      ({ method, parameters }) => method === "sendMessage" && text.test(String(parameters["text"])),
      { since, timeoutMs: 120_000 },
    );

  it("the owner on Telegram is answered by the agent at once, without a pairing code", async () => {
    world.telegram.inject("ping", OWNER);
    const { parameters } = await sent(0, /./);
    expect(parameters["text"]).toMatch(/^PONG from /);
  });

  describe("a stranger on Telegram", () => {
    let code: string;

    it("gets a pairing code", async () => {
      world.telegram.inject("may I?", STRANGER);
      const { parameters } = await sent(0, /Pairing code/);
      expect(Number(parameters["chat_id"])).toBe(STRANGER);
      code = /\b[A-Z0-9]{8}\b/.exec(String(parameters["text"]).replace(/<[^>]*>/g, " "))?.[0] ?? "";
      expect(code).not.toBe("");
    });

    it("waits in the list", async () => {
      const listed = await world.run(["pairing", "list", "telegram", "--json"]);
      expect(listed.code).toBe(0);
      const time = expect.stringMatching(/^20/);
      const meta = { username: `user${STRANGER}`, firstName: "Lab", accountId: "default" };
      const request = { id: String(STRANGER), code, createdAt: time, lastSeenAt: time, meta };
      expect(jsonIn(listed)).toEqual({ channel: "telegram", requests: [request] });
    });

    it("is answered by the agent once he is approved", async () => {
      const since = world.telegram.calls.at(-1)?.number ?? 0;
      expect((await world.run(["pairing", "approve", "telegram", code])).code).toBe(0);
      world.telegram.inject("ping", STRANGER);
      const { parameters } = await sent(since, /^PONG from /);
      expect(Number(parameters["chat_id"])).toBe(STRANGER);
    });

    it("is no device: none is listed", async () => {
      const ran = await world.run(["devices", "list", "--json"]);
      expect({ code: ran.code, said: jsonIn(ran) }).toEqual({ code: 0, said: { pending: [], paired: [] } });
    });
  });

  describe("two agents, one bound to a person and a group, the other one to the rest", () => {
    const GROUP = -1_001_234_567_890;
    const FORUM = -1_009_876_543_210;
    const NAME = "@hermes_lab_bot";
    const last = (): number => world.telegram.calls.at(-1)?.number ?? 0;
    const promptOf = (question: string): string => lastCall(question)?.system ?? "";

    beforeAll(async () => {
      world.write("state/workspaces/family/SOUL.md", "# Who you are\n\nFAMILYMARK\n", 0o644);
      world.write("state/workspaces/family/AGENTS.md", "# Rules\n", 0o644);
      const since = world.log.length;
      const groups = [GROUP, FORUM].map((id) => ({
        channel: "telegram" as const,
        peer: { kind: "group" as const, id: String(id) },
      }));
      const stranger = { channel: "telegram" as const, peer: { kind: "direct" as const, id: String(STRANGER) } };
      world.configure({
        agents: {
          main: { workspace: "workspace/main", bindings: [{ channel: "telegram" }] },
          family: { workspace: "workspace/family", bindings: [stranger, ...groups] },
        },
      });
      await world.logged(/config hot reload applied|config change applied|config reload failed/, since);
    });

    it.each<[string, number, string, GroupPlace | undefined]>([
      ["the owner, in private", OWNER, "SOULMARK", undefined],
      ["the person of the binding, in private", STRANGER, "FAMILYMARK", undefined],
      ["the owner, in the group", OWNER, "FAMILYMARK", { id: GROUP }],
      ["the owner, in a topic of a forum", OWNER, "FAMILYMARK", { id: FORUM, topic: 7 }],
    ])("answer by their own SOUL.md: %s", async (what, from, mark, group) => {
      const [since, question] = [last(), `who are you to ${what.replaceAll(" ", "-")}`];
      world.telegram.inject(group === undefined ? question : `${NAME} ${question}`, from, group);
      const { parameters } = await sent(since, /^PONG from /);
      expect(Number(parameters["chat_id"])).toBe(group?.id ?? from);
      expect(parameters["message_thread_id"]).toBe(group?.topic);
      expect(["SOULMARK", "FAMILYMARK"].filter((each) => promptOf(question).includes(each))).toEqual([mark]);
    });

    it.each([
      ["a member who is not the owner", `${NAME} let me in`, STRANGER, GROUP],
      ["a group that nothing is bound to", `${NAME} and here?`, OWNER, -1_005_555_555_555],
    ])("answer nobody else: %s", async (_what, text, from, group) => {
      const since = last();
      world.telegram.inject(text, from, { id: group });
      world.telegram.inject("ping", OWNER);
      await sent(since, /^PONG from /);
      const sentSince = world.telegram.calls.filter(({ number, method }) => number > since && method === "sendMessage");
      expect(sentSince.map(({ parameters }) => Number(parameters["chat_id"]))).toEqual([OWNER]);
    });
  });

  describe("a backup of the running gateway", () => {
    let created: Ran;
    let restored: Ran;
    let occupied: Ran;
    let damaged: Ran;
    const archive = () => world.path("backup.tar.gz");
    const restore = (from: string, to: string) => world.run(["backup", "restore", from, "--target", to, "--json"]);
    /** The state in an unpacked archive. */
    const stateIn = (tree: string) => join(tree, readdirSync(tree)[0] ?? "", "payload/posix", world.state);

    beforeAll(async () => {
      created = await world.run(["backup", "create", "--output", archive(), "--verify", "--json"]);
      execFileSync("cp", [archive(), world.path("damaged.tar.gz")]);
      truncateSync(world.path("damaged.tar.gz"), 2000);
      [restored, occupied, damaged] = await Promise.all([
        restore(archive(), world.path("tree")),
        restore(archive(), world.path("etc")),
        restore(world.path("damaged.tar.gz"), world.path("tree-of-damaged")),
      ]);
    });

    it("is made and verified", () => {
      expect(created.code).toBe(0);
      expect(jsonIn(created)).toMatchObject({
        archivePath: archive(),
        verified: true,
        archiveRoot: expect.stringMatching(/-openclaw-backup$/),
      });
    });

    it("is restored into an empty folder", () => {
      expect(restored.code).toBe(0);
      expect(jsonIn(restored)).toMatchObject({ ok: true, runtimeVersion: "2026.9.6", targetPath: world.path("tree") });
      expect(readdirSync(world.path("tree"))).toHaveLength(1);
    });

    it("has the state's files byte by byte, as tar unpacks them too", async () => {
      execFileSync("mkdir", ["-p", world.path("by-tar")]);
      execFileSync("tar", ["-xzf", archive(), "-C", world.path("by-tar")]);
      const [byItself = {}, byTar] = ["tree", "by-tar"].map((name) => contentsOf(stateIn(world.path(name))));
      expect(byItself).toEqual(byTar);
      const names = Object.keys(byItself);
      for (const name of [
        "workspaces/main/SOUL.md",
        "state/openclaw.sqlite",
        "agents/main/agent/openclaw-agent.sqlite",
      ])
        expect(names).toContain(name);
      expect(names.filter((name) => /^(cache|tmp|logs)\/|-wal$|-shm$|\.lock/.test(name))).toEqual([]);
    });

    it("has whole databases of the same formats", () => {
      expect(schemas(stateIn(world.path("tree")))).toEqual(manifest().openclaw.schemaVersions);
    });

    it("has the configuration", () => {
      const root = readdirSync(world.path("tree"))[0] ?? "";
      const restoredConfig = readFileSync(join(world.path("tree"), root, "payload/posix", world.configPath), "utf8");
      expect(restoredConfig).toBe(world.read("etc/openclaw.json"));
    });

    it("is not restored into a folder that holds something", () => {
      expect(occupied.code).toBe(1);
      expect(reasonIn(`${occupied.stdout}\n${occupied.stderr}`)).toMatch(
        /^Backup restore target directory must be empty/,
      );
    });

    it("is refused when it is damaged, with a reason", () => {
      expect(damaged.code).toBe(1);
      expect(`${damaged.stdout}\n${damaged.stderr}`).toMatch(/\[openclaw\] Reason: ./);
    });
  });

  describe("a gateway that is stopped", () => {
    const setFormat = (version: number): void => {
      const program = `const d = new (require("node:sqlite").DatabaseSync)(process.argv[1]); d.exec("PRAGMA user_version = ${version}"); d.close()`;
      execFileSync(world.program.node, ["-e", program, join(world.state, "state/openclaw.sqlite")]);
    };

    it("by SIGTERM ends with 0", async () => {
      expect(await world.stop()).toBe(0);
      expect(await world.get("/readyz")).toBeUndefined();
    });

    it("does not start on the state of a newer version: 78, with both formats", async () => {
      const { state } = manifest().openclaw.schemaVersions;
      setFormat(999);
      const since = world.log.length;
      const code = await world.start();
      setFormat(state);
      expect(code).toBe(78);
      expect(world.log.slice(since)).toMatch(/newer schema version 999/);
    });

    it("starts again and goes on with its sessions", async () => {
      expect(await world.start()).toBeUndefined();
      expect(turnOf(await world.ask("and after a restart?"))).toMatchObject({ ok: true });
      expect(
        lastCall("and after a restart?")
          ?.messages.map(({ text }) => text)
          .join("\n"),
      ).toContain("marmalade");
    });

    it("by SIGKILL leaves whole databases", async () => {
      expect(await world.stop("SIGKILL")).toBe("SIGKILL");
      expect(schemas()).toEqual(manifest().openclaw.schemaVersions);
    });
  });
});
