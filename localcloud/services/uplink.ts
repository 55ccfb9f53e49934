/**
 * The uplink: the lab's only way to the package registries. A process of its own, because it stays in the machine's
 * network namespace while everything else lives in the lab's, and answers on a Unix socket, so that no droplet has a
 * route to the outside. It fetches from the machine's own npm registry and Debian sources and from nowhere else.
 */
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createServer, get as httpGet, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent, get as httpsGet } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { rootCertificates } from "node:tls";
import { startTimeOf } from "../../lib/process-start";
import type { Lab } from "../lab";
import { logOf, startRecorded, stopRecorded } from "../processes";
import { readUpstreams, type Upstreams } from "./upstreams";

const SYSTEM_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
/** Passed on to the registry. Everything else that a client sends stays here. */
const REQUEST_HEADERS = ["accept", "accept-encoding", "if-none-match", "if-modified-since"];
const MAX_REDIRECTS = 5;

export function uplinkSocket(lab: Lab): string {
  return join(lab.dir, "uplink.sock");
}

/**
 * Starts the uplink in the caller's network namespace, recorded under the name "uplink"; resolves when it answers.
 * One that a dead daemon left behind is replaced.
 */
export async function startUplink(lab: Lab): Promise<void> {
  const socket = uplinkSocket(lab);
  await stopRecorded(lab, { only: (name) => name === "uplink" });
  rmSync(socket, { force: true });
  const pid = startRecorded(lab, "uplink", [process.execPath, "-r", "./scripts/typescript.js", __filename, socket], {
    cwd: join(__dirname, "..", ".."),
  });
  const deadline = Date.now() + 30_000;
  while (!(await answers(socket))) {
    if (startTimeOf(pid) === undefined || Date.now() > deadline)
      throw new Error(`The uplink did not start. See ${logOf(lab, "uplink")}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function answers(path: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Serves `GET /?url=…` on a Unix socket. */
export async function serveUplink(socketPath: string, upstreams: Upstreams): Promise<Server> {
  const allowed = new Set([upstreams.npm.origin, ...upstreams.debian]);
  const agent = new Agent({ keepAlive: true, maxSockets: 24, ca: trustedCertificates() });
  const server = createServer((request, response) => {
    pass(request, response, allowed, agent).catch((error: Error) => {
      console.error(`${request.url}: ${error.message}`);
      if (response.headersSent) response.destroy();
      else response.writeHead(502, { "content-type": "text/plain" }).end(`uplink: ${error.message}\n`);
    });
  });
  server.listen(socketPath);
  await once(server, "listening");
  return server;
}

function trustedCertificates(): string[] {
  const system = existsSync(SYSTEM_CERTIFICATES) ? [readFileSync(SYSTEM_CERTIFICATES, "utf8")] : [];
  return [...rootCertificates, ...system];
}

async function pass(
  request: IncomingMessage,
  response: ServerResponse,
  allowed: Set<string>,
  agent: Agent,
): Promise<void> {
  const url = new URL(new URL(request.url ?? "/", "http://uplink").searchParams.get("url") ?? "invalid:");
  if (request.method !== "GET" || !allowed.has(url.origin)) {
    response
      .writeHead(403, { "content-type": "text/plain" })
      .end(`uplink: ${url.origin} is not a source of this machine\n`);
    return;
  }
  const headers: Record<string, string> = {};
  for (const name of REQUEST_HEADERS) {
    const value = request.headers[name];
    if (typeof value === "string") headers[name] = value;
  }
  const upstream = await follow(url, headers, agent);
  response.writeHead(upstream.statusCode ?? 502, upstream.headers);
  await pipeline(upstream, response);
}

/** Registries hand tarballs to their own stores by redirect, so a redirect from an allowed source is followed. */
async function follow(start: URL, headers: Record<string, string>, agent: Agent): Promise<IncomingMessage> {
  let url = start;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await open(url, headers, agent);
    const location = response.headers.location;
    if (![301, 302, 303, 307, 308].includes(response.statusCode ?? 0) || location === undefined) return response;
    response.resume();
    url = new URL(location, url);
  }
  throw new Error(`more than ${MAX_REDIRECTS} redirects from ${start.origin}`);
}

function open(url: URL, headers: Record<string, string>, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === "https:" ? httpsGet(url, { headers, agent }, resolve) : httpGet(url, { headers }, resolve);
    request.setTimeout(60_000, () => request.destroy(new Error(`${url.host} was silent for 60 s`)));
    request.on("error", reject);
  });
}

async function main(socketPath: string): Promise<void> {
  const server = await serveUplink(socketPath, await readUpstreams());
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
    rmSync(socketPath, { force: true });
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

if (require.main === module) {
  const [socketPath] = process.argv.slice(2);
  if (socketPath === undefined) throw new Error("usage: uplink.ts SOCKET");
  main(socketPath).catch((error: Error) => {
    console.error(error.message);
    process.exit(1);
  });
}
