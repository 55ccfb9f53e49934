import { CommandError, EXIT } from "../lib/output";
import { INTERRUPTED, streamOverSsh } from "../lib/ssh/stream";
import { oneOf, wholeNumber } from "./stack/input";
import type { StackOptions } from "./stack/reach";
import { plain, ScrubbedLines, secretScrubber } from "./stack/scrub";
import { asCloudFailure, here, type Surroundings } from "./stack/surroundings";

export interface LogsOptions extends StackOptions {
  follow?: boolean;
  lines: string;
  unit: string;
  json?: boolean;
}

/** What people call them → systemd's names. The first boot writes a file of its own instead. */
const UNITS: Record<string, string[]> = {
  gateway: ["openclaw-gateway.service"],
  agent: ["hermes-agent.service", "hermes-workspaces.service"],
  ollama: ["ollama.service"],
  tailscale: ["tailscaled.service"],
};
const BOOTSTRAP_LOG = "/var/log/hermes-bootstrap.log";
export const NAMES = [...Object.keys(UNITS), "bootstrap", "all"];
const MOST_LINES = 100_000;

/** One entry of the journal. */
export interface LogEntry {
  time: string;
  unit: string;
  level?: string;
  message: string;
}

/** @returns the exit code @throws CommandError for wrong options and without a connection */
export async function runLogs(options: LogsOptions, io: Surroundings = here()): Promise<number> {
  const command = logCommand(options);
  const reach = await io.connect(options);
  const scrub = secretScrubber(reach.secrets);
  const entries: LogEntry[] = [];
  const show = (line: string): void => {
    const entry = readEntry(line, options.unit);
    if (options.json === true) entries.push(entry);
    else io.stdout.write(`${entryText(entry)}\n`);
  };
  const lines = new ScrubbedLines(scrub, (data) => {
    for (const line of data.toString("utf8").split("\n")) if (line.trim() !== "") show(line);
  });
  let words = "";
  const code = await streamOverSsh(reach, command, {
    onStdout: (data) => lines.push(data),
    onStderr: (data) => (words = (words + data.toString("utf8")).slice(-2000)),
    signal: io.interrupted(),
  }).catch(asCloudFailure);
  lines.end();
  if (options.json === true) io.stdout.write(`${JSON.stringify(entries)}\n`);
  if (code === 0 || code === INTERRUPTED) return EXIT.ok;
  throw new CommandError(`no logs of ${options.unit}: ${plain(scrub(words)).trim()}`, EXIT.unhealthy);
}

/** Pure: what is run on the droplet. @throws CommandError for options that are none */
export function logCommand({ follow, lines, unit, json }: LogsOptions): string {
  const allowed = `A number of lines from 0 to ${MOST_LINES}.`;
  const count = wholeNumber("--lines", lines, { min: 0, max: MOST_LINES, allowed, such: 50 });
  oneOf("--unit", unit, NAMES);
  if (follow === true && json === true)
    throw new CommandError("Use either --follow or --json, not both: --json prints one document.", EXIT.usage);
  if (unit === "bootstrap") return `tail -n ${count}${follow === true ? " -F" : ""} ${BOOTSTRAP_LOG}`;
  const units = (UNITS[unit] ?? Object.values(UNITS).flat()).map((name) => `--unit=${name}`);
  const fields = "--output=json --all --output-fields=MESSAGE,PRIORITY,_PID,_SYSTEMD_UNIT,UNIT";
  return [
    "journalctl --quiet --no-pager",
    fields,
    `--lines=${count}`,
    ...(follow === true ? ["--follow"] : []),
    ...units,
  ].join(" ");
}

interface JournalLine {
  __REALTIME_TIMESTAMP?: string;
  MESSAGE?: string | number[] | null;
  PRIORITY?: string;
  /** The journal sets the fields with an underscore itself; anyone who may write to it sets the others. */
  _PID?: string;
  _SYSTEMD_UNIT?: string;
  UNIT?: string;
}

const PRIORITIES = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];

/** A line of the bootstrap's log, and whatever else is no JSON, is a message by itself. */
export function readEntry(line: string, unit: string): LogEntry {
  const parsed = asObject<JournalLine>(line);
  if (parsed?.__REALTIME_TIMESTAMP === undefined) return { time: "", unit, message: plain(line) };
  const time = new Date(Number(parsed.__REALTIME_TIMESTAMP) / 1000).toISOString();
  // Bytes that are no text come as numbers.
  const raw = Array.isArray(parsed.MESSAGE) ? Buffer.from(parsed.MESSAGE).toString("utf8") : (parsed.MESSAGE ?? "");
  // The gateway logs JSON; its message is what a person wants.
  const own = asObject<{ level?: string; message?: string }>(raw);
  const level = own?.message === undefined ? PRIORITIES[Number(parsed.PRIORITY ?? 6)] : own.level;
  return {
    time,
    unit: shortName(unitOf(parsed) ?? unit),
    ...(level === undefined ? {} : { level: plain(level) }),
    message: plain(own?.message ?? raw),
  };
}

/** What systemd says about a unit it says as process 1, in a field that any other process could set as well. */
const unitOf = ({ _PID, _SYSTEMD_UNIT, UNIT }: JournalLine): string | undefined =>
  _PID === "1" ? (UNIT ?? _SYSTEMD_UNIT) : _SYSTEMD_UNIT;

const shortName = (unit: string): string =>
  Object.entries(UNITS).find(([, names]) => names.includes(unit))?.[0] ?? plain(unit.replace(/\.service$/, ""));

export const entryText = ({ time, unit, level, message }: LogEntry): string =>
  time === "" ? message : `${time.replace(/\.\d+Z$/, "Z")} ${unit} ${level ?? ""}: ${message}`;

function asObject<T>(text: string): T | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}
