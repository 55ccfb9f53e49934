// The running gateway: its unit, its readiness, what it says in the journal, and its own command line.
import type { Host, RunResult } from "./host.ts";
import { logEntry } from "./log-entry.ts";
import { whyNotReady } from "./not-ready.ts";
import {
  COMPILE_CACHE,
  EMPTY_CACHES,
  GATEWAY,
  NODE,
  OPENCLAW_CONFIG,
  READY_URL,
  STATE,
  openclawProgram,
} from "./places.ts";
import { asGateway, type SandboxOptions } from "./sandbox.ts";

export interface Unit {
  /** systemd's ActiveState; "active" only when its ExecStartPost found it ready. */
  active: string;
  sub: string;
  result: string;
  /** Exit status of the last main process. */
  status: string;
  pid: number;
  restarts: number;
  /** systemd has not done yet what it was told. */
  busy: boolean;
}

export async function unitState(host: Host, unit: string = GATEWAY): Promise<Unit> {
  const properties = "ActiveState,SubState,Result,ExecMainStatus,MainPID,NRestarts,Job";
  const { stdout } = await host.run("systemctl", ["show", unit, `--property=${properties}`]);
  const value = Object.fromEntries(
    stdout.split("\n").map((line) => [line.split("=")[0] ?? "", line.slice(line.indexOf("=") + 1)] as const),
  );
  return {
    active: value["ActiveState"] || "unknown",
    sub: value["SubState"] ?? "",
    result: value["Result"] ?? "",
    status: value["ExecMainStatus"] ?? "",
    pid: Number(value["MainPID"] ?? 0),
    restarts: Number(value["NRestarts"] ?? 0),
    busy: Number(value["Job"] || 0) > 0,
  };
}

/** The gateway's own word. An unknown path answers 200 with a page, so only the body counts. */
export async function isReady(host: Host, timeoutMs = 3000): Promise<boolean> {
  const body = await host.get(READY_URL, timeoutMs);
  try {
    return (JSON.parse(body ?? "") as { ready?: unknown }).ready === true;
  } catch {
    return false;
  }
}

export const describe = (unit: Unit): string =>
  unit.active === "inactive" && unit.result === "success"
    ? "openclaw-gateway.service is stopped (by hand: nothing but systemctl does that)"
    : `openclaw-gateway.service is ${unit.active} (${unit.sub}), last result ${unit.result}, exit status ${unit.status}, ` +
      `${unit.restarts} restarts`;

/**
 * Waits until the gateway is ready and its unit active, with the same process before and after being asked.
 *
 * @param since - restarts counted before; two more mean that it does not come up
 * @returns why not, undefined when it is
 */
export async function waitReady(host: Host, since: number, timeoutMs: number): Promise<string | undefined> {
  const end = host.now() + timeoutMs;
  for (;;) {
    const unit = await unitState(host);
    if (unit.active === "active" && !unit.busy && unit.pid > 0 && (await isReady(host))) {
      if ((await unitState(host)).pid === unit.pid) return undefined;
    }
    if (["failed", "inactive"].includes(unit.active) && !unit.busy) return describe(unit);
    if (unit.restarts >= since + 2) return `it ended again and again while starting: ${describe(unit)}`;
    if (host.now() >= end) return tooLate(await whyNotReady(host), timeoutMs, unit);
    await host.sleep(500);
  }
}

/** The reason first, where the gateway names one: a person may read the first line only. */
function tooLate(reason: string | undefined, timeoutMs: number, unit: Unit): string {
  const late = `not ready after ${Math.round(timeoutMs / 1000)} s: ${describe(unit)}`;
  return reason === undefined ? late : `${reason}\n  (${late})`;
}

/** Queues the job; {@link waitReady} sees how it goes. */
export async function start(host: Host, verb: "start" | "restart"): Promise<void> {
  await host.run("systemctl", ["reset-failed", GATEWAY]);
  // Not in the gateway's unit, where other folders are mounted over them.
  await asGateway(host, [EMPTY_CACHES], { timeoutMs: 60_000 });
  // Without waiting: a gateway that cannot start is seen by its restarts, long before systemctl's time is up.
  const queue = () => host.run("systemctl", ["--no-block", verb, GATEWAY]);
  // A gateway that was just put back must not stay down because systemd did not take one command.
  if ((await queue()).code !== 0) await queue();
}

