/**
 * The lab's stand-in for the program `ollama`, version 0.24.0: pulls and keeps models as the real one does, and answers
 * by rote. One file without dependencies, which the droplet's Node runs as it is. What of Ollama's interface it has is
 * what hermes and OpenClaw use. Read from OLLAMA_HOST, OLLAMA_MODELS, OLLAMA_CONTEXT_LENGTH, and of its own:
 *
 * - OLLAMA_STAND_IN_REGISTRY: base URL to pull from, whatever registry a model's name says. Default: that registry.
 * - OLLAMA_STAND_IN_LOG: JSONL file of the requests, without what anybody said.
 */
import { createHash } from "node:crypto";
import { appendFileSync, createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync } from "node:fs";
import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const VERSION = "0.24.0";
/** The context that Ollama gives where nobody asks for one and there is no graphics card. */
const DEFAULT_CONTEXT = 4096;

interface Layer {
  mediaType: string;
  digest: string;
  size: number;
}

interface Manifest {
  config: Layer;
  layers: Layer[];
}

/** What a model's configuration layer says about it. */
interface ModelConfig {
  model_family?: string;
  model_families?: string[];
  model_type?: string;
  file_type?: string;
  context_length?: number;
  capabilities?: string[];
}

interface Options {
  num_ctx?: number;
}

interface ChatMessage {
  role: string;
  content?: string;
}

interface Body {
  model?: string;
  name?: string;
  prompt?: string;
  stream?: boolean;
  keep_alive?: number | string;
  options?: Options;
  messages?: ChatMessage[];
  tools?: { function?: { name?: string } }[];
}

interface Loaded {
  model: string;
  context: number;
}

/** An answer that is not 200; its words are Ollama's. */
class Failure extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const environment = (name: string): string => process.env[name] ?? "";
const modelsDir = (): string => environment("OLLAMA_MODELS") || join(homedir(), ".ollama", "models");
const blobPath = (digest: string): string => join(modelsDir(), "blobs", digest.replace(":", "-"));

// --- names -----------------------------------------------------------------------------------------------------------

interface Name {
  host: string;
  namespace: string;
  model: string;
  tag: string;
}

/** `[[host/]namespace/]model[:tag]` */
function parseName(text: string): Name {
  const [path = "", tag = "latest"] = text.split(/:(?=[^/]*$)/);
  const parts = path.split("/");
  if (parts.length > 3 || ![...parts, tag].every((part) => /^\w[\w.-]*$/.test(part))) {
    throw new Failure(400, "invalid model name");
  }
  const model = parts.pop() ?? "";
  const namespace = parts.pop() ?? "library";
  return { host: parts.pop() ?? "registry.ollama.ai", namespace, model, tag };
}

const manifestPath = (name: Name): string =>
  join(modelsDir(), "manifests", name.host, name.namespace, name.model, name.tag);

function shortest(name: Name): string {
  const namespace = name.namespace === "library" ? "" : `${name.namespace}/`;
  const host = name.host === "registry.ollama.ai" ? "" : `${name.host}/${name.namespace}/`;
  return `${host === "" ? namespace : host}${name.model}:${name.tag}`;
}

function readManifest(text: string): Manifest {
  const path = manifestPath(parseName(text));
  if (!existsSync(path)) throw new Failure(404, `model '${text}' not found`);
  return JSON.parse(readFileSync(path, "utf8")) as Manifest;
}

const layersOf = (manifest: Manifest): Layer[] => [...manifest.layers, manifest.config];

const configOf = (manifest: Manifest): ModelConfig =>
  JSON.parse(readFileSync(blobPath(manifest.config.digest), "utf8")) as ModelConfig;

/** Names of all installed models, with where their manifests are. */
function installed(): { name: string; path: string }[] {
  const root = join(modelsDir(), "manifests");
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const [host = "", namespace = "", model = "", tag = ""] = path.slice(root.length + 1).split("/");
      return { name: shortest({ host, namespace, model, tag }), path };
    });
}

const state: { loaded: Loaded | undefined; pulling: Promise<void> } = { loaded: undefined, pulling: Promise.resolve() };

