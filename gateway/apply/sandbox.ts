// Commands in the gateway's account, each in a sandbox at least as tight as the gateway's own.
//
// Processes of one account see each other in /proc, and by /proc/PID/root the file system as the other one sees it: a
// command outside of a sandbox would open to the gateway what its unit closes. So each is a unit of its own with the
// settings of the gateway's, which stand in openclaw-gateway.service alone; and each has a user namespace, by which its
// entries in /proc are closed to the gateway. All of its processes end with it.
import { Refused, contentOf, parseConfig } from "./bundle.ts";
import type { Host, RunOptions, RunResult } from "./host.ts";
import { GATEWAY, STATE, UNITS } from "./places.ts";
import { stagedText } from "./store.ts";
import { readText } from "./text-file.ts";

export interface SandboxOptions extends RunOptions {
  timeoutMs: number;
  /** Path in the sandbox → folder or file of hermes-apply's. The command sees nothing else of those. */
  folders?: Record<string, string>;
  /** The same, to read only. */
  readOnly?: Record<string, string>;
  /** Folders that the command sees empty. */
  hidden?: string[];
  /** Further settings of its unit. */
  settings?: string[];
  /** A person sits at it: it gets a terminal of its own instead of pipes. */
  terminal?: boolean;
}

/** What of a unit closes the machine to its process. Accounts, programs and restarts are the command's own. */
const CLOSES =
  /^(NoNewPrivileges|CapabilityBoundingSet|Protect\w+|Private\w+|Restrict(AddressFamilies|Namespaces|Realtime|SUIDSGID)|LockPersonality|MemoryDenyWriteExecute|SystemCall\w+|TemporaryFileSystem|InaccessiblePaths|ReadOnlyPaths|UMask|OOMScoreAdjust)=/;

/** Pure: the settings of a unit's text that close the machine to its process, as systemd-run takes them. */
export const closingSettings = (unit: string): string[] => unit.split("\n").filter((line) => CLOSES.test(line));

/** Beyond the gateway's: what these commands may write to, and what keeps their entries in /proc from the gateway. */
const OWN_SETTINGS = ["PrivateUsers=yes", `ReadWritePaths=-${STATE} -/var/cache/openclaw`];

/** For commands that start programs of other people's, or that a person may leave running: the gateway goes first. */
export const COMMAND_LIMITS = [
  ...["MemoryHigh=768M", "MemoryMax=1024M", "MemorySwapMax=1024M", "TasksMax=512"],
  ...["OOMPolicy=continue", "OOMScoreAdjust=600"],
];

/** How much longer than the command systemd-run gets. */
const GRACE_MS = 15_000;

/** Runs a command in the gateway's account. */
export async function asGateway(host: Host, command: string[], options: SandboxOptions): Promise<RunResult> {
  const { timeoutMs, sink } = options;
  const run = { timeoutMs: timeoutMs + GRACE_MS, ...(sink === undefined ? {} : { sink }) };
  return host.run("systemd-run", sandboxed(unitText(host), command, options), run);
}

/** Pure: the arguments of systemd-run. */
export function sandboxed(unit: string, command: string[], options: SandboxOptions): string[] {
  const { timeoutMs, env = {}, folders = {}, readOnly = {}, hidden = [], settings = [], terminal = false } = options;
  const all = [
    ...closingSettings(unit),
    ...OWN_SETTINGS,
    ...Object.entries(folders).map(([there, here]) => `BindPaths=${here}:${there}`),
    ...Object.entries(readOnly).map(([there, here]) => `BindReadOnlyPaths=${here}:${there}`),
    ...hidden.map((path) => `TemporaryFileSystem=${path}:ro`),
    `RuntimeMaxSec=${Math.ceil(timeoutMs / 1000)}`,
    ...settings,
  ];
  return [
    ...[
      terminal ? "--pty" : "--pipe",
      "--wait",
      "--collect",
      "--quiet",
      "--service-type=exec",
      "--expand-environment=no",
      "--uid=openclaw",
      "--gid=openclaw",
    ],
    ...all.map((setting) => `--property=${setting}`),
    ...Object.entries({ LC_ALL: "C.UTF-8", ...env }).map(([name, value]) => `--setenv=${name}=${value}`),
    ...["--", ...command],
  ];
}

/** The gateway's unit: the one that is installed, or before the first activation the one that will be. */
export function unitText(host: Host): string {
  const path = `${UNITS}/${GATEWAY}`;
  const installed = readText(host, path);
  if (installed !== undefined) return installed;
  const staged = stagedText(host, "config");
  const file = staged === undefined ? undefined : parseConfig(staged).files[path];
  if (file === undefined) throw new Refused(`${path} is missing: no configuration was staged yet. Run pulumi up.`);
  return contentOf(file).toString("utf8");
}
