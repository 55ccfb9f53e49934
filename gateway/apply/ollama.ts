// Ollama on this droplet, by its API: https://github.com/ollama/ollama/blob/main/docs/api.md
import type { OllamaSpec } from "./bundle.ts";
import { lastLines, unitState } from "./gateway.ts";
import type { Host } from "./host.ts";
import { OLLAMA, OLLAMA_CURRENT, OLLAMA_STATE, OLLAMA_URL, OLLAMA_VERSIONS, UNITS } from "./places.ts";
import { isAs, put, readEntry } from "./tree.ts";

/** Its number is fixed: the firewall's rules name it. */
const ACCOUNT = { name: "ollama", id: "2103" };

const START_MS = 60_000;
/** 7 GB at 1 MB/s. */
const PULL_MS = 7_200_000;
const PULL_TRIES = 5;
/** Ollama's own limit (OLLAMA_LOAD_TIMEOUT) is 15 min. */
const LOAD_MS = 960_000;

export async function makeAccount(host: Host): Promise<void> {
  const { name, id } = ACCOUNT;
  if ((await host.run("getent", ["passwd", name])).code === 0) return;
  await must(host, "groupadd", ["--force", "--gid", id, name]);
  const options = ["--no-create-home", "--home-dir", OLLAMA_STATE, "--shell", "/usr/sbin/nologin"];
  await must(host, "useradd", ["--uid", id, "--gid", id, ...options, name]);
}

/** Beside what runs, then switched; a pinned digest or nothing. */
export async function install(host: Host, spec: OllamaSpec, script: string): Promise<void> {
  if (readEntry(host, `${OLLAMA_VERSIONS}/${spec.version}/bin/ollama`).kind === "absent")
    host.say(`installing Ollama ${spec.version}`);
  const current = { kind: "link", target: spec.version } as const;
  const { code, stdout, stderr } = await host.run("bash", [host.path(script), spec.version, spec.url, spec.sha256], {
    timeoutMs: PULL_MS,
  });
  if (code !== 0) throw new Error(`Ollama ${spec.version} could not be installed: ${tail(`${stdout}\n${stderr}`)}`);
  if (!isAs(readEntry(host, OLLAMA_CURRENT), current)) put(host, OLLAMA_CURRENT, current);
}

/** Running with the unit as it stands on disk now, and answering as the version that is wanted. */
export async function start(host: Host, spec: OllamaSpec, restart: boolean): Promise<void> {
  await must(host, "systemctl", ["daemon-reload"]);
  await host.run("systemctl", ["reset-failed", OLLAMA]);
  await must(host, "systemctl", [restart ? "restart" : "start", OLLAMA], 120_000);
  const end = host.now() + START_MS;
  for (;;) {
    const version = await runningVersion(host);
    if (version === spec.version) return;
    if (host.now() >= end || (await unitState(host, OLLAMA)).active === "failed") {
      const log = (await lastLines(host, 5, OLLAMA)).join("; ");
      const found = version === undefined ? "does not answer" : `is ${version}`;
      throw new Error(`Ollama ${spec.version} was started, and what runs ${found}: ${log}`);
    }
    await host.sleep(500);
  }
}

async function runningVersion(host: Host): Promise<string | undefined> {
  return field(await host.get(`${OLLAMA_URL}/api/version`, 3000), "version");
}

interface Listed {
  name: string;
  digest: string;
}

/** Models on disk; undefined: Ollama does not answer. */
export async function listModels(host: Host): Promise<Listed[] | undefined> {
  const { status, body } = await host.ask("GET", `${OLLAMA_URL}/api/tags`, undefined, { timeoutMs: 10_000 });
  return status === 200 ? ((parse(body)["models"] as Listed[] | null | undefined) ?? []) : undefined;
}

