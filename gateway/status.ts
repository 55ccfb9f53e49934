import { runOverSsh, type SshResult, type SshTarget } from "../lib/ssh/connection";
import { deadServers, mcpAdvice, mcpProblem, mcpText, type McpReport } from "./apply/mcp";
import { failedText, privacyAdvice, type AgentTurn } from "./apply/turn";

/** What `hermes-apply status` says of the gateway. */
export interface GatewayStatus {
  ok: boolean;
  ready: boolean;
  version?: string;
  configHash?: string;
  agentTurn?: AgentTurn;
  drift?: string[];
  /** What deserves a look and stops nothing, escaped on the droplet. */
  warnings?: string[];
  /** The MCP servers, where there are some: what they answered last. */
  mcp?: McpReport;
  localModel?: { tag: string; ok: boolean; loaded?: boolean; error?: string };
  error?: string;
}

/** The status, or why there is none, with what the droplet said for people (scrubbed there). */
export interface StatusReport {
  status?: GatewayStatus;
  problem?: string;
}

/** What `status` is to ask for, beyond looking. */
export interface StatusQuestions {
  agentTurn: boolean;
  /** Ask the MCP servers, unless all of them answered as they are declared. @default false */
  mcp?: boolean;
}

const statusCommand = ({ agentTurn, mcp = false }: StatusQuestions): string =>
  ["hermes-apply status", ...(agentTurn ? ["--agent-turn"] : []), ...(mcp ? ["--mcp"] : [])].join(" ");

/**
 * An agent turn that goes through the whole chain takes minutes, and two probes of servers that do not answer two each: see
 * TURN_SECONDS in gateway/apply/status.ts and PROBE_MS in gateway/apply/mcp-probe.ts.
 */
const STATUS_MS = 780_000;

/** Asks the gateway on the droplet how it is. Never throws: no answer is an answer. */
export async function gatewayStatus(target: SshTarget, options: StatusQuestions): Promise<StatusReport> {
  const result = await runOverSsh(target, statusCommand(options), { timeoutMs: STATUS_MS }).catch(
    (error: Error) => error,
  );
  return result instanceof Error ? { problem: result.message } : judge(result, options);
}

/** Pure: what one run of `hermes-apply status` means. */
export function judge(result: SshResult, wanted: StatusQuestions): StatusReport {
  const status = parseStatus(result.stdout);
  if (status === undefined) {
    return { problem: `hermes-apply status ended with ${result.code} and said no status`.concat(tail(result.stderr)) };
  }
  if (!status.ready) {
    return {
      status,
      problem: `the gateway is not ready: ${status.error ?? "no reason given"}`.concat(tail(result.stderr)),
    };
  }
  if (status.error !== undefined) return { status, problem: `the gateway is ready, but ${status.error}` };
  if (status.localModel?.ok === false) {
    return { status, problem: `the gateway is ready, but ${status.localModel.error ?? "its local model is missing"}` };
  }
  if (wanted.agentTurn && status.agentTurn?.ok !== true) {
    const why = status.agentTurn?.error ?? status.error ?? "no answer";
    return {
      status,
      problem: `the gateway is ready, but its agent did not answer: ${why}`.concat(tail(result.stderr)),
    };
  }
  const unanswered = wanted.mcp === true ? mcpProblem(status.mcp) : undefined;
  if (unanswered !== undefined) return { status, problem: `the gateway is ready, but ${unanswered}` };
  return { status };
}

/** What agents may write to as well. */
const AGENTS_FILES = "/var/lib/openclaw/workspaces/";

/**
 * Pure: what is to be decided about files that somebody changed on the droplet. The engine's refresh cannot see them,
 * and putting them back unasked might throw a repair away. Workspace files are left out: agents write there too.
 */
export function driftProblem({ drift = [] }: GatewayStatus): string | undefined {
  const files = drift.filter((path) => !path.startsWith(AGENTS_FILES));
  if (files.length === 0) return undefined;
  return (
    `somebody changed on the droplet: ${files.join(", ")}.\n` +
    "  To keep the change, put it into the stack's configuration; to take it back: pulumi up --replace '**-activate'"
  );
}

/** Pure: which models were asked before the one that answered; undefined where the first one did. */
export function fallbackWarning({ agentTurn }: GatewayStatus): string | undefined {
  const { ok = false, model = "another model", failed = [] } = agentTurn ?? {};
  if (!ok || failed.length === 0) return undefined;
  const advice = privacyAdvice(failedText(failed));
  return (
    `${model} answered, because the models before it did not: ${failedText(failed)}.` +
    (advice === undefined ? "" : `\n  ${advice}.`)
  );
}

/** Pure: which MCP servers did not answer, as far as that is no problem of the current `up`; undefined: all did. */
export function mcpWarning({ mcp }: GatewayStatus): string | undefined {
  const dead = mcp === undefined ? [] : deadServers(mcp);
  if (dead.length === 0) return undefined;
  const each = dead.map((server) => `the MCP server ${mcpText(server)}.\n  ${mcpAdvice(server)}`);
  return `${each.join("\n")}\n  ./hermes doctor asks again.`;
}

/** Pure: the servers with their tools, on one line; undefined where none is declared. */
export function mcpLine({ mcp }: GatewayStatus): string | undefined {
  if (mcp === undefined) return undefined;
  const { at, servers, unprobed = [] } = mcp;
  const probed = servers.map(mcpText).join("; ");
  const when = at === undefined ? [] : [`${probed} (asked ${at.slice(0, 16).replace("T", " ")} UTC)`];
  const others = unprobed.length === 0 ? [] : [`not asked yet: ${unprobed.join(", ")}`];
  return [...when, ...others].join("; ");
}

function parseStatus(stdout: string): GatewayStatus | undefined {
  try {
    const parsed: unknown = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    return typeof parsed === "object" && parsed !== null && "ready" in parsed ? (parsed as GatewayStatus) : undefined;
  } catch {
    return undefined;
  }
}

function tail(text: string): string {
  const lines = text.trim().split("\n").slice(-25);
  return text.trim() === "" ? "" : `\n${lines.map((line) => `  ${line}`).join("\n")}`;
}
