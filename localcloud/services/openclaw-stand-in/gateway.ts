import { watch } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { DatabaseSync } from "node:sqlite";
import { basename, dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { configPath, InvalidConfig, readConfig, resolveSecret, type Config } from "./config";
import { log } from "./output";
import { lockState, prepareState, StateRefused } from "./state";
import { startBot, type Bot } from "./telegram";
import { turn, type Question } from "./turn";
import { VERSION } from "./version";

/** Exit code for what no restart repairs: the configuration or the state. */
const REFUSED = 78;
/** After a file changed: hermes replaces several, one after the other. */
const SETTLE_MS = 200;

/** What OpenClaw reads from files once, and again when it is told. */
interface Secrets {
  token: string;
  keys: Record<string, string>;
  bot?: string;
}

function resolveAll(config: Config): Secrets {
  const providers = Object.entries(config.models.providers);
  const telegram = config.channels.telegram;
  return {
    token: resolveSecret(config, config.gateway.auth.token),
    keys: Object.fromEntries(
      providers.flatMap(([name, each]) => (each ? [[name, resolveSecret(config, each.apiKey)]] : [])),
    ),
    ...(telegram?.enabled === true ? { bot: resolveSecret(config, telegram.botToken) } : {}),
  };
}

/** Runs until it is told to end. */
export async function runGateway(port: number): Promise<void> {
  let config: Config;
  let state: DatabaseSync;
  let lock: DatabaseSync;
  try {
    config = readConfig();
    lock = lockState();
    state = prepareState();
  } catch (error) {
    if (!(error instanceof InvalidConfig || error instanceof StateRefused)) throw error;
    const what = error instanceof InvalidConfig ? "Config invalid: " : "Gateway failed to start: ";
    log("error", `${what}${error.message}`, "gateway");
    process.exit(REFUSED);
  }
  const gateway = new Gateway(config, state, lock);
  await gateway.listen(port);
}

class Gateway {
  #config: Config;
  #secrets: Secrets;
  #bot: Bot | undefined;
  #servers: Server[] = [];
  /** Turns that are under way; a stop waits for them. */
  readonly #turns = new Set<Promise<unknown>>();
  #settling: NodeJS.Timeout | undefined;

  constructor(
    config: Config,
    private readonly state: DatabaseSync,
    private readonly lock: DatabaseSync,
  ) {
    this.#config = config;
    this.#secrets = resolveAll(config);
  }

  async listen(port: number): Promise<void> {
    for (const address of ["127.0.0.1", "::1"]) this.#servers.push(await listening(address, port, this.#answer));
    log("info", "http server listening (stand-in)", "gateway");
    this.#startBot();
    // The folder: a file that is replaced by another is watched no longer.
    const watcher = watch(dirname(configPath()), (_event, name) => {
      if (name === basename(configPath())) this.#settle();
    });
    watcher.on("error", (error) => log("error", `config watcher: ${error.message}`, "gateway/reload"));
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void this.#stop(signal));
    log("info", "gateway ready", "gateway");
  }

  readonly #answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { pathname } = new URL(request.url ?? "/", "http://gateway");
    const [, action] = /^\/stand-in\/([a-z-]+)$/.exec(pathname) ?? [];
    if (action === undefined) return page(pathname, response);
    this.#call(action, request).then(
      ({ status, body }) => send(response, status, JSON.stringify(body)),
      (error: Error) => send(response, 500, JSON.stringify({ message: error.message })),
    );
  };

  async #call(action: string, request: IncomingMessage): Promise<{ status: number; body: object }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.headers.authorization !== `Bearer ${this.#secrets.token}`)
      return { status: 401, body: { message: "unauthorized: gateway token mismatch" } };
    if (action === "devices") return { status: 200, body: { pending: [], paired: [] } };
    if (action === "secrets-reload") {
      await this.#renew(this.#config);
      return { status: 200, body: {} };
    }
    const question = JSON.parse(Buffer.concat(chunks).toString()) as Question;
    return { status: 200, body: await this.#turn(question) };
  }

  #turn(question: Question): Promise<object> {
    const keyOf = (provider: string): string => this.#secrets.keys[provider] ?? "";
    const running = turn(this.#config, question, keyOf);
    this.#turns.add(running);
    return running.finally(() => this.#turns.delete(running));
  }

  #startBot(): void {
    const token = this.#secrets.bot;
    if (token === undefined) return;
    this.#bot = startBot(this.#config, token, this.state, async (agent, session, message) => {
      const reply = (await this.#turn({ agent, session, message, seconds: 600 })) as {
        result?: { payloads: { text: string }[] };
        error?: { message: string };
      };
      return reply.result?.payloads.map(({ text }) => text).join("\n") ?? reply.error?.message ?? "";
    });
  }

  /** With the secrets as they are in their files now. @throws Error, with all as it was, when one cannot be read */
  async #renew(config: Config): Promise<void> {
    const secrets = resolveAll(config);
    const bot = this.#bot;
    this.#bot = undefined;
    await bot?.stop();
    [this.#config, this.#secrets] = [config, secrets];
    this.#startBot();
  }

  #settle(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.#reload(), SETTLE_MS);
  }

  async #reload(): Promise<void> {
    const say = (level: "info" | "warn", message: string): void => log(level, message, "gateway/reload");
    try {
      const config = readConfig();
      const changed = Object.keys({ ...this.#config, ...config }).filter(
        (key) => !isDeepStrictEqual(this.#config[key as keyof Config], config[key as keyof Config]),
      );
      if (changed.length === 0) return;
      say("info", `config change detected; evaluating reload (${changed.join(", ")})`);
      if (changed.includes("gateway")) throw new Error("the stand-in does not restart itself for another gateway");
      await this.#renew(config);
      say("info", `config hot reload applied (${changed.join(", ")})`);
    } catch (error) {
      const invalid = error instanceof InvalidConfig;
      say("warn", `config reload ${invalid ? "skipped (invalid config)" : "failed"}: ${(error as Error).message}`);
    }
  }

  async #stop(signal: string): Promise<void> {
    log("info", `received ${signal}; shutting down`, "gateway");
    await Promise.all([this.#bot?.stop(), ...this.#turns]);
    for (const server of this.#servers) server.closeAllConnections();
    this.state.close();
    this.lock.close();
    log("info", "shutdown completed cleanly", "gateway/shutdown");
    process.exit(0);
  }
}

const started = Date.now();

function page(pathname: string, response: ServerResponse): void {
  const uptimeMs = Date.now() - started;
  const pages: Record<string, object> = {
    healthz: { ok: true, status: "live" },
    readyz: { ready: true, failing: [], uptimeMs },
    startupz: { ok: true, status: "started", version: VERSION, uptimeMs },
  };
  const found =
    pages[pathname.slice(1)] ?? pages[`${pathname.slice(1)}z`] ?? pages[pathname.slice(1).replace("y", "yz")];
  if (found !== undefined) return send(response, 200, JSON.stringify(found));
  // As OpenClaw does: every other path is its page for browsers.
  response.writeHead(200, { "content-type": "text/html" });
  response.end("<!doctype html><title>OpenClaw Control</title><p>A stand-in of OpenClaw.</p>\n");
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "content-type": "application/json" }).end(body);
}

function listening(
  address: string,
  port: number,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
) {
  const server = createServer(answer);
  return new Promise<Server>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => resolve(server));
  });
}
