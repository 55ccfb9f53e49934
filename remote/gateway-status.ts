import { runOverSsh, type SshResult, type SshTarget } from "./ssh";

/** What `hermes-apply status` says of the gateway. */
export interface GatewayStatus {
  ok: boolean;
  ready: boolean;
  version?: string;
  configHash?: string;
  agentTurn?: { ok: boolean; text?: string; model?: string; error?: string };
  drift?: string[];
  localModel?: { tag: string; ok: boolean; loaded?: boolean; error?: string };
  error?: string;
}

/** The status, or why there is none, with what the droplet said for people (scrubbed there). */
export interface StatusReport {
  status?: GatewayStatus;
  problem?: string;
}

const statusCommand = (agentTurn: boolean): string =>
  agentTurn ? "hermes-apply status --agent-turn" : "hermes-apply status";

/** An agent turn that goes through the whole chain takes minutes; see TURN_SECONDS in gateway/apply/status.ts. */
const STATUS_MS = 480_000;

/** Asks the gateway on the droplet how it is. Never throws: no answer is an answer. */
export async function gatewayStatus(target: SshTarget, options: { agentTurn: boolean }): Promise<StatusReport> {
  const result = await runOverSsh(target, statusCommand(options.agentTurn), { timeoutMs: STATUS_MS }).catch(
    (error: Error) => error,
  );
  return result instanceof Error ? { problem: result.message } : judge(result, options);
}

/** Pure: what one run of `hermes-apply status` means. */
export function judge(result: SshResult, wanted: { agentTurn: boolean }): StatusReport {
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