// --- pull ------------------------------------------------------------------------------------------------------------

type Tell = (progress: Record<string, unknown>) => void;

/** One at a time: two must not write to one file. */
function pull(text: string, tell: Tell, signal: AbortSignal): Promise<void> {
  const mine = state.pulling.then(() => pullNow(text, tell, signal));
  state.pulling = mine.catch(() => undefined);
  return mine;
}

async function pullNow(text: string, tell: Tell, signal: AbortSignal): Promise<void> {
  const name = parseName(text);
  const base = environment("OLLAMA_STAND_IN_REGISTRY") || `https://${name.host}`;
  const repository = `${base}/v2/${name.namespace}/${name.model}`;
  tell({ status: "pulling manifest" });
  const manifestText = await fetchManifest(`${repository}/manifests/${name.tag}`, signal);
  const manifest = JSON.parse(manifestText) as Manifest;
  for (const layer of layersOf(manifest)) await pullBlob(`${repository}/blobs/${layer.digest}`, layer, tell, signal);
  tell({ status: "verifying sha256 digest" });
  for (const layer of layersOf(manifest)) await verify(layer);
  tell({ status: "writing manifest" });
  const path = manifestPath(name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, manifestText);
  tell({ status: "success" });
}

async function fetchManifest(url: string, signal: AbortSignal): Promise<string> {
  const accept = "application/vnd.docker.distribution.manifest.v2+json";
  const response = await fetch(url, { headers: { accept }, signal });
  if (response.status === 404) throw new Error("pull model manifest: file does not exist");
  if (!response.ok) throw new Error(`pull model manifest: ${response.status}: ${(await response.text()).trim()}`);
  return response.text();
}

