// The running gateway: its unit, its readiness, what it says in the journal, and its own command line.
import type { Host, RunOptions, RunResult } from "./host.ts";
import { COMPILE_CACHE, GATEWAY, NODE, OPENCLAW_CONFIG, READY_URL, STATE, openclawProgram } from "./places.ts";

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
    if (host.now() >= end) return `not ready after ${Math.round(timeoutMs / 1000)} s: ${describe(unit)}`;
    await host.sleep(500);
  }
}

/** Queues the job; {@link waitReady} sees how it goes. */
export async function start(host: Host, verb: "start" | "restart"): Promise<void> {
  await host.run("systemctl", ["reset-failed", GATEWAY]);
  // Without waiting: a gateway that cannot start is seen by its restarts, long before systemctl's time is up.
  await host.run("systemctl", ["--no-block", verb, GATEWAY]);
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

/** The gateway logs JSON; its message is what a person wants. */
function message(line: string): string {
  try {
    const { level, message } = JSON.parse(line) as { level?: string; message?: string };
    return message === undefined ? line : `${level ?? ""} ${message}`.trim();
  } catch {
    return line;
  }
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

export interface CommandOptions {
  version: string;
  /** @default the Node that runs the gateway */
  node?: string;
  timeoutMs: number;
  configPath?: string;
  stateDir?: string;
}

/** One OpenClaw command in the gateway's account. Each takes 1 to 7 s. */
export function openclaw(host: Host, args: string[], options: CommandOptions): Promise<RunResult> {
  const env = {
    HOME: options.stateDir ?? STATE,
    OPENCLAW_STATE_DIR: options.stateDir ?? STATE,
    OPENCLAW_CONFIG_PATH: options.configPath ?? OPENCLAW_CONFIG,
    OPENCLAW_CONFIG_READONLY: "1",
    OPENCLAW_NO_AUTO_UPDATE: "1",
    OPENCLAW_NO_RESPAWN: "1",
    NODE_USE_SYSTEM_CA: "1",
    // The gateway's own: a new version that looked at the configuration starts with a part of its code compiled.
    NODE_COMPILE_CACHE: COMPILE_CACHE,
  };
  const program = [options.node ?? NODE, openclawProgram(options.version)];
  return asGateway(host, [...program, ...args], { env, timeoutMs: options.timeoutMs });
}

/** Any command in the gateway's account. */
export function asGateway(host: Host, command: string[], options: RunOptions): Promise<RunResult> {
  const account = ["--reuid=openclaw", "--regid=openclaw", "--init-groups", "--no-new-privs", "--"];
  return host.run("setpriv", [...account, ...command], options);
}
