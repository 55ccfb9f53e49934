// How the gateway is. Changes nothing.
import { describe, isReady, lastLines, openclaw, unitState } from "./gateway.ts";
import type { Host } from "./host.ts";
import { isProven } from "./local-model.ts";
import { listModels, loadedModels } from "./ollama.ts";
import { OLLAMA, OPENCLAW_CURRENT, STATE } from "./places.ts";
import { drift } from "./plan.ts";
import { scrubber } from "./scrub.ts";
import type { Applied } from "./store.ts";
import { readApplied } from "./store.ts";
import { readJournal } from "./transaction.ts";
import { diskFault, readEntry } from "./tree.ts";

export interface AgentTurn {
  ok: boolean;
  text?: string;
  model?: string;
  error?: string;
}

export interface Status {
  ok: boolean;
  ready: boolean;
  version: string;
  configHash: string;
  /** systemd's word. */
  unit: string;
  /** Managed files that are not as they were applied. */
  drift: string[];
  /** The model on the droplet, where one is wanted. */
  localModel?: LocalModelStatus;
  agentTurn?: AgentTurn;
  error?: string;
}

export interface LocalModelStatus {
  tag: string;
  ok: boolean;
  /** Loaded: the first turn need not wait for it. */
  loaded?: boolean;
  error?: string;
}

/** A model that never answers takes OpenClaw 251 s before it asks the next one; a local model reads its prompt for minutes. */
const TURN_SECONDS = 420;

export async function status(host: Host, options: { agentTurn: boolean }): Promise<Status> {
  const applied = readApplied(host);
  const scrub = scrubber(applied.secrets);
  const current = readEntry(host, OPENCLAW_CURRENT);
  const version = current.kind === "link" ? current.target : "";
  const unit = await unitState(host);
  const ready = unit.active === "active" && (await isReady(host, 5000));
  // A gateway whose volume went away goes on answering that it is ready.
  const lost = host.disk(STATE).writable ? undefined : diskFault(host, STATE);
  const reply: Status = {
    ok: ready && lost === undefined,
    ready,
    version,
    configHash: applied.configHash ?? "",
    unit: unit.active,
    drift: applied.config === undefined || lost !== undefined ? [] : drift(host, applied.config, applied.secrets),
    ...(lost === undefined ? {} : { error: lost }),
  };
  if (!ready) {
    const error = whyNot(host, applied, describe(unit));
    host.say(error);
    for (const line of await lastLines(host)) host.say(`  ${scrub(line)}`);
    return { ...reply, error };
  }
  if (lost !== undefined) return (host.say(lost), reply);
  for (const path of reply.drift) host.say(`changed on the droplet: ${path}`);
  const model = await localModel(host, applied);
  if (model !== undefined) {
    reply.localModel = model;
    reply.ok = model.ok;
    if (model.error !== undefined) host.say(model.error);
  }
  if (!options.agentTurn) return reply;
  const turn = await agentTurn(host, applied, version, scrub);
  if (turn.error !== undefined) host.say(turn.error);
  return { ...reply, ok: reply.ok && turn.ok, agentTurn: turn };
}

export async function localModel(host: Host, applied: Applied): Promise<LocalModelStatus | undefined> {
  const { config } = applied;
  if (config?.ollama === undefined) return undefined;
  const { tag } = config.ollama;
  const fault = (error: string) => ({
    tag,
    ok: false,
    error: `${error}; \`hermes-apply local\` on the droplet mends it`,
  });
  if (!isProven(host, config)) return fault(`the local model ${tag} was not brought up`);
  const here = await listModels(host);
  if (here === undefined) return fault(`Ollama does not answer (${(await unitState(host, OLLAMA)).active})`);
  if (!here.some(({ name }) => name === tag)) return fault(`the local model ${tag} is gone from Ollama`);
  return { tag, ok: true, loaded: (await loadedModels(host)).some(({ name }) => name === tag) };
}

function whyNot(host: Host, applied: Applied, unit: string): string {
  const disk = diskFault(host, STATE);
  if (disk !== undefined) return `${disk}; ${unit}`;
  if (readJournal(host) !== undefined) return `an activation is under way, or was cut off: ${unit}`;
  return applied.config === undefined ? "no configuration was activated yet" : unit;
}

/** One question to the first agent, answered through the models' chain. */
async function agentTurn(
  host: Host,
  applied: Applied,
  version: string,
  scrub: (text: string) => string,
): Promise<AgentTurn> {
  const agent = firstAgent(applied);
  if (agent === undefined) return { ok: false, error: "no agent is configured" };
  // A session of its own: what people said to the agent stays free of it.
  const who = ["--agent", agent, "--session-key", "hermes-check"];
  const args = ["agent", ...who, "--message", "ping", "--json", "--timeout", String(TURN_SECONDS - 20)];
  const { stdout, stderr } = await openclaw(host, args, { version, timeoutMs: TURN_SECONDS * 1000 });
  const turn = readTurn(stdout) ?? { ok: false, error: `agent ${agent} gave no answer: ${stderr.trim().slice(-500)}` };
  return turn.error === undefined ? turn : { ...turn, error: scrub(turn.error) };
}

function firstAgent(applied: Applied): string | undefined {
  const file = applied.config?.files["/etc/openclaw/openclaw.json"];
  const config = JSON.parse(file?.text?.join("\n") ?? "{}") as {
    agents?: { defaults?: { systemAgent?: { agentId?: string } } };
  };
  return config.agents?.defaults?.systemAgent?.agentId;
}

interface TurnOutput {
  status?: string;
  /** Where no model answered: which were asked, and what they said. */
  error?: { message?: string };
  result?: { payloads?: { text?: string }[]; meta?: { agentMeta?: { provider?: string; model?: string } } };
}

/** @returns undefined when it is not what OpenClaw prints */
export function readTurn(stdout: string): AgentTurn | undefined {
  try {
    const turn = JSON.parse(stdout.slice(stdout.indexOf("{"))) as TurnOutput;
    const text = turn.result?.payloads?.[0]?.text;
    const { provider, model } = turn.result?.meta?.agentMeta ?? {};
    if (turn.error?.message) return { ok: false, error: turn.error.message.slice(0, 1000) };
    if (turn.status !== "ok" || !text)
      return { ok: false, error: `the agent's turn ended with ${turn.status ?? "nothing"}` };
    return {
      ok: true,
      text: text.slice(0, 500),
      ...(model ? { model: provider ? `${provider}/${model}` : model } : {}),
    };
  } catch {
    return undefined;
  }
}
