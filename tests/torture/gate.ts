import { createServer, request as ask, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { callName, type Strike } from "./cases";

/** One call that passed, named by its service, method and path template, and which of that name it was. */
export interface PassedCall {
  name: string;
  nth: number;
  /** Undefined when the connection was cut. */
  status?: number;
  struck?: true;
}

/** Stands in front of the emulated APIs, sees every call of a run and strikes the one that is wanted. */
export interface Gate {
  urls: Record<string, string>;
  calls: PassedCall[];
  /** Counts calls from here on, and strikes none or this one. */
  arm(strike?: Strike): void;
  /** Resolves when a power cut that began is over: it would hit the next run too. */
  quiet(): Promise<void>;
  stop(): Promise<void>;
}

export interface GateOptions {
  /** Service → base URL. */
  upstreams: Record<string, string>;
  /** The engine's power cut: resolves when no process of it runs. */
  kill: () => Promise<void>;
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
  const calls: PassedCall[] = [];
  let strike: Strike | undefined;
  let killing = Promise.resolve();
  const servers: Server[] = [];
  const urls: Record<string, string> = {};

  const struckNow = (call: PassedCall): Strike | undefined => {
    if (strike?.call.name !== call.name) return undefined;
    const lasting = strike.kind === "500 until the end";
    return call.nth === strike.call.nth || (lasting && call.nth > strike.call.nth) ? strike : undefined;
  };

  const pass = async (service: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(request);
    const name = callName(service, request.method ?? "", request.url ?? "/");
    const call: PassedCall = { name, nth: calls.filter((one) => one.name === name).length + 1 };
    calls.push(call);
    const struck = struckNow(call);
    if (struck !== undefined) call.struck = true;
    const refusal = struck === undefined ? undefined : REFUSALS[struck.kind];
    if (refusal !== undefined) return refuse(call, refusal, response);
    if (struck?.kind === "dropped before") return void response.destroy();
    const reply = await forward(options.upstreams[service] as string, request, body);
    if (struck?.kind === "dropped after") return void response.destroy();
    if (struck?.kind === "kill") {
      killing = options.kill();
      return void killing.finally(() => response.destroy());
    }
    if (struck?.kind === "slow") await new Promise((resolve) => setTimeout(resolve, options.slowMs));
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
    calls,
    arm: (next) => {
      strike = next;
      calls.length = 0;
    },
    quiet: () => killing,
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
