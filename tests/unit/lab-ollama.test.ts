import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModuleKind, transpileModule } from "typescript";
import { OllamaRegistry } from "../../localcloud/services/ollama";
import { standInModel } from "../../localcloud/services/ollama/models";

const SOURCE = join(__dirname, "../../localcloud/services/ollama/program.ts");
const TAG = "qwen3.5:9b";
const MIB = 1024 * 1024;
const WEIGHTS_SIZE = 3 * MIB;

const dir = mkdtempSync(join(tmpdir(), "hermes-ollama-"));
const models = join(dir, "models");
const program = join(dir, "program.cjs");
const log = join(dir, "requests.jsonl");
let server: Server;
let registry: OllamaRegistry;
let registryUrl: string;

/** The stand-in program as a child, on a free port. */
class Ollama {
  private constructor(
    readonly url: string,
    readonly child: ChildProcess,
  ) {}

  static async start(environment: Record<string, string> = {}): Promise<Ollama> {
    const port = await freePort();
    const child = spawn(process.execPath, [program, "serve"], {
      env: {
        ...process.env,
        OLLAMA_HOST: `127.0.0.1:${port}`,
        OLLAMA_MODELS: models,
        OLLAMA_CONTEXT_LENGTH: "65536",
        OLLAMA_STAND_IN_REGISTRY: registryUrl,
        OLLAMA_STAND_IN_LOG: log,
        ...environment,
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [first] = (await once(child.stderr as NodeJS.ReadableStream, "data")) as [Buffer];
    expect(first.toString()).toContain(`Listening on 127.0.0.1:${port}`);
    return new Ollama(`http://127.0.0.1:${port}`, child);
  }

  post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method: path === "/api/delete" ? "DELETE" : "POST",
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async get<T>(path: string): Promise<T> {
    return (await (await fetch(`${this.url}${path}`)).json()) as T;
  }

  /** All lines of a stream. */
  async lines(path: string, body: unknown): Promise<Record<string, unknown>[]> {
    const text = await (await this.post(path, body)).text();
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  pull(model = TAG): Promise<Record<string, unknown>[]> {
    return this.lines("/api/pull", { model });
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill("SIGKILL");
    await once(this.child, "exit");
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

const weightsCalls = () => registry.calls.filter((call) => call.path.includes(digest) && call.range);
const digest = standInModel(TAG, 262_144).layers[0]?.digest ?? "";
const blob = (suffix = "") => join(models, "blobs", `sha256-${digest}${suffix}`);
const blobs = () => readdirSync(join(models, "blobs"));

let ollama: Ollama;

jest.setTimeout(30_000);

// The droplet's Node takes the types away by itself.
beforeAll(() => {
  const { outputText } = transpileModule(readFileSync(SOURCE, "utf8"), {
    compilerOptions: { module: ModuleKind.CommonJS, target: 9 },
  });
  writeFileSync(program, outputText);
});

beforeEach(async () => {
  mkdirSync(models, { recursive: true });
  server = createServer((request, response) => void registry.handler(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  registryUrl = `http://127.0.0.1:${port}`;
  registry = new OllamaRegistry({
    storage: `http://localhost:${port}`,
    modelFor: async (repository, tag) =>
      repository === "library/qwen3.5" ? standInModel(`qwen3.5:${tag}`, 262_144) : undefined,
  });
  ollama = await Ollama.start();
});

afterEach(async () => {
  await ollama.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  for (const path of [models, log]) rmSync(path, { recursive: true, force: true });
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("the Ollama stand-in pulls", () => {
  it("a model with progress, and then has it", async () => {
    const lines = await ollama.pull();
    expect(lines[0]).toEqual({ status: "pulling manifest" });
    expect(lines.at(-1)).toEqual({ status: "success" });
    const progress = lines.filter((line) => line["digest"] === `sha256:${digest}`);
    expect(progress[0]).toMatchObject({ total: WEIGHTS_SIZE, completed: 0 });
    expect(progress.at(-1)).toMatchObject({ total: WEIGHTS_SIZE, completed: WEIGHTS_SIZE });
    const { models: tags } = await ollama.get<{ models: { name: string }[] }>("/api/tags");
    expect(tags).toMatchObject([{ name: TAG, details: { quantization_level: "Q4_K_M" } }]);
  });

  it("only the rest after the network broke", async () => {
    registry.setFaults({ cutAfterBytes: MIB });
    expect((await ollama.pull()).at(-1)).toHaveProperty("error");
    expect((await ollama.pull()).at(-1)).toEqual({ error: expect.stringContaining("503") });
    registry.setFaults({});
    expect((await ollama.pull()).at(-1)).toEqual({ status: "success" });
    const { range, status, bytes } = weightsCalls().at(-1) ?? {};
    const kept = Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1]);
    expect({ range, status, bytes }).toEqual({
      range: `bytes=${kept}-${WEIGHTS_SIZE - 1}`,
      status: 206,
      bytes: WEIGHTS_SIZE - kept,
    });
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThanOrEqual(MIB);
    expect(existsSync(blob("-partial"))).toBe(false);
  });

  it("only the rest after it was killed", async () => {
    registry.setFaults({ slowBytesPerSecond: MIB });
    const pulling = ollama.pull().catch(() => undefined);
    while (!existsSync(blob("-partial")) || statSync(blob("-partial")).size === 0) await turn();
    await ollama.stop();
    await pulling;
    const kept = statSync(blob("-partial")).size;
    expect(kept).toBeLessThan(WEIGHTS_SIZE);
    registry.setFaults({});
    ollama = await Ollama.start();
    expect((await ollama.pull()).at(-1)).toEqual({ status: "success" });
    expect(weightsCalls().at(-1)).toMatchObject({ bytes: WEIGHTS_SIZE - kept });
  });

  it("nothing that came with another digest", async () => {
    registry.setFaults({ cutAfterBytes: MIB });
    await ollama.pull();
    const bytes = readFileSync(blob("-partial"));
    bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
    writeFileSync(blob("-partial"), bytes);
    registry.setFaults({});
    expect((await ollama.pull()).at(-1)).toEqual({ error: expect.stringContaining("digest mismatch") });
    expect(existsSync(blob())).toBe(false);
    expect((await ollama.pull()).at(-1)).toEqual({ status: "success" });
  });

  it("says what Ollama says of a model that is not there", async () => {
    const [first, last] = await ollama.pull("no-such:1b");
    expect(first).toEqual({ status: "pulling manifest" });
    expect(last).toEqual({ error: "pull model manifest: file does not exist" });
    registry.setFaults({ missing: true });
    expect((await ollama.pull()).at(-1)).toEqual(last);
  });
});

describe("the Ollama stand-in runs a model", () => {
  beforeEach(async () => void (await ollama.pull()));

  it("whose context is the one asked for, the standing one, or what it was trained for", async () => {
    const contextAfter = async (options: Record<string, number>): Promise<unknown> => {
      await ollama.post("/api/generate", { model: TAG, keep_alive: -1, options });
      const { models: running } = await ollama.get<{ models: { context_length: number }[] }>("/api/ps");
      return running[0]?.context_length;
    };
    expect(await ollama.get("/api/ps")).toEqual({ models: [] });
    expect(await contextAfter({ num_ctx: 32_768 })).toBe(32_768);
    expect(await contextAfter({})).toBe(65_536);
    expect(await contextAfter({ num_ctx: 1_000_000 })).toBe(262_144);
  });

  it("that says that it can call tools", async () => {
    const shown = (await (await ollama.post("/api/show", { model: TAG })).json()) as Record<string, unknown>;
    expect(shown["capabilities"]).toContain("tools");
    expect(shown["model_info"]).toMatchObject({ "qwen35.context_length": 262_144 });
    expect((await ollama.post("/api/show", { model: "no-such:1b" })).status).toBe(404);
  });

  const user = (content: string) => [
    { role: "system", content: "Be brief." },
    { role: "user", content },
  ];
  const said = (lines: Record<string, unknown>[]) =>
    lines.map((line) => (line["message"] as { content: string }).content).join("");

  it("that answers in a stream, and at once", async () => {
    const lines = await ollama.lines("/api/chat", { model: TAG, messages: user("ping please") });
    expect(said(lines)).toBe(`PONG from ollama/${TAG}`);
    expect(lines.at(-1)).toMatchObject({ done: true, done_reason: "stop" });
    const [whole] = await ollama.lines("/api/chat", { model: TAG, stream: false, messages: user("hello") });
    expect(whole).toMatchObject({ message: { role: "assistant", content: `${TAG} heard: hello` }, done: true });
  });

  it("that calls a tool when told to, once, and only one that it has", async () => {
    const tools = [{ type: "function", function: { name: "exec", parameters: {} } }];
    const messages = user("Call the tool exec.");
    const [call] = await ollama.lines("/api/chat", { model: TAG, messages, tools });
    expect(call).toMatchObject({ message: { tool_calls: [{ function: { name: "exec", arguments: {} } }] } });
    const after = [...messages, { role: "tool", content: "done" }];
    expect(said(await ollama.lines("/api/chat", { model: TAG, messages: after, tools }))).toContain("heard");
    expect(said(await ollama.lines("/api/chat", { model: TAG, messages }))).toContain("heard");
  });

  it("and deletes it with all that only it needed", async () => {
    await ollama.pull("qwen3.5:4b");
    await ollama.post("/api/generate", { model: TAG });
    expect((await ollama.post("/api/delete", { model: TAG })).status).toBe(200);
    expect(existsSync(blob())).toBe(false);
    expect(await ollama.get("/api/ps")).toEqual({ models: [] });
    // Template, license and parameters are shared with the other one.
    expect(blobs()).toHaveLength(5);
    await ollama.post("/api/delete", { model: "qwen3.5:4b" });
    expect(blobs()).toEqual([]);
    expect((await ollama.post("/api/delete", { model: TAG })).status).toBe(404);
  });

  it("and writes down what was asked of it, but not what was said", async () => {
    await ollama.lines("/api/chat", { model: TAG, options: { num_ctx: 65_536 }, messages: user("a secret") });
    const text = readFileSync(log, "utf8");
    const records = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records[0]).toMatchObject({ event: "serve", environment: { OLLAMA_CONTEXT_LENGTH: "65536" } });
    expect(records.at(-1)).toMatchObject({
      path: "/api/chat",
      roles: ["system", "user"],
      options: { num_ctx: 65_536 },
    });
    expect(text).not.toContain("secret");
  });
});

describe("the registry stand-in", () => {
  it("redirects a blob to another host, and knows none that no manifest named", async () => {
    const path = `/v2/library/qwen3.5/blobs/sha256:${digest}`;
    expect((await fetch(`${registryUrl}${path}`)).status).toBe(404);
    await fetch(`${registryUrl}/v2/library/qwen3.5/manifests/9b`);
    const reply = await fetch(`${registryUrl}${path}`, { redirect: "manual" });
    expect(reply.status).toBe(307);
    expect(new URL(reply.headers.get("location") ?? "").hostname).not.toBe(new URL(registryUrl).hostname);
    const head = await fetch(`${registryUrl}${path}`, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(String(WEIGHTS_SIZE));
  });

  it("is controlled like the other stand-ins", async () => {
    expect(registry.control("faults", { status: 503 })).toEqual({ status: 503 });
    expect((await fetch(`${registryUrl}/v2/library/qwen3.5/manifests/9b`)).status).toBe(503);
    expect(registry.control("reset", {})).toEqual({});
    expect((await fetch(`${registryUrl}/v2/library/qwen3.5/manifests/9b`)).status).toBe(200);
    expect(registry.control("calls", { since: 1 })).toMatchObject([{ number: 2, status: 200 }]);
    expect(() => registry.control("rain", {})).toThrow(/calls, faults, reset/);
  });
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