/** Models in memory. */
export async function loadedModels(host: Host): Promise<{ name: string; context_length?: number }[]> {
  const { body } = await host.ask("GET", `${OLLAMA_URL}/api/ps`, undefined, { timeoutMs: 10_000 });
  return (parse(body)["models"] as { name: string; context_length?: number }[] | null | undefined) ?? [];
}

/** The model's digest, once it is here. A pull that was interrupted goes on where it stopped: Ollama keeps the parts. */
export async function pull(host: Host, tag: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const here = (await listModels(host))?.find(({ name }) => name === tag);
    if (here !== undefined) return here.digest;
    const failure = await pullOnce(host, tag);
    if (failure === undefined) continue;
    if (attempt === PULL_TRIES || /not found|does not exist|no space/i.test(failure))
      throw new Error(`the model ${tag} could not be pulled: ${failure}`);
    host.say(`pulling ${tag} stopped: ${failure}; going on`);
    await host.sleep(2000 * attempt);
  }
}

async function pullOnce(host: Host, tag: string): Promise<string | undefined> {
  const progress = new PullProgress((line) => host.say(line), tag);
  const options = { timeoutMs: PULL_MS, onLine: (line: string) => progress.take(line) };
  const { status, body } = await host.ask("POST", `${OLLAMA_URL}/api/pull`, { model: tag, stream: true }, options);
  if (progress.error !== undefined) return progress.error;
  if (status !== 200) return field(body, "error") ?? `Ollama answered ${status}`;
  return progress.succeeded ? undefined : "the answer ended in the middle";
}

/** Lines of a pull's answer → one line for people at every tenth. */
export class PullProgress {
  error: string | undefined;
  succeeded = false;
  private readonly parts = new Map<string, { total: number; completed: number }>();
  private told = -1;
  private readonly say: (line: string) => void;
  private readonly tag: string;

  constructor(say: (line: string) => void, tag: string) {
    this.say = say;
    this.tag = tag;
  }

  take(line: string): void {
    const said = parse(line);
    if (typeof said["error"] === "string") this.error = said["error"];
    if (said["status"] === "success") this.succeeded = true;
    const { digest, total, completed } = said;
    if (typeof digest !== "string" || typeof total !== "number") return;
    this.parts.set(digest, { total, completed: typeof completed === "number" ? completed : 0 });
    this.tell();
  }

  /** Of the parts that are known so far: the weights are by far the largest, and come first. */
  private tell(): void {
    const sum = (pick: (part: { total: number; completed: number }) => number) =>
      [...this.parts.values()].reduce((all, part) => all + pick(part), 0);
    const [total, completed] = [sum((part) => part.total), sum((part) => part.completed)];
    const tenth = Math.floor((completed / Math.max(total, 1)) * 10);
    if (tenth <= this.told) return;
    this.told = tenth;
    this.say(`pulling ${this.tag}: ${tenth * 10} % of ${Math.ceil(total / 2 ** 20)} MiB`);
  }
}

/** Loaded with the planned context, and answering. Throws with what is missing. */
export async function prove(host: Host, spec: OllamaSpec): Promise<void> {
  await proveCapable(host, spec);
  const options = { num_ctx: spec.contextTokens, num_batch: spec.batch };
  const model = { model: spec.tag, keep_alive: -1, options };
  host.say(`loading ${spec.tag} with ${spec.contextTokens} tokens of context`);
  await post(host, "/api/generate", { ...model, stream: false }, "could not be loaded");
  const context = (await loadedModels(host)).find(({ name }) => name === spec.tag)?.context_length;
  if (context !== undefined && context < spec.contextTokens)
    throw new Error(`the model ${spec.tag} was loaded with ${context} tokens of context, not ${spec.contextTokens}`);
  const messages = [{ role: "user", content: "Say pong." }];
  const chat = { ...model, messages, think: false, stream: false, options: { ...options, num_predict: 16 } };
  const answer = await post(host, "/api/chat", chat, "does not answer");
  const { content } = (answer["message"] ?? {}) as { content?: string };
  if (!content) throw new Error(`the model ${spec.tag} answers nothing`);
}

