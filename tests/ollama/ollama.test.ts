import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OLLAMA_VERSION } from "../../config/types";
import { builtPath, RECIPES } from "../../localcloud/engine";
import { labOf } from "../../localcloud/lab";
import { OllamaRegistry } from "../../localcloud/services/ollama";
import { realModel } from "../../localcloud/services/ollama/models";
import { WEIGHTS_CONTEXT, weightsPath } from "../../localcloud/services/ollama/weights";
import { MEASURED, sumMiB, type LocalModel } from "../../planner";
import { BATCH, budget } from "../../planner/budget";
import { ollamaPlan } from "../../planner/ollama";
import { RealOllama } from "./real-ollama";

jest.setTimeout(300_000);

const { cache } = labOf(join(__dirname, "../.."));
const binary = builtPath(cache, RECIPES.ollama);
const weights = weightsPath(cache);
const MIB = 2 ** 20;

/** Gemma 3 270M, as its file says. */
const MODEL: LocalModel = {
  tag: "gemma3:270m",
  fileBytes: statSync(weights).size,
  fileBasis: "exact",
  nativeContext: WEIGHTS_CONTEXT,
  layers: 18,
  fullAttentionLayers: 3,
  kvHeads: 1,
  kDim: 256,
  vDim: 256,
  recurrentStateMiB: 0,
  engine: "ollama",
  // 15 layers, window of 512 tokens and a batch of as many.
  slidingWindowMiB: 15,
  // The planner's rule for compute buffers: batch × vocabulary × 4 bytes × 1.06.
  computeMiB: (BATCH * 262_144 * 4 * 1.06) / MIB,
  basis: "read from the file",
  tools: true,
  toolEvidence: "none",
  licence: "Gemma Terms",
  nonCommercial: false,
};
const WISH = { contextTokens: 65_536, cacheType: "q8_0" } as const;
const memory = budget(16_384, { agents: 1, stdioMcpServers: 0, localModel: WISH }, MODEL);
const planned = ollamaPlan(MODEL, WISH, memory, MEASURED);
const options = { num_ctx: planned.contextTokens, num_batch: planned.batch };

const dir = mkdtempSync(join(tmpdir(), "hermes-real-ollama-"));
const models = join(dir, "models");
const results: Record<string, unknown> = { bench: "ollama", version: OLLAMA_VERSION, context: WISH.contextTokens };
let server: Server;
let registry: OllamaRegistry;
let ollama: RealOllama;
let name: string;
let port: number;

const start = (): Promise<RealOllama> =>
  RealOllama.start(binary, port, {
    ...planned.environment,
    PATH: process.env["PATH"] ?? "",
    HOME: dir,
    OLLAMA_HOST: `127.0.0.1:${port}`,
    OLLAMA_MODELS: models,
  });

beforeAll(async () => {
  mkdirSync(models);
  server = createServer((request, response) => void registry.handler(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const registryPort = (server.address() as AddressInfo).port;
  // Another host name: Ollama follows the first redirect to one and takes that for the blob's place.
  registry = new OllamaRegistry({
    storage: `http://localhost:${registryPort}`,
    modelFor: () => realModel(weights),
  });
  name = `http://127.0.0.1:${registryPort}/library/${MODEL.tag}`;
  port = await freePort();
  ollama = await start();
});

afterAll(async () => {
  await ollama.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true, force: true });
  process.stdout.write(`${JSON.stringify(results)}\n`);
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port: free } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return free;
}

const bytesOnDisk = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).blocks * 512, 0);

const localName = (): string => name.replace("http://", "");
const pullBody = () => ({ model: name, insecure: true });

/** Bytes of blobs that the registry has sent since call number `since`. */
const sentSince = (since: number): number =>
  registry.calls.filter((call) => call.number > since).reduce((sum, call) => sum + call.bytes, 0);

/** Pulls slowly until a third is there, then does what interrupts it. */
async function interrupt(how: (abort: () => void) => void): Promise<void> {
  registry.setFaults({ slowBytesPerSecond: 30 * MIB });
  await ollama
    .stream("POST", "/api/pull", pullBody(), (line, abort) => {
      if (Number(line["completed"] ?? 0) > MODEL.fileBytes / 3) how(abort);
    })
    .catch(() => undefined);
  registry.setFaults({});
}

