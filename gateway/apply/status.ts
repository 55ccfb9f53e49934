// How the gateway is. Changes nothing but the notes of the last turn and of the last probe of the MCP servers.
import type { Unit } from "./gateway.ts";
import { describe, isReady, lastLines, openclaw, unitState } from "./gateway.ts";
import type { Host } from "./host.ts";
import { isProven } from "./local-model.ts";
import type { McpReport } from "./mcp.ts";
import { mcpProblem } from "./mcp.ts";
import { lastProbe, needsProbe, probe } from "./mcp-probe.ts";
import { whyNotReady } from "./not-ready.ts";
import { listModels, loadedModels } from "./ollama.ts";
import { installedVersion, isAsInstalled } from "./openclaw-tree.ts";
import { LAST_TURN, OLLAMA, OPENCLAW_VERSIONS, STATE } from "./places.ts";
import { drift } from "./plan.ts";
import { scrubber } from "./scrub.ts";
import { shown } from "./shown.ts";
import type { Applied } from "./store.ts";
import { readApplied } from "./store.ts";
import { writePrivate } from "./text-file.ts";
import { readJournal } from "./transaction.ts";
import { diskFault, saySetAside, setAsides } from "./tree.ts";
import type { AgentTurn } from "./turn.ts";
import { readTurn } from "./turn.ts";

export interface Status {
  ok: boolean;
  ready: boolean;
  version: string;
  configHash: string;
  /** systemd's word. */
  unit: string;
  /** Managed files that are not as they were applied. */
  drift: string[];
  /** What deserves a look and stops nothing; absent if there is nothing of the kind. */
  warnings?: string[];
  /** The model on the droplet, where one is wanted. */
  localModel?: LocalModelStatus;
  /** The MCP servers, where there are some: what they answered last. */
  mcp?: McpReport;
  agentTurn?: AgentTurn;
  error?: string;
}

export interface StatusOptions {
  agentTurn: boolean;
  /** Ask the MCP servers, unless all of them answered as they are declared. @default false */
  mcp?: boolean;
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

export async function status(host: Host, options: StatusOptions): Promise<Status> {
  const applied = readApplied(host);
  const scrub = scrubber(applied.secrets);
  const version = installedVersion(host) ?? "";
  const unit = await unitState(host);
  const ready = unit.active === "active" && (await isReady(host, 5000));
  // A gateway whose volume is full or went away goes on answering that it is ready, and no turn works.
  const lost = diskFault(host, STATE);
  const reply: Status = {
    ok: ready && lost === undefined,
    ready,
    version,
    configHash: applied.configHash ?? "",
    unit: unit.active,
    drift: applied.config === undefined || lost !== undefined ? [] : drift(host, applied.config, applied.secrets),
    ...(lost === undefined ? {} : { error: lost }),
  };
  const changed = version === "" || (await isAsInstalled(host, version)) ? undefined : treeFault(version);
  if (!ready) {
    const why = scrub(whyNot(host, applied, await notReady(host, unit)));
    const error = [why, changed ?? []].flat().join("; ");
    host.say(error);
    for (const line of await lastLines(host)) host.say(`  ${scrub(line)}`);
    return { ...reply, error };
  }
  if (lost !== undefined) return (host.say(lost), reply);
  if (changed !== undefined) return (host.say(changed), { ...reply, ok: false, error: changed });
  for (const path of reply.drift) host.say(`changed on the droplet: ${shown(path)}`);
  const warnings = setAsides(host).map(saySetAside);
  if (warnings.length > 0) reply.warnings = warnings;
  for (const warning of warnings) host.say(`warning: ${warning}`);
  const model = await localModel(host, applied);
  if (model !== undefined) {
    reply.localModel = model;
    reply.ok = model.ok;
    if (model.error !== undefined) host.say(model.error);
  }
  const last = lastProbe(host, applied);
  const asks = options.mcp === true && needsProbe(last);
  const mcp = asks ? await probe(host, applied, version, scrub) : last;
  if (mcp !== undefined) reply.mcp = mcp;
  const problem = asks ? mcpProblem(mcp) : undefined;
  if (problem !== undefined) {
    reply.ok = false;
    host.say(problem);
  }
  if (!options.agentTurn) return reply;
  const turn = await agentTurn(host, applied, version, scrub);
  if (turn.error !== undefined) host.say(turn.error);
  note(host, { configHash: reply.configHash, at: new Date().toISOString(), turn });
  return { ...reply, ok: reply.ok && turn.ok, agentTurn: turn };
}

const treeFault = (version: string): string =>
  `${OPENCLAW_VERSIONS}/${version} is not as it was installed: \`pulumi up --replace '**-activate'\` installs it again`;

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

/** Its own reason before systemd's word. */
async function notReady(host: Host, unit: Unit): Promise<string> {
  const reason = await whyNotReady(host);
  return reason === undefined ? describe(unit) : `${reason} (${describe(unit)})`;
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
  const turn = readTurn(stdout) ?? {
    ok: false,
    error: `agent ${agent} gave no answer: ${scrub(stderr).trim().slice(-500)}`,
  };
  return {
    ...turn,
    ...(turn.error === undefined ? {} : { error: scrub(turn.error) }),
    ...(turn.failed === undefined
      ? {}
      : { failed: turn.failed.map(({ model, reason }) => ({ model, reason: scrub(reason) })) }),
  };
}

/** What the last turn that hermes asked for came to: the doctor asks for none, which would cost a request of the day's quota. */
export interface LastTurn {
  /** Of the configuration that ran. */
  configHash: string;
  /** ISO 8601. */
  at: string;
  turn: AgentTurn;
}

/** On a disk that is full a turn is a turn all the same. */
function note(host: Host, last: LastTurn): void {
  try {
    writePrivate(host, LAST_TURN, JSON.stringify(last));
  } catch (error) {
    host.say(`the turn was not noted for ./hermes doctor: ${(error as Error).message}`);
  }
}

function firstAgent(applied: Applied): string | undefined {
  const file = applied.config?.files["/etc/openclaw/openclaw.json"];
  const config = JSON.parse(file?.text?.join("\n") ?? "{}") as {
    agents?: { defaults?: { systemAgent?: { agentId?: string } } };
  };
  return config.agents?.defaults?.systemAgent?.agentId;
}