/** Goes on from what an earlier try left beside the blob. */
async function pullBlob(url: string, layer: Layer, tell: Tell, signal: AbortSignal): Promise<void> {
  const path = blobPath(layer.digest);
  const status = `pulling ${layer.digest.slice(7, 19)}`;
  const { digest, size: total } = layer;
  if (existsSync(path)) return tell({ status, digest, total, completed: total });
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}-partial`;
  let completed = existsSync(partial) ? statSync(partial).size : 0;
  tell({ status, digest, total, completed });
  const count = (chunk: Buffer): void => tell({ status, digest, total, completed: (completed += chunk.length) });
  if (completed < total) await append(url, `bytes=${completed}-${total - 1}`, partial, count, signal);
  if (completed !== total) throw new Error("unexpected EOF");
  renameSync(partial, path);
}

async function append(
  url: string,
  range: string,
  path: string,
  count: (chunk: Buffer) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(url, { headers: { range }, signal });
  if (response.status !== 206 || response.body === null) throw new Error(`${response.status}: ${response.statusText}`);
  const body = Readable.fromWeb(response.body);
  body.on("data", count);
  await pipeline(body, createWriteStream(path, { flags: "a" }), { signal });
}

async function verify(layer: Layer): Promise<void> {
  const path = blobPath(layer.digest);
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  const digest = `sha256:${hash.digest("hex")}`;
  if (digest === layer.digest) return;
  rmSync(path);
  throw new Error(`digest mismatch, file must be downloaded again: want ${layer.digest}, got ${digest}`);
}

function remove(text: string): void {
  const manifest = readManifest(text);
  rmSync(manifestPath(parseName(text)));
  const kept = new Set(
    installed()
      .flatMap(({ path }) => layersOf(JSON.parse(readFileSync(path, "utf8")) as Manifest))
      .map((layer) => layer.digest),
  );
  for (const { digest } of layersOf(manifest)) if (!kept.has(digest)) rmSync(blobPath(digest), { force: true });
}

// --- answers ---------------------------------------------------------------------------------------------------------

const now = (): string => new Date().toISOString();

function details(manifest: Manifest): Record<string, unknown> {
  const config = configOf(manifest);
  return {
    parent_model: "",
    format: "gguf",
    family: config.model_family,
    families: config.model_families,
    parameter_size: config.model_type,
    quantization_level: config.file_type,
  };
}

function entry(name: string): Record<string, unknown> {
  const text = readFileSync(manifestPath(parseName(name)));
  const manifest = JSON.parse(text.toString()) as Manifest;
  return {
    name,
    model: name,
    modified_at: statSync(manifestPath(parseName(name))).mtime.toISOString(),
    size: layersOf(manifest).reduce((sum, layer) => sum + layer.size, 0),
    digest: createHash("sha256").update(text).digest("hex"),
    details: details(manifest),
  };
}

function show(text: string): Record<string, unknown> {
  const manifest = readManifest(text);
  const { model_family: family = "stand-in", context_length, capabilities } = configOf(manifest);
  return {
    modelfile: `FROM ${text}`,
    parameters: "",
    template: "{{ .Prompt }}",
    details: details(manifest),
    model_info: { "general.architecture": family, [`${family}.context_length`]: context_length ?? DEFAULT_CONTEXT },
    capabilities: capabilities ?? ["completion"],
    modified_at: now(),
  };
}

/** Loads as Ollama does: another context is another load, and none goes beyond what the model was trained for. */
function load(text: string, options: Options | undefined): Loaded {
  const trained = configOf(readManifest(text)).context_length ?? DEFAULT_CONTEXT;
  const standing = Number(environment("OLLAMA_CONTEXT_LENGTH")) || DEFAULT_CONTEXT;
  const model = shortest(parseName(text));
  state.loaded = { model, context: Math.min(options?.num_ctx ?? standing, trained) };
  return state.loaded;
}

function running(): Record<string, unknown>[] {
  if (state.loaded === undefined) return [];
  const { model, context } = state.loaded;
  // Where keep_alive is -1, Ollama names a day three centuries away.
  return [{ ...entry(model), expires_at: "2318-01-01T00:00:00Z", size_vram: 0, context_length: context }];
}

function generate(body: Body): Record<string, unknown> {
  const text = wanted(body);
  if (body.keep_alive === 0) {
    readManifest(text);
    state.loaded = undefined;
    return { model: text, created_at: now(), response: "", done: true, done_reason: "unload" };
  }
  load(text, body.options);
  const reason = body.prompt === undefined || body.prompt === "" ? "load" : "stop";
  const response = reason === "load" ? "" : answerTo(body.prompt ?? "", text);
  return { model: text, created_at: now(), response, done: true, done_reason: reason };
}

const answerTo = (said: string, model: string): string =>
  /\bping\b/i.test(said) ? `PONG from ollama/${model}` : `${model} heard: ${said}`;

/** The message of /api/chat: one tool call where the last word is the user's and asks for it, else text. */
function reply(body: Body, model: string): Record<string, unknown> {
  const messages = body.messages ?? [];
  // OpenClaw puts context of its own after what the person said, in messages of the same role.
  const answered = messages.findLastIndex((message) => message.role === "assistant");
  const asked = messages.slice(answered + 1).filter((message) => message.role === "user");
  const said = asked.map((message) => message.content).join("\n");
  const [, tool] = /call the tool (\w+)/i.exec(said) ?? [];
  const offered = (body.tools ?? []).some((one) => one.function?.name === tool);
  if (tool === undefined || !offered || messages.at(-1)?.role !== "user") {
    return { role: "assistant", content: answerTo(said, model) };
  }
  const call = { id: "call_standin", function: { index: 0, name: tool, arguments: {} } };
  return { role: "assistant", content: "", tool_calls: [call] };
}

const FIGURES = {
  total_duration: 1e9,
  load_duration: 1e8,
  prompt_eval_count: 12,
  prompt_eval_duration: 1e8,
  eval_count: 4,
  eval_duration: 1e8,
};

function chat(body: Body, response: ServerResponse): void {
  const model = wanted(body);
  load(model, body.options);
  const message = reply(body, model);
  const end = { done: true, done_reason: "stop", ...FIGURES };
  if (body.stream === false) return sendJson(response, 200, { model, created_at: now(), message, ...end });
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  const line = (fields: Record<string, unknown>): void =>
    void response.write(`${JSON.stringify({ model, created_at: now(), ...fields })}\n`);
  if ("tool_calls" in message) line({ message, done: false });
  for (const word of String(message["content"]).match(/\S+\s*/g) ?? []) {
    line({ message: { role: "assistant", content: word }, done: false });
  }
  line({ message: { role: "assistant", content: "" }, ...end });
  response.end();
}

// --- server ----------------------------------------------------------------------------------------------------------

function wanted(body: Body): string {
  const text = body.model ?? body.name ?? "";
  if (text === "") throw new Failure(400, "model is required");
  return text;
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(value));
}

async function answerPull(body: Body, response: ServerResponse): Promise<void> {
  const text = wanted(body);
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  if (body.stream === false) {
    await pull(text, () => undefined, gone.signal);
    return sendJson(response, 200, { status: "success" });
  }
  parseName(text);
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  const tell: Tell = (progress) => void response.write(`${JSON.stringify(progress)}\n`);
  // The status is sent already: a failure is the stream's last line.
  await pull(text, tell, gone.signal).catch((error: Error) => tell({ error: error.message }));
  response.end();
}

async function answer(method: string, path: string, body: Body, response: ServerResponse): Promise<void> {
  switch (`${method} ${path}`) {
    case "GET /":
      return void response.end("Ollama is running");
    case "GET /api/version":
      return sendJson(response, 200, { version: VERSION });
    case "GET /api/tags":
      return sendJson(response, 200, { models: installed().map(({ name }) => entry(name)) });
    case "GET /api/ps":
      return sendJson(response, 200, { models: running() });
    case "POST /api/show":
      return sendJson(response, 200, show(wanted(body)));
    case "POST /api/pull":
      return answerPull(body, response);
    case "POST /api/generate":
      return sendJson(response, 200, generate(body));
    case "POST /api/chat":
      return chat(body, response);
    case "DELETE /api/delete":
      remove(wanted(body));
      if (state.loaded?.model === shortest(parseName(wanted(body)))) state.loaded = undefined;
      return void response.writeHead(200).end();
    default:
      throw new Failure(404, "404 page not found");
  }
}

async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (chunks.length === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Body;
  } catch {
    throw new Failure(400, "the body is not JSON");
  }
}

function log(line: Record<string, unknown>): void {
  const file = environment("OLLAMA_STAND_IN_LOG");
  if (file !== "") appendFileSync(file, `${JSON.stringify({ at: now(), ...line })}\n`, { mode: 0o600 });
}

/** All of a request but what was said. */
function logRequest(method: string, path: string, { model, name, stream, options, keep_alive, ...body }: Body): void {
  const roles = body.messages?.map((message) => message.role);
  const tools = body.tools?.map((tool) => tool.function?.name);
  log({ method, path, model: model ?? name, stream, options, keep_alive, roles, tools });
}

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "GET", url = "/" } = request;
  try {
    const body = await readBody(request);
    logRequest(method, url, body);
    await answer(method, url, body, response);
  } catch (error) {
    if (response.headersSent) return void response.destroy();
    sendJson(response, error instanceof Failure ? error.status : 500, { error: (error as Error).message });
  }
}

function address(): { host: string; port: number } {
  const [host, port] = (environment("OLLAMA_HOST") || "127.0.0.1:11434").replace(/^\w+:\/\//, "").split(":");
  return { host: host || "127.0.0.1", port: Number(port ?? 11434) };
}

function serve(): void {
  const { host, port } = address();
  mkdirSync(join(modelsDir(), "blobs"), { recursive: true });
  const server = createServer((request, response) => void respond(request, response));
  server.listen(port, host, () => {
    const settings = Object.entries(process.env).filter(([name]) => /^(OLLAMA|LLAMA)_/.test(name));
    log({ event: "serve", pid: process.pid, environment: Object.fromEntries(settings) });
    process.stderr.write(`Listening on ${host}:${port} (version ${VERSION}, the lab's stand-in)\n`);
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(0));
}

function main(argument: string | undefined): void {
  if (argument === "serve") return serve();
  if (argument === "--version" || argument === "-v") return void process.stdout.write(`ollama version is ${VERSION}\n`);
  process.stderr.write("the lab's stand-in for ollama knows: serve, --version\n");
  process.exitCode = 1;
}

main(process.argv[2]);
