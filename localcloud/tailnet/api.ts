import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { readBody, sendJson } from "../services/web";
import { HeadscaleError, type HeadscaleApi, type HeadscaleKey, type HeadscaleNode } from "./headscale";
import { BASE_DOMAIN } from "./policy";

/** What clients must know. */
export interface ApiCredentials {
  apiKey: string;
  oauthClientId: string;
  oauthClientSecret: string;
}

/** One call, without headers, keys or bodies. */
export interface ApiCall {
  at: string;
  method: string;
  /** With the query. */
  path: string;
  status: number;
}

/** A fault for the next calls that match. */
export interface ApiFault {
  method: string;
  /** Regular expression source, matched with the path. */
  path: string;
  /** Answer with this status instead. */
  status?: number;
  /** Close the connection: `before` the call was carried out, or `after` it was. */
  drop?: "before" | "after";
  delayMs?: number;
  /** How many calls. @default 1 */
  times?: number;
}

/** The calls of Headscale's API that the adapter makes. */
export type ControlServer = Pick<
  HeadscaleApi,
  "nodes" | "deleteNode" | "renameNode" | "setTags" | "keys" | "createKey" | "deleteKey"
>;

export interface ApiOptions {
  address: string;
  port: number;
  credentials: ApiCredentials;
  control: ControlServer;
}

interface Reply {
  status: number;
  body: unknown;
}

type Route = (request: { parts: string[]; query: URLSearchParams; body: unknown }) => Promise<Reply>;

const ok = (body: unknown = null): Reply => ({ status: 200, body });
const notFound: Reply = { status: 404, body: { message: "not found" } };
const DEFAULT_EXPIRY_SECONDS = 90 * 24 * 3600;

