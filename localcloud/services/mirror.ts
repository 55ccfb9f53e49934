import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip, gunzip, gzip, type ZlibOptions } from "node:zlib";
import type { Handler } from "./web";
import type { Upstreams } from "./upstreams";

const unpacked = promisify<Buffer, Buffer>(gunzip);
const packed = promisify<string, ZlibOptions, Buffer>(gzip);

/** How long a stored reply is served without asking again, in seconds. */
export interface Freshness {
  seconds: number;
}

/** Package names without their tarballs: new versions appear, and npm's `--before` ignores them anyway. */
const PACKUMENT: Freshness = { seconds: 24 * 3600 };
/** Debian's signed indexes; what they name is fetched by hash and never changes. */
const INDEX: Freshness = { seconds: 3600 };
const FOR_EVER: Freshness = { seconds: Infinity };

/** First line of a stored reply; the body follows as it came over the wire. */
interface StoredHead {
  url: string;
  status: number;
  headers: Record<string, string>;
}

/** A stored reply that is on disk. */
interface Stored {
  path: string;
  head: StoredHead;
  bodyStart: number;
  fetchedAt: number;
}

export interface MirrorOptions {
  /** Folder of the stored replies. */
  dir: string;
  /** The uplink's Unix socket. */
  uplink: string;
  upstreams: Upstreams;
  log(line: string): void;
}

/** Caching mirrors of the machine's npm registry and Debian sources, filled through the uplink. */
export class Mirror {
  /** While true every request is answered 503: the registry is down. */
  down = false;
  readonly #fetching = new Map<string, Promise<Stored>>();
  #files = 0;

  constructor(private readonly options: MirrorOptions) {}

  /** Handlers by host name. */
  hosts(): Map<string, Handler> {
    const { npm, npmDefault, debian } = this.options.upstreams;
    const hosts = new Map<string, Handler>();
    for (const origin of debian) hosts.set(new URL(origin).hostname, this.#debian(origin));
    for (const host of [npm.hostname, npmDefault.hostname]) hosts.set(host, this.#npm);
    return hosts;
  }

  #debian(origin: string): Handler {
    return async (request, response) => {
      const path = pathOf(request);
      const freshness = /\/dists\//.test(path) && !/\/by-hash\//.test(path) ? INDEX : FOR_EVER;
      await this.#serve(request, response, new URL(path, origin), "", freshness);
    };
  }

  readonly #npm: Handler = async (request, response) => {
    const path = pathOf(request);
    // npm's vulnerability query: nothing known, instead of a warning in every install.
    if (request.method === "POST" && path.includes("/-/npm/v1/security/")) return sendJson(response, 200, {});
    const url = this.#npmUrl(path);
    const tarball = /\/-\/[^/]+\.tgz$/.test(url.pathname);
    const accept = tarball ? "" : (request.headers.accept ?? "");
    await this.#serve(request, response, url, accept, tarball ? FOR_EVER : PACKUMENT);
  };

