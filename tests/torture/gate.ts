import { createServer, request as ask, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { callName, type Strike } from "./cases";
import type { Ledger, PassedCall } from "./ledger";

/** Stands in front of the emulated APIs, has every call of a run booked and strikes the one that is wanted. */
export interface Gate {
  urls: Record<string, string>;
  stop(): Promise<void>;
}

export interface GateOptions {
  /** Service → base URL. */
  upstreams: Record<string, string>;
  ledger: Ledger;
  /** Ends the command of ours on this machine that makes the call, alone. */
  killCommand: () => Promise<void>;
  /** Answers held back for a slow reply, milliseconds. */
  slowMs: number;
}

const REFUSALS: Partial<Record<Strike["kind"], { status: number; headers?: Record<string, string> }>> = {
  "500 once": { status: 500 },
  "500 until the end": { status: 500 },
  "429 retry-after": { status: 429, headers: { "retry-after": "1" } },
  "429 bare": { status: 429 },
  "401": { status: 401 },
};

export async function startGate(options: GateOptions): Promise<Gate> {
  const { ledger } = options;
  const servers: Server[] = [];
  const urls: Record<string, string> = {};

  const pass = async (service: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(request);
    const { call, kind } = ledger.enter(callName(service, request.method ?? "", request.url ?? "/"));
    const refusal = kind === undefined ? undefined : REFUSALS[kind];
    if (refusal !== undefined) return refuse(call, refusal, response);
    if (kind === "command killed") await options.killCommand();
    if (kind === "dropped before" || kind === "command killed") return void response.destroy();
    const reply = await forward(options.upstreams[service] as string, request, body);
    if (kind === "dropped after") return void response.destroy();
    if (kind === "kill") return void ledger.kill().finally(() => response.destroy());
    if (kind === "slow") await new Promise((resolve) => setTimeout(resolve, options.slowMs));
    call.status = reply.status;
    response.writeHead(reply.status, reply.headers).end(reply.body);
  };

  for (const service of Object.keys(options.upstreams)) {
    const server = createServer((request, response) => {
      pass(service, request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    servers.push(server);
    urls[service] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  return {
    urls,
    stop: async () => {
      await Promise.all(servers.map(closed));
    },
  };
}

function refuse(
  call: PassedCall,
  { status, headers }: { status: number; headers?: Record<string, string> },
  response: ServerResponse,
): void {
  call.status = status;
  const body = JSON.stringify({ id: "struck", message: `struck by the torture (${status})` });
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
}

interface Forwarded {
  status: number;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

function forward(upstream: string, request: IncomingMessage, body: Buffer): Promise<Forwarded> {
  return new Promise((resolve, reject) => {
    const headers = without(request.headers, "host", "connection");
    const options = { method: request.method, headers, agent: false };
    const onward = ask(`${upstream}${request.url ?? "/"}`, options, (reply) => {
      const kept = without(reply.headers, "transfer-encoding", "connection");
      readAll(reply).then(
        (answer) => resolve({ status: reply.statusCode ?? 502, headers: kept, body: answer }),
        reject,
      );
    });
    onward.once("error", reject);
    onward.end(body);
  });
}

const without = (headers: IncomingMessage["headers"], ...names: string[]): IncomingMessage["headers"] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
