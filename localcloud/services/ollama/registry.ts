import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { sendJson, type Handler } from "../web";
import type { Blob, Model } from "./models";

/** One request of the registry or of the storage behind it. */
export interface RegistryCall {
  /** 1, 2, 3, … */
  number: number;
  /** ISO 8601. */
  at: string;
  method: string;
  path: string;
  /** Header Range, as it came. */
  range?: string;
  status: number;
  /** Bytes of a blob that were sent; grows while they are. */
  bytes: number;
}

export interface RegistryFaults {
  /** Every manifest is unknown (404). */
  missing?: boolean;
  /** Everything is answered with this status. */
  status?: number;
  /**
   * The network goes away when so many bytes of blobs were sent in all: the transfer breaks off, and whatever is asked
   * for later gets 503, until faults are set anew.
   */
  cutAfterBytes?: number;
  /** Rate of each transfer. */
  slowBytesPerSecond?: number;
}

export interface RegistryOptions {
  /** What there is to pull; undefined: no such model. */
  modelFor(repository: string, tag: string): Promise<Model | undefined>;
  /** Base URL of the storage that blobs are redirected to; must be of another host name. */
  storage: string;
}

/** How the real registry names a blob in its storage. */
const STORAGE_PATH = /^\/ollama\/docker\/registry\/v2\/blobs\/sha256\/[0-9a-f]{2}\/([0-9a-f]{64})\/data$/;
const REPOSITORY_PATH = /^\/v2\/([\w.-]+\/[\w.-]+)\/(manifests|blobs)\/([\w.:-]+)$/;
const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";
/** Into how many pieces a second of a slow transfer is cut. */
const SLICES = 20;

/** Stand-in of registry.ollama.ai and of the storage that it redirects to: one handler for both. */
export class OllamaRegistry {
  /** Every request since the start, oldest first. */
  readonly calls: RegistryCall[] = [];
  faults: RegistryFaults = {};
  #blobs = new Map<string, Blob>();
  #sentSinceFault = 0;

  constructor(private readonly options: RegistryOptions) {}

  readonly handler: Handler = async (request, response) => {
    const path = new URL(request.url ?? "/", "http://registry").pathname;
    const call = this.#record(request, path);
    response.once("close", () => (call.status = response.statusCode));
    const status = this.#isCut() ? 503 : this.faults.status;
    if (status !== undefined) return sendError(response, status, "UNAVAILABLE");
    const [, digest] = STORAGE_PATH.exec(path) ?? [];
    if (digest !== undefined) return this.#sendBlob(digest, request, response, call);
    const [, repository, kind, reference = ""] = REPOSITORY_PATH.exec(path) ?? [];
    if (repository === undefined) return sendError(response, 404, "NAME_UNKNOWN");
    if (kind === "blobs") return this.#redirect(reference, response);
    return this.#sendManifest(repository, reference, request, response);
  };

  /** Sets all faults; those not named end. */
  setFaults(faults: RegistryFaults): void {
    this.faults = faults;
    this.#sentSinceFault = 0;
  }

  /** Control API: `calls` {since?}, `faults` {missing?, status?, cutAfterBytes?, slowBytesPerSecond?}, `reset`. */
  control(action: string, body: Record<string, unknown>): unknown {
    switch (action) {
      case "calls":
        return this.calls.filter((call) => call.number > Number(body["since"] ?? 0));
      case "faults":
        this.setFaults(body);
        return this.faults;
      case "reset":
        this.setFaults({});
        return {};
      default:
        throw new Error(`ollama: unknown action ${action}; there are calls, faults, reset`);
    }
  }