async function proveCapable(host: Host, spec: OllamaSpec): Promise<void> {
  const shown = await post(host, "/api/show", { model: spec.tag }, "can't be shown");
  const capabilities = (shown["capabilities"] as string[] | undefined) ?? [];
  if (!capabilities.includes("tools"))
    throw new Error(`the model ${spec.tag} can't call tools, so no agent can use it`);
  const info = (shown["model_info"] ?? {}) as Record<string, unknown>;
  const native = Object.entries(info).find(([key]) => key.endsWith(".context_length"))?.[1];
  if (typeof native === "number" && native < spec.contextTokens)
    throw new Error(`the model ${spec.tag} knows ${native} tokens of context, not ${spec.contextTokens}`);
}

async function post(host: Host, path: string, body: object, fault: string): Promise<Record<string, unknown>> {
  const { status, body: answer } = await host.ask("POST", `${OLLAMA_URL}${path}`, body, { timeoutMs: LOAD_MS });
  if (status === 200) return parse(answer);
  const tag = (body as { model: string }).model;
  throw new Error(`the model ${tag} ${fault}: ${field(answer, "error") ?? `Ollama answered ${status}`}`);
}

/** Only the wanted model and version stay. */
export async function removeOthers(host: Host, spec: OllamaSpec): Promise<void> {
  for (const { name } of (await listModels(host)) ?? []) {
    if (name === spec.tag) continue;
    host.say(`removing the model ${name}`);
    await host.ask("DELETE", `${OLLAMA_URL}/api/delete`, { model: name }, { timeoutMs: 60_000 });
  }
  const keep = ["!", "-name", spec.version, "!", "-name", "current"];
  const folder = host.path(OLLAMA_VERSIONS);
  await host.run("find", [folder, "-mindepth", "1", "-maxdepth", "1", ...keep, "-exec", "rm", "-rf", "{}", "+"]);
}

/** Unit, account, models, program: as if it had never been. The folders last: by them {@link isHere} knows of the rest. */
export async function remove(host: Host): Promise<void> {
  host.say("removing Ollama and its models");
  await host.run("systemctl", ["disable", "--now", OLLAMA], { timeoutMs: 120_000 });
  await host.run("systemctl", ["stop", OLLAMA], { timeoutMs: 120_000 });
  await host.run("systemctl", ["reset-failed", OLLAMA]);
  const units = [`${UNITS}/multi-user.target.wants/${OLLAMA}`, `${UNITS}/${OLLAMA}.d`];
  await must(host, "rm", ["-rf", ...units.map((path) => host.path(path))]);
  await must(host, "systemctl", ["daemon-reload"]);
  if ((await host.run("getent", ["passwd", ACCOUNT.name])).code === 0) await must(host, "userdel", [ACCOUNT.name]);
  await must(host, "rm", ["-rf", ...[OLLAMA_STATE, OLLAMA_VERSIONS].map((path) => host.path(path))], 300_000);
}

export const isHere = (host: Host): boolean =>
  [OLLAMA_VERSIONS, OLLAMA_STATE, `${UNITS}/multi-user.target.wants/${OLLAMA}`].some(
    (path) => readEntry(host, path).kind !== "absent",
  );

async function must(host: Host, command: string, args: string[], timeoutMs = 60_000): Promise<void> {
  const { code, stdout, stderr } = await host.run(command, args, { timeoutMs });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${tail(`${stdout}\n${stderr}`)}`);
}

const tail = (text: string): string => text.trim().split("\n").slice(-6).join("\n  ").slice(-1500);

function parse(text: string | undefined): Record<string, unknown> {
  try {
    return JSON.parse(text ?? "") as Record<string, unknown>;
  } catch {
    return {};
  }
}

function field(text: string | undefined, name: string): string | undefined {
  const value = parse(text)[name];
  return typeof value === "string" ? value : undefined;
}
