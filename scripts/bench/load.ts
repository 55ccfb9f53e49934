/** A project with several agents and MCP servers, and turns of its agents: what memory is measured under. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../../localcloud/network";
import type { ProjectCopy } from "../../tests/support/project-copy";

export interface Load {
  agents: number;
  /** MCP servers that are commands; every agent may use each. */
  mcpServers: number;
  /** OpenRouter's ids of the agents' own models, in their order; the chain follows each. */
  models?: string[];
}

/** Names are sentences' subjects in reports: agent-1, mcp-2. */
export const agentNames = (count: number): string[] => numbered("agent", count);
export const serverNames = (count: number): string[] => numbered("mcp", count);

const numbered = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${what}-${index + 1}`);

const SERVER = "mcp-server.mjs";

/** Writes agents and MCP servers into the copy's stack file; the server travels in the first agent's workspace. */
export function prepareLoad(project: ProjectCopy, load: Load): void {
  const agents = agentNames(load.agents);
  for (const agent of agents) {
    cpSync(join(project.dir, "workspace", "main"), join(project.dir, "workspace", agent), { recursive: true });
  }
  const [first = ""] = agents;
  project.write(`workspace/${first}/${SERVER}`, project.read(`tests/fixtures/${SERVER}`));
  const path = `/var/lib/openclaw/workspaces/${first}/${SERVER}`;
  project.setKey(
    "agents",
    agents.flatMap((agent, index) => [
      `${agent}:`,
      `  workspace: ./workspace/${agent}`,
      ...(load.models?.[index] === undefined ? [] : [`  model: openrouter/${load.models[index]}`]),
    ]),
  );
  const servers = serverNames(load.mcpServers);
  project.setKey(
    "mcpServers",
    servers.flatMap((name) => [`${name}:`, "  command: /usr/local/bin/node", `  args: [${path}, ${name}]`]),
  );
}

/** How a turn of an agent ended. */
export interface Turn {
  ok: boolean;
  /** What the agent said, or why it said nothing. */
  text: string;
  /** The model that answered, as OpenRouter calls it. */
  model: string;
}

interface TurnOutput {
  status?: string;
  result?: { payloads?: { text?: string }[]; meta?: { agentMeta?: { model?: string } } };
}

/** One turn by the command line on the droplet, as the gateway's account. Does not throw when the turn fails. */
export async function turn(
  project: ProjectCopy,
  { agent, session, message, timeoutSeconds = 300 }: Question,
): Promise<Turn> {
  const account = "runuser -u openclaw -- env HOME=/var/lib/openclaw OPENCLAW_STATE_DIR=/var/lib/openclaw";
  const config = "OPENCLAW_CONFIG_PATH=/etc/openclaw/openclaw.json OPENCLAW_CONFIG_READONLY=1 OPENCLAW_NO_RESPAWN=1";
  const command = `openclaw agent --agent ${agent} --session-key ${session} --json --timeout ${timeoutSeconds}`;
  const said = await project.droplet(`cd / && ${account} ${config} ${command} --message '${message}' 2>&1 || true`);
  const output = outputOf(said);
  const text = (output?.result?.payloads ?? []).map((payload) => payload.text ?? "").join("\n");
  return {
    ok: output?.status === "ok" && text !== "",
    text: text || said.slice(-1000),
    model: output?.result?.meta?.agentMeta?.model ?? "",
  };
}

export interface Question {
  agent: string;
  session: string;
  /** Plain words: it stands in single quotes in a shell. */
  message: string;
  /** OpenClaw ends the turn then. */
  timeoutSeconds?: number;
}

function outputOf(said: string): TurnOutput | undefined {
  try {
    return JSON.parse(said.slice(said.indexOf("{"))) as TurnOutput;
  } catch {
    return undefined;
  }
}

/** Has the model call the tool of an MCP server whenever a message asks for it: "use mcp-1". */
export function scriptTools(project: ProjectCopy, load: Load): Promise<unknown> {
  const steps = serverNames(load.mcpServers).map((server) => ({
    match: `use ${server}`,
    toolCall: { name: "tool_call", arguments: { id: `${server}__echo`, args: { text: "hello" } } },
    times: 1000,
  }));
  return project.control("services/openrouter/script", { steps });
}

/** What is done with a load. */
export interface Course {
  turns: number;
  /** After so many turns. */
  restartAfter?: number;
  rebootAfter?: number;
  onEvent?: (what: string) => void;
}

/**
 * The turns, one after the other, agents in rotation, each with a tool of an MCP server. Every agent is in one
 * conversation at a time, and in a new one after each restart: a conversation has MCP processes of its own.
 */
export async function runTurns(project: ProjectCopy, load: Load, course: Course): Promise<Turn[]> {
  const [agents, servers] = [agentNames(load.agents), serverNames(load.mcpServers)];
  const turns: Turn[] = [];
  let conversation = 1;
  while (turns.length < course.turns) {
    const agent = agents[turns.length % agents.length] ?? "";
    const server = servers[Math.floor(turns.length / agents.length) % Math.max(1, servers.length)];
    const message = `turn ${turns.length + 1}${server === undefined ? "" : `, use ${server}`}`;
    turns.push(await turn(project, { agent, session: `talk-${conversation}`, message }));
    if (turns.length === course.restartAfter) await restartGateway(project, course);
    if (turns.length === course.rebootAfter) await reboot(project, course);
    if ([course.restartAfter, course.rebootAfter].includes(turns.length)) conversation++;
  }
  return turns;
}

/** systemctl returns when the gateway is ready. */
export async function restartGateway(project: ProjectCopy, { onEvent }: Pick<Course, "onEvent"> = {}): Promise<void> {
  const why = "journalctl --unit openclaw-gateway --lines 30 --output cat >&2";
  onEvent?.("gateway restarts");
  await project.droplet(`systemctl restart openclaw-gateway || { ${why}; exit 1; }`);
  onEvent?.("ready");
}

async function reboot(project: ProjectCopy, { onEvent }: Course): Promise<void> {
  onEvent?.("droplet reboots");
  await project.reboot();
  const check = "systemctl is-active openclaw-gateway";
  const isReady = async (): Promise<boolean> => (await project.droplet(check).catch(() => "")) === "active";
  await waitFor("the gateway after the reboot", isReady, { timeoutMs: 180_000, everyMs: 500 });
  onEvent?.("ready");
}