  /** As the machine's registry has what droplets and the operator ask for. */
  #npmUrl(path: string): URL {
    const { npm } = this.options.upstreams;
    const base = npm.pathname.length > 1 && path.startsWith(npm.pathname) ? npm.origin : npm.href;
    return new URL(base.replace(/\/$/, "") + path);
  }

  /** The whole document of a package, as droplets get it. */
  async document(path: string): Promise<unknown> {
    const { path: file, head, bodyStart } = await this.#obtain(this.#npmUrl(path), "application/json", PACKUMENT);
    const body = (await readFile(file)).subarray(bodyStart);
    const plain = head.headers["content-encoding"] === "gzip" ? await unpacked(body) : body;
    if (head.status !== 200) throw new Error(`${head.url} answered ${head.status}`);
    return JSON.parse(plain.toString("utf8"));
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    accept: string,
    freshness: Freshness,
  ): Promise<void> {
    if (this.down) return sendText(response, 503, "The lab was told that the registry is down.\n");
    if (request.method !== "GET" && request.method !== "HEAD") return sendText(response, 405, "Only GET.\n");
    try {
      await send(request, response, await this.#obtain(url, accept, freshness));
    } catch (error) {
      this.options.log(`mirror ${url.href}: ${(error as Error).message}`);
      if (response.headersSent) response.destroy();
      else sendText(response, 502, `mirror: ${(error as Error).message}\n`);
    }
  }

  /** The stored reply, fetched or revalidated when it has to be; one fetch at a time per file. */
  async #obtain(url: URL, accept: string, freshness: Freshness): Promise<Stored> {
    const path = this.#pathFor(url, accept);
    const running = this.#fetching.get(path);
    if (running !== undefined) return running;
    const stored = await read(path);
    // A name that is unknown today may exist tomorrow.
    const fresh = stored?.head.status === 200 && Date.now() - stored.fetchedAt < freshness.seconds * 1000;
    if (fresh) return stored;
    const again = this.#fetching.get(path);
    if (again !== undefined) return again;
    const fetching = this.#refresh(url, accept, path, stored).finally(() => this.#fetching.delete(path));
    this.#fetching.set(path, fetching);
    return fetching;
  }

  async #refresh(url: URL, accept: string, path: string, stored: Stored | undefined): Promise<Stored> {
    try {
      return await this.#fetch(url, accept, path, stored);
    } catch (error) {
      // The network may be gone; what was good yesterday is better than nothing.
      if (stored === undefined) throw error;
      this.options.log(`mirror ${url.href}: serving the stored copy, ${(error as Error).message}`);
      return stored;
    }
  }

  async #fetch(url: URL, accept: string, path: string, stored: Stored | undefined): Promise<Stored> {
    const headers: Record<string, string> = { "accept-encoding": "gzip" };
    if (accept !== "") headers["accept"] = accept;
    const etag = stored?.head.headers["etag"];
    const modified = stored?.head.headers["last-modified"];
    if (etag !== undefined) headers["if-none-match"] = etag;
    else if (modified !== undefined) headers["if-modified-since"] = modified;
    const reply = await throughUplink(this.options.uplink, url, headers);
    if (reply.statusCode === 304 && stored !== undefined) {
      reply.resume();
      await utimes(path, new Date(), new Date());
      return stored;
    }
    if (reply.statusCode !== 200 && reply.statusCode !== 404) {
      reply.resume();
      throw new Error(`the source answered ${reply.statusCode}`);
    }
    return await this.#store(url, path, reply);
  }

  async #store(url: URL, path: string, reply: IncomingMessage): Promise<Stored> {
    const headers: Record<string, string> = {};
    for (const name of ["content-type", "content-encoding", "etag", "last-modified"]) {
      const value = reply.headers[name];
      if (typeof value === "string") headers[name] = value;
    }
    const rewritten = await this.#rewritten(reply, headers);
    const head: StoredHead = { url: url.href, status: reply.statusCode ?? 0, headers };
    const line = `${JSON.stringify(head)}\n`;
    await mkdir(dirname(path), { recursive: true });
    const part = `${path}.${process.pid}-${this.#files++}.part`;
    try {
      const file = createWriteStream(part);
      file.write(line);
      if (rewritten === undefined) await copyWhole(reply, file);
      else await pipeline([rewritten], file);
      await rename(part, path);
      return { path, head, bodyStart: Buffer.byteLength(line), fetchedAt: Date.now() };
    } finally {
      await rm(part, { force: true });
    }
  }

  /**
   * Package documents name their tarballs by the registry's own address; droplets know it by npm's default one.
   * Undefined: nothing to replace, the body is still to be read.
   */
  async #rewritten(reply: IncomingMessage, headers: Record<string, string>): Promise<Buffer | undefined> {
    const { npm, npmDefault } = this.options.upstreams;
    const isJson = (headers["content-type"] ?? "").includes("json");
    if (!isJson || npm.href === npmDefault.href) return undefined;
    const chunks: Buffer[] = [];
    for await (const chunk of reply) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    checkWhole(reply, body.length);
    const plain = headers["content-encoding"] === "gzip" ? await unpacked(body) : body;
    headers["content-encoding"] = "gzip";
    return packed(plain.toString("utf8").replaceAll(npm.href, npmDefault.href), { level: 1 });
  }

  #pathFor(url: URL, accept: string): string {
    const key = createHash("sha256").update(`${url.href}\n${accept}`).digest("hex");
    return join(this.options.dir, url.hostname, key.slice(0, 2), key);
  }
}

async function copyWhole(reply: IncomingMessage, file: NodeJS.WritableStream): Promise<void> {
  let received = 0;
  reply.on("data", (chunk: Buffer) => (received += chunk.length));
  await pipeline(reply, file);
  checkWhole(reply, received);
}

function checkWhole(reply: IncomingMessage, received: number): void {
  const expected = reply.headers["content-length"];
  if (expected !== undefined && received !== Number(expected)) throw new Error("the source broke off");
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? "/";
  return url.startsWith("/") ? url : new URL(url).pathname;
}

async function read(path: string): Promise<Stored | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const { mtimeMs } = await file.stat();
      const start = Buffer.alloc(16_384);
      const { bytesRead } = await file.read(start, 0, start.length, 0);
      const end = start.subarray(0, bytesRead).indexOf(10);
      const head = JSON.parse(start.toString("utf8", 0, end)) as StoredHead;
      return { path, head, bodyStart: end + 1, fetchedAt: mtimeMs };
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function send(request: IncomingMessage, response: ServerResponse, stored: Stored): Promise<void> {
  const { status, headers } = stored.head;
  if (isUnchanged(request, headers)) {
    response.writeHead(304, headers).end();
    return;
  }
  const accepted = String(request.headers["accept-encoding"] ?? "");
  const unpack = headers["content-encoding"] === "gzip" && !accepted.includes("gzip");
  const out: Record<string, string> = { ...headers, vary: "accept, accept-encoding" };
  if (unpack) delete out["content-encoding"];
  else out["content-length"] = String((await stat(stored.path)).size - stored.bodyStart);
  response.writeHead(status, out);
  if (request.method === "HEAD") return void response.end();
  const body = createReadStream(stored.path, { start: stored.bodyStart });
  if (unpack) await pipeline(body, createGunzip(), response);
  else await pipeline(body, response);
}

function isUnchanged(request: IncomingMessage, headers: Record<string, string>): boolean {
  const { "if-none-match": etag, "if-modified-since": modified } = request.headers;
  if (etag !== undefined) return etag === headers["etag"];
  return modified !== undefined && modified === headers["last-modified"];
}

function throughUplink(socketPath: string, url: URL, headers: Record<string, string>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const path = `/?url=${encodeURIComponent(url.href)}`;
    const request = httpRequest({ socketPath, path, headers }, resolve);
    request.on("error", (error) => reject(new Error(`the uplink does not answer: ${error.message}`)));
    request.end();
  });
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(text);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}
