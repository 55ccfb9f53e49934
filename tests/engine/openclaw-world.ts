import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { HermesConfig } from "../../config/types";
import { renderOpenclawConfig } from "../../gateway/openclaw-config";
import { gatewaySecretNames } from "../../gateway/secret-names";
import { waitFor } from "../../localcloud/network";
import { OpenRouter } from "../../localcloud/services/openrouter";
import { Telegram } from "../../localcloud/services/telegram";
import type { Handler } from "../../localcloud/services/web";
import { hermesConfig } from "../fixtures/gateway-config";

/** A program that answers to OpenClaw's command line. */
export interface OpenclawProgram {
  /** The Node that carries it. */
  node: string;
  /** Folder of its package. */
  package: string;
}

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

export const FIRST = "google/gemma-4-31b-it:free";
export const NEXT = "google/gemma-4-26b-a4b-it:free";
export const OWNER = 555_001;

/** Runs what it is told in a shell here, where ssh would have run it in the agents' account. */
const SSH = `#!/bin/sh
echo "$*" >>"$(dirname "$0")/ssh-calls"
for last; do :; done
exec /bin/sh -c "$last"
`;

/** One OpenClaw with a state, a configuration of hermes and the lab's stand-ins of OpenRouter and Telegram. */
export class OpenclawWorld {
  readonly dir = mkdtempSync(join(tmpdir(), "hermes-openclaw-"));
  readonly state = join(this.dir, "state");
  readonly configPath = join(this.dir, "etc", "openclaw.json");
  readonly openrouter = new OpenRouter({
    logFile: join(this.dir, "openrouter.jsonl"),
    key: "sk-or-v1-key-of-the-test",
  });
  readonly telegram = new Telegram({ logFile: join(this.dir, "telegram.jsonl") });
  readonly #servers: Server[] = [];
  readonly #urls: string[] = [];
  #gateway: ChildProcess | undefined;
  port = 0;
  /** What every gateway printed so far. */
  log = "";

  private constructor(readonly program: OpenclawProgram) {}

  static async open(program: OpenclawProgram): Promise<OpenclawWorld> {
    const world = new OpenclawWorld(program);
    await world.#listen(world.openrouter.handler);
    await world.#listen(world.telegram.handler);
    world.port = await freePort();
    world.write("ssh", SSH, 0o755);
    world.write("ssh-key", "not read by the ssh of this test\n", 0o600);
    world.write("known_hosts", "[127.0.0.1]:2222 ssh-ed25519 AAAA\n", 0o644);
    world.secret("gatewayToken", "gateway-token-of-the-test-with-32-characters");
    world.secret("openrouterApiKey", "sk-or-v1-key-of-the-test");
    world.secret("telegramBotToken", "8123456789:AAtoken-of-the-test");
    world.write("state/workspaces/main/SOUL.md", "# Who you are\n\nSOULMARK-1\n", 0o644);
    world.write("state/workspaces/main/AGENTS.md", "# Rules\n\nAGENTSMARK-1\n", 0o644);
    world.write(
      `agent/${sandboxFolder(world.path("state/workspaces/main"))}/workspace/MARKER.md`,
      "the agent's\n",
      0o644,
    );
    world.configure();
    return world;
  }

