import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { readConfig, type Config, type McpServer } from "./config";
import { CliError, log } from "./output";

type Params = Record<string, unknown>;

/** A way to a server: a request gets its result, a notification nothing. */
interface Connection {
  request: (method: string, params: Params) => Promise<Params>;
  notify: (method: string) => Promise<void>;
  close: () => void;
}

interface Diagnostic {
  serverName: string;
  safeServerName: string;
  launchSummary: string;
  message: string;
}

const START_MS = 30_000;
const PROTOCOL = "2025-06-18";

/** Connects to the servers of the configuration, or to one, and lists their tools. The exit code says whether all answered. */
export async function probeMcpServers(only?: string): Promise<object> {
  const config = readConfig();
  const all = Object.entries(config.mcp?.servers ?? {});
  const wanted = all.filter(([name]) => only === undefined || name === only);
  if (only !== undefined && wanted.length === 0) throw new CliError(`No MCP server named "${only}".`);
  const servers: Record<string, object> = {};
  const tools: string[] = [];
  const diagnostics: Diagnostic[] = [];
  const probe = async ([name, server]: [string, McpServer]): Promise<void> => {
    const launch = server.url ?? [server.command, ...(server.args ?? [])].join(" ");
    try {
      const names = await toolsOf(server, (line) => noteLine(config, `bundle-mcp:${name}: ${line}`));
      servers[name] = { launch, tools: names.length, codexApprovalMode: "auto" };
      tools.push(...names.map((tool) => `${name}__${tool}`));
    } catch (error) {
      const { message } = error as Error;
      diagnostics.push({ serverName: name, safeServerName: name, launchSummary: launch, message });
    }
  };
  await Promise.all(wanted.map(probe));
  const [first] = diagnostics;
  if (first !== undefined) {
    log("error", `MCP probe failed for "${first.serverName}": ${first.message}`);
    process.exitCode = 1;
  }
  return { generatedAt: new Date().toISOString(), servers, tools: tools.sort(), diagnostics };
}

/** Into the log file, at the level at which OpenClaw writes such lines. */
function noteLine({ logging }: Config, message: string): void {
  if (process.env["OPENCLAW_LOG_LEVEL"] !== "debug" || logging?.file === undefined) return;
  appendFileSync(logging.file, `${JSON.stringify({ 0: message })}\n`);
}

async function toolsOf(server: McpServer, onLine: (line: string) => void): Promise<string[]> {
  const connection = server.url === undefined ? started(server, onLine) : remote(server.url, server.headers ?? {});
  try {
    return await withinTime(listTools(connection));
  } finally {
    connection.close();
  }
}

async function listTools({ request, notify }: Connection): Promise<string[]> {
  const clientInfo = { name: "openclaw-stand-in", version: "1.0.0" };
  await request("initialize", { protocolVersion: PROTOCOL, capabilities: {}, clientInfo });
  await notify("notifications/initialized");
  const { tools } = (await request("tools/list", {})) as { tools?: { name: string }[] };
  return (tools ?? []).map(({ name }) => name);
}

async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`MCP server connection timed out after ${START_MS}ms`)), START_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** `${NAME}` is a variable, unless its dollar is doubled. */
const expanded = (text: string): string =>
  text.replace(/\$?\$\{(\w+)\}/g, (all, name: string) =>
    all.startsWith("$$") ? all.slice(1) : (process.env[name] ?? ""),
  );

/** By a shell, as OpenClaw starts them: it is the shell that says that there is no such program. */
function started({ command = "", args = [], env = {} }: McpServer, onLine: (line: string) => void): Connection {
  const { PATH, HOME } = process.env;
  const values = Object.entries(env).map(([name, value]) => [name, expanded(value)]);
  const child = spawn("/bin/sh", ["-c", 'exec "$0" "$@"', ...[command, ...args].map(expanded)], {
    env: { PATH, HOME, ...(Object.fromEntries(values) as Record<string, string>) },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const waiting = new Map<number, { resolve: (result: Params) => void; reject: (error: Error) => void }>();
  let ended = false;
  // What it printed is read before anybody learns that it ended.
  child.once("close", () => {
    ended = true;
    for (const { reject } of waiting.values()) reject(closed());
  });
  child.stdin.on("error", () => undefined);
  createInterface({ input: child.stderr }).on("line", onLine);
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { id = -1, ...reply } = JSON.parse(line) as Reply & { id?: number };
    settle(reply, waiting.get(id));
    waiting.delete(id);
  });
  const send = (message: object): void => void child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  let next = 0;
  return {
    request: (method, params) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(closed());
        const id = next++;
        waiting.set(id, { resolve, reject });
        send({ id, method, params });
      }),
    notify: (method) => Promise.resolve(send({ method })),
    close: () => void child.kill(),
  };
}

const closed = (): Error => new Error("MCP error -32000: Connection closed");

interface Reply {
  result?: Params;
  error?: { code: number; message: string };
}

function settle(
  { result = {}, error }: Reply,
  waiting?: { resolve: (result: Params) => void; reject: (error: Error) => void },
) {
  if (error === undefined) waiting?.resolve(result);
  else waiting?.reject(new Error(`MCP error ${error.code}: ${error.message}`));
}

/** Streamable HTTP: each message is a POST, answered by JSON or by a stream of events. */
function remote(url: string, headers: Record<string, string>): Connection {
  let session: Record<string, string> = {};
  const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, expanded(value)]));
  const post = async (message: object): Promise<string> => {
    const accept = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    const init = { method: "POST", body: JSON.stringify({ jsonrpc: "2.0", ...message }) };
    const reply = await fetch(expanded(url), { ...init, headers: { ...accept, ...given, ...session } }).catch(refused);
    if (!reply.ok) throw new Error("Streamable HTTP error: Error POSTing to endpoint: [redacted response body]");
    const id = reply.headers.get("mcp-session-id");
    if (id !== null) session = { "mcp-session-id": id };
    return await reply.text();
  };
  let next = 0;
  return {
    request: async (method, params) => {
      const text = await post({ id: next++, method, params });
      const data = /^data: ?(.*)$/m.exec(text)?.[1] ?? text;
      return await new Promise<Params>((resolve, reject) => settle(JSON.parse(data) as Reply, { resolve, reject }));
    },
    notify: async (method) => void (await post({ method })),
    close: () => undefined,
  };
}

function refused(error: Error & { cause?: Error }): never {
  throw new Error([error.message, ...(error.cause === undefined ? [] : [error.cause.message])].join(" | "));
}