/** The journal's end, to read on from. */
export async function journalCursor(host: Host): Promise<string | undefined> {
  const { stdout } = await host.run("journalctl", ["--quiet", "--lines=1", "--output=cat", "--show-cursor"]);
  return /^-- cursor: (.+)$/m.exec(stdout)?.[1];
}

async function journalSince(host: Host, cursor: string | undefined): Promise<string> {
  const from = cursor === undefined ? ["--lines=50"] : [`--after-cursor=${cursor}`];
  return (await host.run("journalctl", ["--quiet", "--output=cat", `--unit=${GATEWAY}`, ...from])).stdout;
}

export async function lastLines(host: Host, count = 15, unit = GATEWAY): Promise<string[]> {
  const { stdout } = await host.run("journalctl", ["--quiet", "--output=cat", `--unit=${unit}`, `--lines=${count}`]);
  return stdout
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => message(line).slice(0, 500));
}

/** What the gateway says of its own start and settings. Other parts may quote what people and agents said. */
const OWN = /^gateway(\/(config|health-monitor|heartbeat|plugins|reload|secrets))?$/;
/** Connections to a messenger: why one was refused, but not what arrived. */
const CHANNEL = /(^|\/)channels\//;

/**
 * The gateway logs JSON; its message is what a person wants. These lines are printed where a command failed, which may be
 * the log of a forge's job: whatever could hold a conversation stays on the droplet.
 */
function message(line: string): string {
  const { level = "", subsystem, message } = logEntry(line) ?? {};
  if (message === undefined) return line;
  const isOwn = subsystem === undefined || OWN.test(subsystem);
  if (isOwn || (CHANNEL.test(subsystem) && /^(warn|error|fatal)$/.test(level))) return `${level} ${message}`.trim();
  return `${level} (${subsystem}: a line that may quote a conversation; ./hermes logs --unit gateway shows it)`.trim();
}

/** What the journal says about a replaced openclaw.json (wording of dist/server-reload-managed-*.mjs in OpenClaw 2026.9.6). */
export type Reload = "applied" | "restarting" | "refused" | "unseen";

export function reloadOutcome(log: string): Reload {
  if (/config reload skipped \(invalid config\)|config reload failed|config restart failed/.test(log)) return "refused";
  if (/config hot reload applied|config change applied/.test(log)) return "applied";
  if (/config change requires gateway restart/.test(log))
    return /http server listening/.test(log) ? "applied" : "restarting";
  return "unseen";
}

/** Until the running gateway has taken the replaced file: 1 to 2 s, 10 s where it restarts itself in process. */
export async function waitReload(host: Host, cursor: string | undefined): Promise<Reload> {
  const begin = host.now();
  for (;;) {
    const outcome = reloadOutcome(await journalSince(host, cursor));
    if (outcome === "applied" || outcome === "refused") return outcome;
    if (host.now() - begin > (outcome === "restarting" ? 60_000 : 20_000)) return outcome;
    await host.sleep(300);
  }
}

export interface CommandOptions extends SandboxOptions {
  version: string;
  /** @default the Node that runs the gateway */
  node?: string;
  configPath?: string;
  stateDir?: string;
  /** A program with its arguments that runs OpenClaw. */
  launcher?: string[];
}

/** What an OpenClaw command needs to know. */
export const commandEnvironment = (stateDir = STATE, configPath = OPENCLAW_CONFIG): Record<string, string> => ({
  HOME: stateDir,
  OPENCLAW_STATE_DIR: stateDir,
  OPENCLAW_CONFIG_PATH: configPath,
  OPENCLAW_CONFIG_READONLY: "1",
  OPENCLAW_NO_AUTO_UPDATE: "1",
  OPENCLAW_NO_RESPAWN: "1",
  NODE_USE_SYSTEM_CA: "1",
  // The gateway's own: a new version that looked at the configuration starts with a part of its code compiled.
  NODE_COMPILE_CACHE: COMPILE_CACHE,
});

/** One OpenClaw command in the gateway's account, in a sandbox. Each takes 1 to 7 s. */
export function openclaw(host: Host, args: string[], options: CommandOptions): Promise<RunResult> {
  const env = { ...commandEnvironment(options.stateDir, options.configPath), ...options.env };
  const program = [...(options.launcher ?? []), options.node ?? NODE, openclawProgram(options.version)];
  return asGateway(host, [...program, ...args], { ...options, env });
}