  async #listen(handler: Handler): Promise<void> {
    const server = createServer((request, response) => void handler(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#servers.push(server);
    this.#urls.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  path(file: string): string {
    return join(this.dir, file);
  }

  /** By rename, as hermes-apply replaces files. */
  write(file: string, text: string, mode = 0o600): void {
    mkdirSync(dirname(this.path(file)), { recursive: true, mode: 0o700 });
    writeFileSync(`${this.path(file)}.new`, text, { mode });
    chmodSync(`${this.path(file)}.new`, mode);
    renameSync(`${this.path(file)}.new`, this.path(file));
  }

  read(file: string): string {
    return readFileSync(this.path(file), "utf8");
  }

  secret(name: string, value: string): void {
    this.write(`etc/secrets/${name}`, `${value}\n`, 0o400);
  }

  /** openclaw.json as hermes renders it, with the places of this test. */
  config(change: Partial<HermesConfig> = {}, edit: (config: Rendered) => void = () => undefined): string {
    const [openrouter = "", telegram = ""] = this.#urls;
    const models = { ...hermesConfig.models, primary: `openrouter/${FIRST}`, fallbacks: [`openrouter/${NEXT}`] };
    const config: HermesConfig = {
      ...hermesConfig,
      models,
      agents: {
        main: { workspace: "workspace/main", bindings: [{ channel: "telegram" }] },
      },
      mcpServers: {},
      telegram: { ownerId: String(OWNER) },
      ...change,
    };
    const rendered = renderOpenclawConfig(config, gatewaySecretNames(config)) as unknown as Rendered;
    rendered.gateway["port"] = this.port;
    if (rendered.channels.telegram !== undefined) rendered.channels.telegram["apiRoot"] = telegram;
    edit(rendered);
    return JSON.stringify(rendered, null, 2)
      .replaceAll("/etc/openclaw/secrets/", this.path("etc/secrets/"))
      .replaceAll("/etc/openclaw/agent-ssh/id_ed25519", this.path("ssh-key"))
      .replaceAll("/etc/openclaw/agent-ssh/known_hosts", this.path("known_hosts"))
      .replaceAll("/usr/local/lib/hermes/agent-ssh.sh", this.path("ssh"))
      .replaceAll("/run/hermes-agent", this.path("agent"))
      .replaceAll("/var/lib/openclaw", this.state)
      .replaceAll("/var/log/openclaw", this.path("log"))
      .replaceAll("https://openrouter.ai", openrouter);
  }

  configure(...args: Parameters<OpenclawWorld["config"]>): void {
    this.write("etc/openclaw.json", this.config(...args), 0o640);
  }

  environment(changes: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    return {
      PATH: `${dirname(this.program.node)}:/usr/bin:/bin`,
      HOME: this.state,
      TMPDIR: this.dir,
      OPENCLAW_STATE_DIR: this.state,
      OPENCLAW_CONFIG_PATH: this.configPath,
      OPENCLAW_CONFIG_READONLY: "1",
      OPENCLAW_NO_AUTO_UPDATE: "1",
      OPENCLAW_NO_RESPAWN: "1",
      NODE_COMPILE_CACHE: join(tmpdir(), "hermes-openclaw-compile-cache"),
      ...changes,
    };
  }

  async run(args: string[], changes: NodeJS.ProcessEnv = {}): Promise<Ran> {
    const child = spawn(this.program.node, [join(this.program.package, "dist/index.js"), ...args], {
      cwd: this.dir,
      env: this.environment(changes),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (said.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (said.stderr += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, ...said };
  }

  /** One turn of an agent by the command line. */
  async ask(message: string, session = "contract", agent = "main", timeoutSeconds = 300): Promise<Ran> {
    const who = ["--agent", agent, "--session-key", session];
    return this.run(["agent", ...who, "--message", message, "--json", "--timeout", String(timeoutSeconds)]);
  }

  /** Starts the gateway; resolves when it is ready, or with its exit code when it ends before. */
  async start(): Promise<number | null | undefined> {
    const program = join(this.program.package, "dist/index.js");
    const child = spawn(this.program.node, [program, "gateway", "--port", String(this.port)], {
      cwd: this.state,
      env: this.environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#gateway = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (this.log += chunk.toString()));
    await waitFor("the gateway is ready", async () => hasEnded(child) || (await this.isReady()), {
      timeoutMs: 300_000,
      everyMs: 50,
    });
    return child.exitCode ?? undefined;
  }

  get pid(): number | undefined {
    return this.#gateway?.pid;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | NodeJS.Signals | null> {
    const child = this.#gateway;
    if (child === undefined || hasEnded(child)) return child?.exitCode ?? null;
    child.kill(signal);
    const [code, by] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return code ?? by;
  }

  async get(path: string): Promise<{ status: number; body: string } | undefined> {
    try {
      const reply = await fetch(`http://127.0.0.1:${this.port}${path}`);
      return { status: reply.status, body: await reply.text() };
    } catch {
      return undefined;
    }
  }

  async isReady(): Promise<boolean> {
    return ((await this.get("/readyz"))?.body ?? "").includes('"ready":true');
  }

  /** What was logged after this many characters, when it matches. */
  async logged(pattern: RegExp, since: number): Promise<string> {
    await waitFor(`the log says ${pattern}`, () => Promise.resolve(pattern.test(this.log.slice(since))), {
      timeoutMs: 300_000,
      everyMs: 50,
    });
    return this.log.slice(since);
  }

  async close(): Promise<void> {
    await this.stop("SIGKILL");
    this.telegram.stop();
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
    if (existsSync(this.dir)) rmSync(this.dir, { recursive: true, force: true });
  }
}

/** As OpenClaw names an agent's folder below the sandbox's root: see `sandboxFolder` of gateway/paths. */
function sandboxFolder(workspace: string): string {
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);
  return `openclaw-ssh-workspace-${hash(`agent:main:workspace:${hash(workspace)}`)}`;
}

/** The parts of openclaw.json that tests edit. */
export interface Rendered {
  gateway: Record<string, unknown>;
  channels: { telegram?: Record<string, unknown> };
  [key: string]: unknown;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