  #record(request: IncomingMessage, path: string): RegistryCall {
    const { range } = request.headers;
    const call: RegistryCall = {
      number: this.calls.length + 1,
      at: new Date().toISOString(),
      method: request.method ?? "GET",
      path,
      ...(range === undefined ? {} : { range }),
      status: 0,
      bytes: 0,
    };
    this.calls.push(call);
    return call;
  }

  #isCut(): boolean {
    return this.#sentSinceFault >= (this.faults.cutAfterBytes ?? Infinity);
  }

  async #sendManifest(
    repository: string,
    tag: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const model = this.faults.missing === true ? undefined : await this.options.modelFor(repository, tag);
    if (model === undefined) return sendError(response, 404, "MANIFEST_UNKNOWN");
    for (const blob of [model.config, ...model.layers]) this.#blobs.set(blob.digest, blob);
    const describe = ({ mediaType, digest, size }: Blob) => ({ mediaType, digest: `sha256:${digest}`, size });
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: describe(model.config),
      layers: model.layers.map(describe),
    });
    response.writeHead(200, {
      "content-type": MANIFEST_TYPE,
      "content-length": Buffer.byteLength(text),
      "docker-content-digest": `sha256:${createHash("sha256").update(text).digest("hex")}`,
    });
    response.end(request.method === "HEAD" ? undefined : text);
  }

  #redirect(reference: string, response: ServerResponse): void {
    const digest = reference.replace(/^sha256:/, "");
    if (!this.#blobs.has(digest)) return sendError(response, 404, "BLOB_UNKNOWN");
    const path = `/ollama/docker/registry/v2/blobs/sha256/${digest.slice(0, 2)}/${digest}/data`;
    response.writeHead(307, { location: `${this.options.storage}${path}`, "content-length": 0 }).end();
  }

  async #sendBlob(
    digest: string,
    request: IncomingMessage,
    response: ServerResponse,
    call: RegistryCall,
  ): Promise<void> {
    const blob = this.#blobs.get(digest);
    if (blob === undefined) return sendError(response, 404, "BLOB_UNKNOWN");
    const [start, end] = rangeOf(request.headers.range, blob.size);
    if (start > end) return sendError(response, 416, "RANGE_INVALID");
    const partial = request.headers.range !== undefined;
    response.writeHead(partial ? 206 : 200, {
      "content-type": "application/octet-stream",
      "accept-ranges": "bytes",
      "content-length": end - start + 1,
      ...(partial ? { "content-range": `bytes ${start}-${end}/${blob.size}` } : {}),
    });
    if (request.method === "HEAD") return void response.end();
    await this.#transfer(bytesOf(blob, start, end), response, call);
  }

  async #transfer(source: Readable, response: ServerResponse, call: RegistryCall): Promise<void> {
    for await (const chunk of source) {
      for (const part of this.#parts(chunk as Buffer)) {
        if (response.destroyed) return;
        const left = (this.faults.cutAfterBytes ?? Infinity) - this.#sentSinceFault;
        const allowed = part.subarray(0, Math.max(0, left));
        await written(response, allowed);
        call.bytes += allowed.length;
        this.#sentSinceFault += allowed.length;
        if (this.#isCut()) return void response.destroy();
        await this.#rest(allowed.length);
      }
    }
    response.end();
  }

  #parts(chunk: Buffer): Buffer[] {
    const rate = this.faults.slowBytesPerSecond;
    if (rate === undefined) return [chunk];
    const size = Math.max(1, Math.floor(rate / SLICES));
    return Array.from({ length: Math.ceil(chunk.length / size) }, (_, i) => chunk.subarray(i * size, (i + 1) * size));
  }

  #rest(bytes: number): Promise<void> | undefined {
    const rate = this.faults.slowBytesPerSecond;
    return rate === undefined ? undefined : new Promise((resolve) => setTimeout(resolve, (bytes / rate) * 1000));
  }
}

/** Resolves when the bytes left this process, so that a connection that breaks has carried what was counted. */
function written(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (bytes.length === 0 || response.destroyed) return resolve();
    response.once("close", resolve);
    response.write(bytes, () => {
      response.off("close", resolve);
      resolve();
    });
  });
}

function bytesOf(blob: Blob, start: number, end: number): Readable {
  if (typeof blob.content === "string") return createReadStream(blob.content, { start, end });
  return Readable.from([blob.content.subarray(start, end + 1)]);
}

/** First and last byte that are asked for; a first beyond the last: nothing of the blob. */
function rangeOf(header: string | undefined, size: number): [number, number] {
  const [, first = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(header ?? "") ?? [];
  return [Number(first), last === "" ? size - 1 : Math.min(Number(last), size - 1)];
}

function sendError(response: ServerResponse, status: number, code: string): void {
  sendJson(response, status, { errors: [{ code, message: `the lab's registry: ${code}` }] });
}
