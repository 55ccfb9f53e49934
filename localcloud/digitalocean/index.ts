import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Substrate } from "../substrate";
import { accountRoutes } from "./account-routes";
import { CallLog, withoutSecrets, type LoggedCall } from "./calls";
import type { CatalogueSize } from "./catalogue";
import { Cloud, type Timings } from "./cloud";
import { dropletRoutes } from "./droplet-routes";
import { ApiError, notFound } from "./errors";
import { takeFault, type Fault } from "./faults";
import { firewallRoutes } from "./firewall-routes";
import { imageRoutes } from "./image-routes";
import type { Reply } from "./route";
import type { CloudState } from "./state";
import { tagRoutes } from "./tag-routes";
import { volumeRoutes } from "./volume-routes";

export type { CatalogueSize } from "./catalogue";
export { recordOnly } from "./record-only";

export interface DigitalOceanOptions {
  substrate: Substrate;
  /** Port 0: any free one. */
  listen: { host: string; port: number };
  /** Where the account is kept between runs; the call log stands beside it as `<stateFile>.calls.jsonl`. */
  stateFile: string;
  /** The one token that is accepted. */
  token: string;
  catalogue: CatalogueSize[];
  /** @default 0 for each */
  timings?: Partial<Timings>;
}

/** An emulated account that listens. */
export interface DigitalOcean {
  url: string;
  calls: LoggedCall[];
  /** Faults to come; push one to inject it. */
  faults: Fault[];
  state: CloudState;
  /** May be changed at any time. */
  timings: Timings;
  /** For a control socket: GET-like without a body, else set. Paths: state, calls, faults, timings. */
  handleControl(path: string, body?: unknown): Reply;
  /** A machine powered itself off. */
  noteOff(dropletId: number): void;
  /** Resolves when the substrate is at rest. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

const ROUTES = [...accountRoutes, ...imageRoutes, ...tagRoutes, ...firewallRoutes, ...volumeRoutes, ...dropletRoutes];
const HOURLY_LIMIT = 5000;
const MAX_BODY_BYTES = 1 << 20;

/** Starts the emulated DigitalOcean API: the calls that hermes makes, and no more. */
export async function startDigitalOcean(options: DigitalOceanOptions): Promise<DigitalOcean> {
  const timings = { activeMs: 0, actionMs: 0, ...options.timings };
  const cloud = new Cloud(options.catalogue, options.substrate, options.stateFile, timings);
  const log = new CallLog(`${options.stateFile}.calls.jsonl`);
  const faults: Fault[] = [];
  await cloud.pushFirewalls();

  let answered = 0;
  const server = createServer((request, response) => {
    answered++;
    respond({ cloud, log, faults, token: options.token, remaining: HOURLY_LIMIT - answered }, request, response).catch(
      (error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.listen.port, options.listen.host, resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://${options.listen.host}:${port}`,
    calls: log.calls,
    faults,
    state: cloud.state,
    timings,
    handleControl: (path, body) => control({ cloud, log, faults, timings }, path, body),
    noteOff: (dropletId) => cloud.noteOff(dropletId),
    idle: () => cloud.idle(),
    stop: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await cloud.idle();
      cloud.save();
    },
  };
}

interface Service {
  cloud: Cloud;
  log: CallLog;
  faults: Fault[];
  token: string;
  remaining: number;
}

async function respond(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://api.digitalocean.com");
  const body = await readBody(request);
  const logged: LoggedCall = {
    t: new Date().toISOString(),
    method: request.method ?? "",
    path: url.pathname,
    ...(url.search === "" ? {} : { query: Object.fromEntries(url.searchParams) }),
    ...(body === undefined ? {} : { body: withoutSecrets(body) }),
  };
  const fault = takeFault(service.faults, request, url.pathname);
  if (fault?.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
  if (fault?.drop === "before") return cut(service, logged, response);
  const reply =
    fault?.status !== undefined
      ? { status: fault.status, body: fault.body }
      : await answer(service, request, url, body);
  if (fault?.drop === "after") return cut(service, logged, response);
  service.log.add({ ...logged, status: reply.status });
  send(response, reply, service.remaining, fault?.headers ?? {});
}

function cut(service: Service, logged: LoggedCall, response: ServerResponse): void {
  service.log.add(logged);
  response.destroy();
}

async function answer(service: Service, request: IncomingMessage, url: URL, body: unknown): Promise<Reply> {
  try {
    if (request.headers.authorization !== `Bearer ${service.token}`) {
      throw new ApiError(401, "Unauthorized", "Unable to authenticate you");
    }
    service.cloud.settle();
    const reply = await dispatch(service.cloud, request.method ?? "", url, body);
    if (request.method !== "GET") service.cloud.save();
    return reply;
  } catch (error) {
    return errorReply(error);
  }
}

function dispatch(cloud: Cloud, method: string, url: URL, body: unknown): Reply | Promise<Reply> {
  for (const { pattern, ...candidate } of ROUTES) {
    const match = candidate.method === method ? pattern.exec(url.pathname) : null;
    if (match === null) continue;
    const fields = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
    return candidate.handle(cloud, { params: match.slice(1), query: url.searchParams, body: fields });
  }
  throw notFound();
}

function errorReply(error: unknown): Reply {
  const known =
    error instanceof ApiError ? error : new ApiError(500, "server_error", `Embedded cloud: ${String(error)}`);
  return { status: known.status, body: { id: known.id, message: known.message, request_id: randomUUID() } };
}

function send(response: ServerResponse, reply: Reply, remaining: number, headers: Record<string, string>): void {
  response.writeHead(reply.status, {
    ...(reply.status === 204 ? {} : { "content-type": "application/json; charset=utf-8" }),
    "ratelimit-limit": String(HOURLY_LIMIT),
    "ratelimit-remaining": String(Math.max(remaining, 0)),
    "ratelimit-reset": String(Math.ceil(Date.now() / 1000) + 3600),
    "x-request-id": randomUUID(),
    ...headers,
  });
  response.end(reply.status === 204 || reply.body === undefined ? undefined : JSON.stringify(reply.body));
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error("request body over 1 MiB");
    chunks.push(chunk);
  }
  const raw = Buffer.concat(chunks).toString();
  try {
    return raw === "" ? undefined : (JSON.parse(raw) as unknown);
  } catch {
    return raw;
  }
}

function control(
  parts: { cloud: Cloud; log: CallLog; faults: Fault[]; timings: Timings },
  path: string,
  body: unknown,
): Reply {
  switch (path.replace(/^\//, "")) {
    case "state":
      parts.cloud.settle();
      return { status: 200, body: parts.cloud.state };
    case "calls":
      return { status: 200, body: parts.log.calls };
    case "faults":
      if (Array.isArray(body)) parts.faults.splice(0, parts.faults.length, ...(body as Fault[]));
      return { status: 200, body: parts.faults };
    case "timings":
      if (typeof body === "object" && body !== null) Object.assign(parts.timings, body);
      return { status: 200, body: parts.timings };
    default:
      return { status: 404, body: { error: `no control path ${path}: state, calls, faults, timings` } };
  }
}
