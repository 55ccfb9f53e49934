import { once } from "node:events";
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { Authority } from "./authority";

/** Answers the requests of one virtual host. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface WebOptions {
  addresses: string[];
  httpPort: number;
  httpsPort: number;
  authority: Authority;
  /** Handlers by host name, lower case. */
  hosts: Map<string, Handler>;
  log(line: string): void;
}

export interface WebServer {
  stop(): Promise<void>;
}

/** One web server for the whole lab internet: plain and TLS, told apart by name. Unknown names get 404 and a log line. */
export async function startWeb(options: WebOptions): Promise<WebServer> {
  const respond = (request: IncomingMessage, response: ServerResponse): void =>
    void dispatch(request, response, options);
  const tls = {
    SNICallback: (name: string, done: Parameters<NonNullable<import("node:tls").TlsOptions["SNICallback"]>>[1]) => {
      options.authority.contextFor(name).then(
        (context) => done(null, context),
        (error: Error) => done(error),
      );
    },
    ...(await defaultCertificate(options.authority)),
  };
  const listening: Promise<Server>[] = [];
  for (const address of options.addresses) {
    listening.push(listen(createHttp(respond), options.httpPort, address));
    listening.push(listen(createHttps(tls, respond), options.httpsPort, address));
  }
  const servers = await Promise.all(listening);
  return { stop: async () => void (await Promise.all(servers.map(close))) };
}

/** For clients that dial by address, without a server name. */
async function defaultCertificate(authority: Authority): Promise<{ cert: string; key: string }> {
  const { certificate, key } = await authority.issue("internet.hermes.test");
  return { cert: certificate, key };
}

async function listen(server: Server, port: number, address: string): Promise<Server> {
  server.requestTimeout = 0;
  server.listen(port, address);
  await once(server, "listening");
  return server;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function dispatch(request: IncomingMessage, response: ServerResponse, options: WebOptions): Promise<void> {
  const host = hostOf(request);
  const handler = options.hosts.get(host);
  response.on("error", () => undefined);
  if (handler === undefined) {
    options.log(`404 ${request.method} ${host}${request.url}: no such host in the lab`);
    request.resume();
    response.writeHead(404, { "content-type": "text/plain" }).end(`The lab has no host ${host}.\n`);
    return;
  }
  try {
    await handler(request, response);
  } catch (error) {
    options.log(`500 ${request.method} ${host}: ${(error as Error).stack}`);
    if (response.headersSent) response.destroy();
    else response.writeHead(500, { "content-type": "text/plain" }).end("The lab's stand-in failed; see its log.\n");
  }
}

function hostOf(request: IncomingMessage): string {
  return (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
}

/** Reads a whole request body; at most 32 MiB, an agent's largest prompt with room to spare. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > 32 * 1024 * 1024) throw new Error("request body over 32 MiB");
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response
    .writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers })
    .end(JSON.stringify(value));
}
