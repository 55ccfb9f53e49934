// MCP servers: what a probe of them found, and how people are told. Reads what `openclaw mcp probe --json` prints and what
// OpenClaw logs of servers' standard error; as seen with OpenClaw 2026.9.6.

/** One server, as the last probe found it. */
export interface McpServer {
  name: string;
  kind: "command" | "url";
  /** It started and listed its tools. */
  ok: boolean;
  toolCount?: number;
  /** Names of its tools, the first {@link MAX_TOOLS}. */
  tools?: string[];
  /** Why it did not answer. */
  error?: string;
  /** What its program printed last on standard error, where it did not answer. */
  lines?: string[];
  /** It answered an earlier probe as it is declared now. */
  proven: boolean;
}

/** What `hermes-apply status` and `hermes doctor` say of the servers. */
export interface McpReport {
  /** Time of the probe, ISO 8601; absent: there was none yet. */
  at?: string;
  servers: McpServer[];
  /** Declared since the last probe. */
  unprobed?: string[];
}

/** What a probe found, before anybody compares it with earlier ones. */
export type McpFinding = Omit<McpServer, "proven">;

/** Untyped below this level: a server runs in the account of the probe, and can write what it likes into its output. */
interface ProbeOutput {
  servers?: unknown;
  tools?: unknown;
  diagnostics?: unknown;
  /** In place of all others where OpenClaw could not probe at all. */
  error?: unknown;
}

const MAX_TOOLS = 50;
const TOOL_LENGTH = 64;
const MAX_LINES = 8;
const LINE_LENGTH = 300;
const REASON_LENGTH = 500;

/**
 * Pure: what the probe says of each declared server.
 *
 * @param stderr - holds the lines of OpenClaw's log file about the servers, written at the level "debug"
 * @returns undefined when it is not what OpenClaw prints
 */
export function readProbe(
  stdout: string,
  stderr: string,
  declared: Record<string, McpServer["kind"]>,
): McpFinding[] | undefined {
  const output = parse(stdout);
  const failure = textOf(fieldsOf(output?.error)["message"]);
  if (!isFields(output?.servers) && failure === undefined) return undefined;
  const servers = fieldsOf(output?.servers);
  const diagnostics = listOf(output?.diagnostics).map(fieldsOf);
  const tools = listOf(output?.tools).filter((tool) => typeof tool === "string");
  return Object.entries(declared).map(([name, kind]) => {
    const diagnostic = diagnostics.find(({ serverName }) => serverName === name);
    if (!Object.hasOwn(servers, name) || diagnostic !== undefined) {
      const said = textOf(diagnostic?.["message"]) ?? failure ?? "OpenClaw did not connect to it";
      const lines = linesOf(name, stderr);
      return { name, kind, ok: false, error: reasonOf(kind, said, lines), ...(lines.length > 0 ? { lines } : {}) };
    }
    const names = tools.filter((tool) => tool.startsWith(`${name}__`)).map((tool) => tool.slice(name.length + 2));
    const count = fieldsOf(servers[name])["tools"];
    const shortened = names.slice(0, MAX_TOOLS).map((tool) => tool.slice(0, TOOL_LENGTH));
    return {
      name,
      kind,
      ok: true,
      toolCount: Number.isInteger(count) ? Number(count) : names.length,
      tools: shortened,
    };
  });
}

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const fieldsOf = (value: unknown): Record<string, unknown> => (isFields(value) ? value : {});
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

function parse(stdout: string): ProbeOutput | undefined {
  try {
    return fieldsOf(JSON.parse(stdout.slice(stdout.indexOf("{"))));
  } catch {
    return undefined;
  }
}

/** Of a stack in an error of JavaScript: the error itself stands before as many lines as anybody wants to read. */
const STACK_LINE = /^at /;