/** Pulls the rest and says how much of it, in MiB, had to be sent again or for the first time. */
async function pullRest(): Promise<number> {
  const before = registry.calls.length;
  const lines = await ollama.call("POST", "/api/pull", pullBody());
  expect(lines.at(-1)).toEqual({ status: "success" });
  return Math.round(sentSince(before) / MIB);
}

const remove = () => ollama.call("DELETE", "/api/delete", { model: localName() });

describe("the real Ollama, with the planned environment", () => {
  it("is the pinned version", async () => {
    expect(await ollama.call("GET", "/api/version")).toEqual([{ version: OLLAMA_VERSION }]);
  });

  it("pulls only the rest after whoever asked went away", async () => {
    await interrupt((abort) => abort());
    const rest = await pullRest();
    results["pulledAfterAbortMiB"] = rest;
    expect(rest).toBeGreaterThan(0);
    expect(rest).toBeLessThan((MODEL.fileBytes / MIB) * 0.75);
  });

  it("deletes a model and frees its disk", async () => {
    expect(bytesOnDisk(models)).toBeGreaterThan(MODEL.fileBytes);
    await remove();
    expect(bytesOnDisk(models)).toBeLessThan(MIB);
  });

  it.each(["SIGTERM", "SIGKILL"] as const)("pulls to the end after %s in the middle", async (signal) => {
    let stopped: Promise<void> | undefined;
    await interrupt(() => void (stopped ??= ollama.stop(signal)));
    await stopped;
    ollama = await start();
    const rest = await pullRest();
    results[`pulledAfter${signal}MiB`] = rest;
    if (signal === "SIGTERM") await remove();
  });

  it("says what the planner and the deploy's checks rely on", async () => {
    const shown = await ollama.post("/api/show", { model: localName() });
    expect(shown["capabilities"]).toContain("tools");
    expect(shown["model_info"]).toMatchObject({ "gemma3.context_length": WEIGHTS_CONTEXT });
  });

  it("loads it with the planned context, and keeps it", async () => {
    const started = Date.now();
    const reply = await ollama.post("/api/generate", { model: localName(), keep_alive: -1, options });
    expect(reply).toMatchObject({ done: true, done_reason: "load" });
    results["loadSeconds"] = (Date.now() - started) / 1000;
    const [{ models: running = [] } = {}] = (await ollama.call("GET", "/api/ps")) as { models?: unknown[] }[];
    expect(running).toMatchObject([{ context_length: WISH.contextTokens }]);
    results["psSizeMiB"] = ((running as { size: number }[])[0]?.size ?? 0) / MIB;
    results["afterLoadMiB"] = ollama.peakMiB();
  });

  it("answers, also a long question", async () => {
    const ask = (content: string) =>
      ollama.post("/api/chat", {
        model: localName(),
        keep_alive: -1,
        options: { ...options, num_predict: 16 },
        messages: [{ role: "user", content }],
      });
    const started = Date.now();
    const answer = await ask("Say pong.");
    expect((answer["message"] as { content: string }).content).not.toBe("");
    results["answerSeconds"] = (Date.now() - started) / 1000;
    const long = await ask("The quick brown fox jumps over the lazy dog. ".repeat(30));
    expect(long["prompt_eval_count"]).toBeGreaterThan(250);
    results["longPrompt"] = {
      tokens: long["prompt_eval_count"],
      seconds: Number(long["prompt_eval_duration"]) / 1e9,
    };
  });

  it("takes no more memory than the planner's lines for that shape, and no less than its weights and cache", () => {
    const { serve, runner } = ollama.peakMiB();
    const lines = memory.lines.filter((line) => line.part === "local model");
    const linesMiB = sumMiB(lines);
    Object.assign(results, { serveMiB: serve, runnerMiB: runner, linesMiB, lines, memoryMaxMiB: planned.memoryMaxMiB });
    expect(serve + runner).toBeLessThanOrEqual(linesMiB);
    const fixed = lines.filter(({ what }) => /^(weights|KV cache)/.test(what));
    expect(serve + runner).toBeGreaterThan(sumMiB(fixed));
  });
});
