// `openclaw` as a person on the droplet types it: root gets the command as the gateway would run it, in its account.
import { spawn } from "node:child_process";
import { isatty } from "node:tty";
import { Refused } from "./bundle.ts";
import { commandEnvironment } from "./gateway.ts";
import type { Host } from "./host.ts";
import { prepareLock } from "./lock.ts";
import { installedVersion } from "./openclaw-tree.ts";
import { NODE, OPENCLAW_CONFIG, TYPED_CONFIG, openclawProgram } from "./places.ts";
import { COMMAND_LIMITS, sandboxed, unitText } from "./sandbox.ts";
import { readText } from "./text-file.ts";
import { put } from "./tree.ts";

/** A command may wait for a person, as `openclaw tui` does. */
const TIMEOUT_MS = 12 * 3_600_000;

/** Commands that run with whatever follows them: they look, or they use the gateway as its people do. */
const ANY = new Set([
  ...["status", "health", "logs", "audit", "docs", "help", "qr", "directory", "transcripts"],
  ...["sessions", "resume", "tasks", "cron", "automations", "memory", "approvals", "system"],
  ...["pairing", "devices", "nodes", "agent", "message", "tui", "chat", "terminal"],
]);

/** Groups of which these commands run. Others of the group change what hermes manages. */
const ONLY = new Map(
  Object.entries<readonly string[]>({
    gateway: ["status", "probe", "health", "call", "usage-cost", "discover", "stability"],
    daemon: ["status"],
    node: ["status"],
    update: ["status"],
    config: ["get", "file", "schema", "validate"],
    models: ["list", "status"],
    channels: ["list", "status", "capabilities", "resolve", "logs"],
    agents: ["list", "bindings"],
    skills: ["list", "info", "check", "search"],
    plugins: ["list", "inspect", "search", "doctor"],
    hooks: ["list", "info", "check"],
    mcp: ["list", "show", "status", "probe"],
    security: ["audit"],
    secrets: ["audit"],
    sandbox: ["list", "explain"],
  }),
);

/** What to do in place of a command. Others are the stack file's. */
const INSTEAD = new Map(
  Object.entries({
    "": "Write a command, such as openclaw status.",
    update: "Set hermes:openclaw.version in the stack file, and run pulumi up.",
    uninstall: "Run pulumi destroy where the stack is.",
    reset: "Run ./hermes restore where the stack is, or pulumi destroy and pulumi up for an empty state.",
    doctor: "Run ./hermes doctor where the stack is, or hermes-apply doctor here.",
    backup: "Run ./hermes backup where the stack is.",
    ...Object.fromEntries(
      ["gateway", "daemon", "node"].map((group) => [
        group,
        "Run systemctl start, stop or restart openclaw-gateway; pulumi up installs its unit.",
      ]),
    ),
  }),
);
const IN_STACK_FILE = "Change the stack file where the stack is, and run pulumi up.";

const NO_COMMAND = /^(--help|-h|--version|-V|-v)$/;
const REPAIRS = /^--(fix|repair|force|yes|update|profile|container|dev)(=|$)/;

/**
 * Only commands that are known to leave alone what hermes manages are run. Not a wall against root, who has other ways: it
 * keeps a person from following OpenClaw's advice for machines that it manages itself.
 *
 * @throws Refused for any other command, and for an option before the command
 */
export function refuseManaged(args: readonly string[]): void {
  const rest = args.filter((arg) => arg !== "--no-color");
  const [command = "", next = ""] = rest;
  if (NO_COMMAND.test(command) && rest.length === 1) return;
  const repairs = rest.find((arg) => REPAIRS.test(arg));
  if (repairs !== undefined) throw refusal(repairs, command.startsWith("-") ? repairs.slice(2) : command);
  if (command.startsWith("-"))
    throw new Refused("Write the command before its options, such as openclaw status --json.");
  if (/^(--help|-h)$/.test(next) || ANY.has(command) || ONLY.get(command)?.includes(next) === true) return;
  throw refusal(`openclaw ${[command, ...(ONLY.has(command) ? [next] : [])].join(" ").trim()}`, command);
}

const refusal = (what: string, command: string): Refused =>
  new Refused(
    `hermes manages this droplet, and does not run ${what.trim()} here. ${INSTEAD.get(command) ?? IN_STACK_FILE}`,
  );

/** Pure: openclaw.json whose commands print for people. The gateway's own prints each line as JSON, for the journal. */
export function typedConfig(text: string): string {
  const config = JSON.parse(text) as { logging?: object };
  return `${JSON.stringify({ ...config, logging: { ...config.logging, consoleStyle: "pretty" } })}\n`;
}

function writeTypedConfig(host: Host): void {
  const text = readText(host, OPENCLAW_CONFIG);
  if (text === undefined) throw new Refused("no configuration was activated yet. Run pulumi up.");
  prepareLock();
  put(host, TYPED_CONFIG, {
    kind: "file",
    content: Buffer.from(typedConfig(text)),
    mode: 0o640,
    ...host.ids("root:openclaw"),
  });
}

/** Runs the command at this process's terminal or pipes. @returns its exit status */
export function openclawCommand(host: Host, args: string[]): Promise<number> {
  refuseManaged(args);
  const version = installedVersion(host);
  if (version === undefined) throw new Refused("OpenClaw is not installed yet");
  writeTypedConfig(host);
  const terminal = isatty(0) && isatty(1);
  const { TERM } = process.env;
  const unit = sandboxed(unitText(host), [NODE, openclawProgram(version), ...args], {
    ...{ timeoutMs: TIMEOUT_MS, terminal, settings: COMMAND_LIMITS },
    env: { ...commandEnvironment(), ...(terminal && TERM !== undefined ? { TERM } : {}) },
    readOnly: { [OPENCLAW_CONFIG]: TYPED_CONFIG },
  });
  return terminal ? atTerminal(unit) : throughPipes(unit);
}

/** systemd-run gives the command a terminal of its own, and copies between the two. */
const atTerminal = (unit: string[]): Promise<number> => ended(spawn("systemd-run", unit, { stdio: "inherit" }));

/**
 * A command in the gateway's account never gets root's own terminal, which it could pass on to the gateway: what it prints
 * comes through pipes, and a terminal is no input.
 */
function throughPipes(unit: string[]): Promise<number> {
  const child = spawn("systemd-run", unit, { stdio: [isatty(0) ? "ignore" : "inherit", "pipe", "pipe"] });
  child.stdout?.pipe(process.stdout);
  child.stderr?.pipe(process.stderr);
  return ended(child);
}

const ended = (child: ReturnType<typeof spawn>): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