/** Tailscale's API v2, as far as the provider and hermes' own scripts use it, over a Headscale. */
export class TailscaleApi {
  readonly calls: ApiCall[] = [];
  faults: ApiFault[] = [];
  #server: Server | undefined;
  #tokens = new Set<string>();
  /** Headscale keeps no description. */
  #descriptions = new Map<string, { description: string; expirySeconds: number; preauthorized: boolean }>();
  readonly #routes: [string, RegExp, Route][] = [
    ["POST", /^\/tailnet\/[^/]+\/keys$/, ({ body }) => this.#createKey(body)],
    ["GET", /^\/tailnet\/[^/]+\/keys$/, () => this.#listKeys()],
    ["GET", /^\/tailnet\/[^/]+\/keys\/([^/]+)$/, ({ parts }) => this.#readKey(parts[0])],
    ["DELETE", /^\/tailnet\/[^/]+\/keys\/([^/]+)$/, ({ parts }) => this.#deleteKey(parts[0])],
    ["GET", /^\/tailnet\/[^/]+\/devices$/, ({ query }) => this.#listDevices(query)],
    ["GET", /^\/device\/([^/]+)$/, ({ parts }) => this.#onDevice(parts[0], async (node) => ok(device(node)))],
    ["DELETE", /^\/device\/([^/]+)$/, ({ parts }) => this.#onDevice(parts[0], (node) => this.#deleteDevice(node))],
    [
      "POST",
      /^\/device\/([^/]+)\/(name|key|tags|authorized)$/,
      ({ parts, body }) => this.#onDevice(parts[0], (node) => this.#change(node, parts[1], body)),
    ],
  ];

  constructor(private readonly options: ApiOptions) {}

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.listen(this.options.port, this.options.address);
    await once(server, "listening");
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? "GET";
    const url = new URL(request.url ?? "/", "http://api");
    const fault = this.#takeFault(method, url.pathname);
    if (fault?.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
    const text = await readBody(request).catch(() => "");
    const reply =
      fault?.drop === "before"
        ? undefined
        : fault?.status !== undefined
          ? { status: fault.status, body: { message: `lab fault ${fault.status}` } }
          : await this.#answer(request, url, text);
    this.calls.push({
      at: new Date().toISOString(),
      method,
      path: url.pathname + url.search,
      status: fault?.drop !== undefined ? 0 : (reply?.status ?? 0),
    });
    if (reply === undefined || fault?.drop !== undefined) request.socket.destroy();
    else sendJson(response, reply.status, reply.body);
  }

  #takeFault(method: string, path: string): ApiFault | undefined {
    const fault = this.faults.find((candidate) => candidate.method === method && new RegExp(candidate.path).test(path));
    if (fault === undefined) return undefined;
    fault.times = (fault.times ?? 1) - 1;
    if (fault.times <= 0) this.faults = this.faults.filter((other) => other !== fault);
    return fault;
  }

  async #answer(request: IncomingMessage, url: URL, text: string): Promise<Reply> {
    const path = url.pathname.replace(/^\/api\/v2/, "");
    if (request.method === "POST" && path === "/oauth/token") return this.#token(request, text);
    if (!this.#authorised(request)) return { status: 401, body: { message: "API token invalid" } };
    for (const [method, pattern, route] of this.#routes) {
      const match = pattern.exec(path);
      if (method !== request.method || match === null) continue;
      try {
        return await route({ parts: match.slice(1), query: url.searchParams, body: parsed(text) });
      } catch (error) {
        return failure(error as Error);
      }
    }
    return { status: 404, body: { message: `the lab does not offer ${request.method} ${path}` } };
  }

  #token(request: IncomingMessage, text: string): Reply {
    const form = new URLSearchParams(text);
    const [basicId, basicSecret] = basic(request) ?? [];
    const { oauthClientId, oauthClientSecret } = this.options.credentials;
    const id = basicId ?? form.get("client_id") ?? "";
    const secret = basicSecret ?? form.get("client_secret") ?? "";
    if (!same(id, oauthClientId) || !same(secret, oauthClientSecret)) {
      return { status: 401, body: { message: "API token invalid" } };
    }
    const token = `tskey-api-lab-${randomBytes(16).toString("hex")}`;
    this.#tokens.add(token);
    const scope = "auth_keys devices:core";
    return ok({ access_token: token, token_type: "Bearer", expires_in: 3600, scope });
  }

  #authorised(request: IncomingMessage): boolean {
    const bearer = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
    const given = bearer ?? basic(request)?.[0] ?? "";
    return same(given, this.options.credentials.apiKey) || this.#tokens.has(given);
  }

  async #createKey(body: unknown): Promise<Reply> {
    const wanted = body as WireKeyRequest | undefined;
    const create = wanted?.capabilities?.devices?.create;
    if (create === undefined) return { status: 400, body: { message: "capabilities.devices.create is missing" } };
    const tags = create.tags ?? [];
    if (tags.length === 0) return { status: 400, body: { message: "the lab makes keys with tags only" } };
    const expirySeconds = wanted?.expirySeconds ?? DEFAULT_EXPIRY_SECONDS;
    const made = await this.options.control.createKey({
      reusable: create.reusable ?? false,
      ephemeral: create.ephemeral ?? false,
      aclTags: tags,
      expiration: new Date(Date.now() + expirySeconds * 1000).toISOString(),
    });
    this.#descriptions.set(made.id, {
      description: wanted?.description ?? "",
      expirySeconds,
      preauthorized: create.preauthorized ?? false,
    });
    return ok({ ...this.#key(made), key: made.key });
  }

  async #listKeys(): Promise<Reply> {
    return ok({ keys: (await this.options.control.keys()).map((key) => this.#key(key)) });
  }

  async #readKey(id: string | undefined): Promise<Reply> {
    const found = await this.#findKey(id);
    return found === undefined ? notFound : ok(this.#key(found));
  }

  async #deleteKey(id: string | undefined): Promise<Reply> {
    const found = await this.#findKey(id);
    if (found === undefined) return notFound;
    await this.options.control.deleteKey(found.id);
    return ok();
  }

  async #findKey(id: string | undefined): Promise<HeadscaleKey | undefined> {
    return (await this.options.control.keys()).find((key) => keyId(key) === id);
  }

  #key(key: HeadscaleKey): Record<string, unknown> {
    const known = this.#descriptions.get(key.id);
    const lifetime = Math.round((Date.parse(key.expiration) - Date.parse(key.createdAt)) / 1000);
    return {
      id: keyId(key),
      keyType: "auth",
      created: seconds(key.createdAt),
      expires: seconds(key.expiration),
      expirySeconds: known?.expirySeconds ?? lifetime,
      revoked: "0001-01-01T00:00:00Z",
      invalid: Date.parse(key.expiration) <= Date.now() || (key.used && !key.reusable),
      capabilities: {
        devices: {
          create: {
            reusable: key.reusable,
            ephemeral: key.ephemeral,
            preauthorized: known?.preauthorized ?? true,
            tags: key.aclTags,
          },
        },
      },
      description: known?.description ?? "",
      userId: "",
    };
  }

  async #listDevices(query: URLSearchParams): Promise<Reply> {
    const devices = (await this.options.control.nodes()).map(device);
    const wanted = ["hostname", "name"].filter((field) => query.has(field));
    return ok({
      devices: devices.filter((each) =>
        wanted.every((field) => each[field as "hostname" | "name"] === query.get(field)),
      ),
    });
  }