/** OpenClaw logs each line that a server's program prints on standard error as `bundle-mcp:NAME: LINE`. */
function linesOf(name: string, stderr: string): string[] {
  const prefix = `bundle-mcp:${name}: `;
  return stderr
    .split("\n")
    .flatMap((line) => messageOf(line) ?? [])
    .filter((message) => message.startsWith(prefix))
    .map((message) => oneLine(message.slice(prefix.length)).slice(0, LINE_LENGTH))
    .filter((text) => !STACK_LINE.test(text))
    .slice(-MAX_LINES);
}

/** A line of the log file holds the parts of its message by their number. */
function messageOf(line: string): string | undefined {
  try {
    const { 0: message } = JSON.parse(line) as { 0?: unknown };
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

/** What `sh` and `with-secrets.sh` say of a program that they cannot run. */
const NO_PROGRAM =
  /(?:line \d+: exec: |line \d+: |exec: )(.+): (not found|No such file or directory|Permission denied)$/;

/** What OpenClaw says of a program that ends while it starts: whichever it notices first. */
const ENDED = /connection closed|transport is closed|not connected|stdin is not writable|EPIPE/i;

const LATE = "it did not answer in time";

/** Pure: a program that may only have been slow to start. */
export const isLate = ({ kind, ok, error = "" }: McpFinding): boolean =>
  !ok && kind === "command" && error.startsWith(LATE);

function reasonOf(kind: McpServer["kind"], message: string, lines: string[]): string {
  const [, program, why] = NO_PROGRAM.exec(lines.at(-1) ?? "") ?? [];
  if (program !== undefined)
    return why === "Permission denied"
      ? `the gateway's account may not run its program ${program}`
      : `its program ${program} does not exist on the droplet`;
  if (kind === "command" && ENDED.test(message)) return "its program ended before it answered";
  if (/timed out/i.test(message)) return `${LATE} (${oneLine(message.split(" | ")[0] ?? "").slice(0, LINE_LENGTH)})`;
  return oneLine(message).slice(0, REASON_LENGTH);
}

const oneLine = (text: string): string => text.replace(/[\p{Cc}\s]+/gu, " ").trim();

/** How many names of tools a line for people has. */
const SHOWN_TOOLS = 8;

/** Pure: "files: 2 tools (read, write)"; "docs: no answer, REASON". */
export function mcpText({ name, ok, toolCount = 0, tools = [], error }: McpServer): string {
  if (!ok) return `${name}: no answer, ${error ?? "no reason given"}`;
  const count = `${toolCount} ${toolCount === 1 ? "tool" : "tools"}`;
  if (tools.length === 0) return `${name}: ${count}`;
  const rest = toolCount > SHOWN_TOOLS ? ", …" : "";
  return `${name}: ${count} (${tools.slice(0, SHOWN_TOOLS).join(", ")}${rest})`;
}

/** Pure: what to do about a server that does not answer. */
export function mcpFix({ name, kind }: McpServer): string {
  if (kind === "url")
    return `check that the server is up, and that the URL and the headers of hermes:mcpServers.${name} are right`;
  return (
    `check command, args and env of hermes:mcpServers.${name}; the program must exist on the droplet ` +
    "or be fetched by npx or uvx, and runs in the gateway's account"
  );
}

/** Pure: the same as a sentence. */
export const mcpAdvice = (server: McpServer): string =>
  mcpFix(server)
    .replace(/^./, (first) => first.toUpperCase())
    .concat(".");

export const deadServers = ({ servers }: McpReport): McpServer[] => servers.filter(({ ok }) => !ok);

/** Pure: those that never answered as they are declared now, each with its last lines; undefined: there are none. */
export function mcpProblem(report: McpReport | undefined): string | undefined {
  const failed = deadServers(report ?? { servers: [] }).filter(({ proven }) => !proven);
  return failed.length === 0 ? undefined : failed.map(faultText).join("\n");
}

function faultText(server: McpServer): string {
  const { name, error = "no reason given", lines = [] } = server;
  const last = lines.length === 0 ? [] : ["  Its last lines:", ...lines.map((line) => `    ${line}`)];
  return [`the MCP server ${name} does not answer: ${error}.`, ...last, `  ${mcpAdvice(server)}`].join("\n");
}
