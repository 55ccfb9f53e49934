// Asks every declared MCP server for its tools, as the gateway would: its account, its walls, its secrets; with memory limits
// of its own, because the gateway's own copies of the servers run beside it. OpenClaw does the asking (`openclaw mcp probe`):
// it starts the servers that have a command, and ends them.
import type { ConfigBundle, SecretsBundle } from "./bundle.ts";
import { contentOf, sha256 } from "./bundle.ts";
import { openclaw } from "./gateway.ts";
import type { Host } from "./host.ts";
import { TIMED_OUT } from "./host.ts";
import { logEntry } from "./log-entry.ts";
import type { McpFinding, McpReport, McpServer } from "./mcp.ts";
import { deadServers, isLate, readProbe } from "./mcp.ts";
import {
  LAST_MCP_PROBE,
  OPENCLAW_CONFIG,
  OPENCLAW_ENVIRONMENT,
  OPENCLAW_LOGS,
  SECRETS,
  STATE,
  WITH_SECRETS,
} from "./places.ts";
import { COMMAND_LIMITS } from "./sandbox.ts";
import { shown } from "./shown.ts";
import type { Applied } from "./store.ts";
import { readApplied } from "./store.ts";
import { readText, writePrivate } from "./text-file.ts";

interface Declared {
  kind: McpServer["kind"];
  /** SHA-256 of what is declared, with the values of the secrets in it. */
  hash: string;
}

/** What is kept of a probe: {@link LAST_MCP_PROBE}. */
interface Note {
  at: string;
  servers: (McpServer & { declared: string })[];
}

/** OpenClaw gives all servers 30 s to start, at the same time; they and it start slowly on one CPU that is busy. */
const PROBE_MS = 120_000;

/**
 * What servers print on standard error is in OpenClaw's log file alone, and there at the level "debug" only. The probe has a
 * log folder of its own; what it holds of the servers follows on standard error.
 */
const WITH_LOG = `"$@"; code=$?; tail -c 262144 ${OPENCLAW_LOGS}/openclaw.log | grep -aF '"bundle-mcp:' >&2; exit $code`;

/** As in openclaw-gateway.service, of which the sandbox takes the walls alone. */
const AS_GATEWAY = [
  `WorkingDirectory=${STATE}`,
  `BindPaths=-/var/cache/openclaw/npm:${STATE}/.npm -/var/cache/openclaw/home:${STATE}/.cache`,
];

/** What the last probe found of the servers that are declared as they were then. @returns undefined without servers */
export function lastProbe(host: Host, applied: Applied): McpReport | undefined {
  const declared = declaredServers(applied);
  if (Object.keys(declared).length === 0) return undefined;
  const { at, servers } = readNote(host);
  const current = servers.filter(({ name, declared: hash }) => declared[name]?.hash === hash);
  const unprobed = Object.keys(declared).filter((name) => current.every((server) => server.name !== name));
  return {
    ...(current.length === 0 ? {} : { at }),
    servers: current.map(({ declared: _, ...server }) => server),
    ...(unprobed.length === 0 ? {} : { unprobed }),
  };
}

/** Pure: some declared server did not answer the last probe, or has not been asked since it is declared as it is. */
export const needsProbe = (last: McpReport | undefined): boolean =>
  last !== undefined && (last.unprobed !== undefined || deadServers(last).length > 0);

/** Asks them now, and notes the answers. @returns undefined without servers, for which nothing is run */
export async function probe(
  host: Host,
  applied: Applied,
  version: string,
  scrub: (text: string) => string,
): Promise<McpReport | undefined> {
  const declared = declaredServers(applied);
  if (Object.keys(declared).length === 0) return undefined;
  const before = lastProbe(host, applied)?.servers ?? [];
  const wasProven = (name: string) => before.some((server) => server.name === name && server.proven);
  const at = new Date().toISOString();
  const ask = () => askOnce(host, applied, version, declared, scrub);
  const first = await ask();
  // What npx or uvx fetched meanwhile is kept, so a program that was fetched for the first time is quicker now.
  const findings = first.some(isLate) ? await ask() : first;
  const servers = findings.map((found) => ({
    ...scrubbed(found, scrub),
    proven: found.ok || wasProven(found.name),
  }));
  const kept = servers.map((server) => ({ ...server, declared: declared[server.name]?.hash ?? "" }));
  // An activation that ran meanwhile has changed what was asked.
  if (readApplied(host).configHash === applied.configHash) keep(host, { at, servers: kept });
  return { at, servers };
}