  async #onDevice(id: string | undefined, act: (node: HeadscaleNode) => Promise<Reply>): Promise<Reply> {
    const node = (await this.options.control.nodes()).find((each) => each.id === id || nodeId(each) === id);
    return node === undefined ? notFound : act(node);
  }

  async #deleteDevice(node: HeadscaleNode): Promise<Reply> {
    await this.options.control.deleteNode(node.id);
    return ok();
  }

  async #change(node: HeadscaleNode, what: string | undefined, body: unknown): Promise<Reply> {
    const { name, tags } = (body ?? {}) as { name?: string; tags?: string[] };
    // Headscale's nodes keep their key for ever and are authorised once they joined: nothing to do for the others.
    if (what === "name") await this.options.control.renameNode(node.id, (name ?? "").split(".")[0] ?? "");
    if (what === "tags" && tags !== undefined && tags.length > 0) await this.options.control.setTags(node.id, tags);
    return ok({});
  }
}

interface WireKeyRequest {
  capabilities?: {
    devices?: { create?: { reusable?: boolean; ephemeral?: boolean; preauthorized?: boolean; tags?: string[] } };
  };
  expirySeconds?: number;
  description?: string;
}

const keyId = (key: HeadscaleKey): string => `k${key.id}CNTRL`;
const nodeId = (node: HeadscaleNode): string => `n${node.id}CNTRL`;

/** RFC 3339 without fractions, as Tailscale writes times. */
function seconds(time: string): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

/** A node as GET /api/v2/tailnet/-/devices lists it (with fields=all or without: the lab always gives all it has). */
function device(node: HeadscaleNode) {
  const never = node.expiry === undefined || node.expiry === null || Date.parse(node.expiry) <= 0;
  return {
    id: node.id,
    nodeId: nodeId(node),
    name: `${node.givenName}.${BASE_DOMAIN}`,
    hostname: node.name,
    addresses: node.ipAddresses,
    authorized: true,
    user: node.tags.length > 0 ? "" : (node.user?.name ?? ""),
    tags: node.tags,
    keyExpiryDisabled: never,
    blocksIncomingConnections: false,
    clientVersion: "",
    created: seconds(node.createdAt),
    expires: never ? "0001-01-01T00:00:00Z" : seconds(node.expiry ?? ""),
    lastSeen: node.lastSeen ? seconds(node.lastSeen) : seconds(node.createdAt),
    connectedToControl: node.online,
    machineKey: node.machineKey,
    nodeKey: node.nodeKey,
    os: "linux",
    isExternal: false,
    isEphemeral: node.preAuthKey?.ephemeral ?? false,
    tailnetLockError: "",
    tailnetLockKey: "",
    updateAvailable: false,
  };
}

function basic(request: IncomingMessage): [string, string] | undefined {
  const encoded = /^Basic (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon === -1 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function parsed(text: string): unknown {
  return text === "" ? undefined : JSON.parse(text);
}

function failure(error: Error): Reply {
  if (error instanceof SyntaxError) return { status: 400, body: { message: "the body is not JSON" } };
  const status = error instanceof HeadscaleError && error.status < 500 ? error.status : 500;
  return { status, body: { message: error.message } };
}