function scrubbed(found: McpFinding, withoutSecrets: (text: string) => string): McpFinding {
  const scrub = (text: string) => shown(withoutSecrets(text));
  const { error, lines, tools } = found;
  return {
    ...found,
    ...(tools === undefined ? {} : { tools: tools.map(scrub) }),
    ...(error === undefined ? {} : { error: scrub(error) }),
    ...(lines === undefined ? {} : { lines: lines.map(scrub) }),
  };
}

async function askOnce(
  host: Host,
  { config }: Applied,
  version: string,
  declared: Record<string, Declared>,
  scrub: (text: string) => string,
): Promise<McpFinding[]> {
  const kinds = Object.fromEntries(Object.entries(declared).map(([name, { kind }]) => [name, kind]));
  const { code, stdout, stderr } = await openclaw(host, ["mcp", "probe", "--json"], {
    version,
    timeoutMs: PROBE_MS,
    launcher: [WITH_SECRETS, ...headerSecrets(config), "--", "/bin/bash", "-c", WITH_LOG, "mcp-probe"],
    env: { OPENCLAW_LOG_LEVEL: "debug" },
    settings: [
      ...COMMAND_LIMITS,
      ...AS_GATEWAY,
      `TemporaryFileSystem=${OPENCLAW_LOGS}:mode=1777,size=16M,nosuid,nodev`,
    ],
  });
  // Before anything is cut: a part of a secret would not be recognised.
  const [out, err] = [scrub(stdout), scrub(stderr)];
  return readProbe(out, err, kinds) ?? unanswered(kinds, code, err);
}

function unanswered(kinds: Record<string, McpServer["kind"]>, code: number, stderr: string): McpFinding[] {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  const last = (logEntry(line)?.message ?? line).slice(-300);
  const how = code === TIMED_OUT ? `did not finish within ${PROBE_MS / 1000} s` : `ended with ${code} and no result`;
  const error = `OpenClaw's probe of all servers ${how}${last === "" ? "" : `: ${last}`}`;
  return Object.entries(kinds).map(([name, kind]) => ({ name, kind, ok: false, error }));
}

/** "VARIABLE=FILE", as gateway-start.sh gives them to the gateway. */
const headerSecrets = (config: ConfigBundle | undefined): string[] =>
  environment(config).map(([variable, name]) => `${variable}=${SECRETS}/${name}`);

function environment(config: ConfigBundle | undefined): [variable: string, name: string][] {
  const file = config?.files[OPENCLAW_ENVIRONMENT];
  const lines = file === undefined ? [] : contentOf(file).toString("utf8").split("\n");
  return lines.filter((line) => line.includes(" ")).map((line) => line.split(" ") as [string, string]);
}

function declaredServers({ config, secrets }: Applied): Record<string, Declared> {
  const file = config?.files[OPENCLAW_CONFIG];
  if (file === undefined) return {};
  const { mcp } = JSON.parse(contentOf(file).toString("utf8")) as { mcp?: { servers?: Record<string, object> } };
  return Object.fromEntries(
    Object.entries(mcp?.servers ?? {}).map(([name, entry]) => [
      name,
      { kind: "url" in entry ? "url" : "command", hash: hashOf(JSON.stringify(entry), config, secrets) },
    ]),
  );
}

function hashOf(entry: string, config: ConfigBundle | undefined, secrets: SecretsBundle | undefined): string {
  const byVariable = environment(config).filter(([variable]) => entry.includes(`\${${variable}}`));
  const named = new Set(byVariable.map(([, name]) => `${SECRETS}/${name}`));
  const values = Object.entries(secrets?.files ?? {})
    .filter(([path]) => named.has(path) || entry.includes(`=${path}"`))
    .map(([path, content]) => [path, contentOf(content).toString("base64")]);
  return sha256(JSON.stringify([entry, values.sort()]));
}

function readNote(host: Host): Note {
  try {
    return JSON.parse(readText(host, LAST_MCP_PROBE) ?? "") as Note;
  } catch {
    return { at: "", servers: [] };
  }
}

/** On a disk that is full a probe is a probe all the same. */
function keep(host: Host, note: Note): void {
  try {
    writePrivate(host, LAST_MCP_PROBE, JSON.stringify(note));
  } catch (error) {
    host.say(`what the MCP servers answered was not noted for ./hermes status: ${(error as Error).message}`);
  }
}
