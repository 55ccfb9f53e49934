import type { Command } from "commander";
import { DEFAULTS } from "../config/keys";
import { here, type Surroundings } from "./operate";
import { CommandError, EXIT, table } from "./output";
import { selected, type StackOptions } from "./stack";

export interface UpgradeOptions extends StackOptions {
  check?: boolean;
  json?: boolean;
}

export function addUpgradeCommand(hermes: Command): void {
  hermes
    .command("upgrade")
    .description("which OpenClaw npm has, and what an upgrade would do; changes nothing")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--check", "look, and say what to do")
    .option("--json", "one JSON document on stdout")
    .action(async (options: UpgradeOptions) => void (process.exitCode = await runUpgrade(options)));
}

/** A version that npm has. */
export interface Published {
  version: string;
  /** Range of Node's versions, as its package says. */
  node: string;
}

export interface UpgradeReport {
  /** What the stack's configuration asks for. */
  configured: string;
  /** Node on the droplet, given at birth. */
  node: string;
  /** Newest release; null when the configured one is. */
  newest: (Published & { published: string; runs: boolean }) | null;
  /** Newest release that the stack's Node carries; null when there is none. */
  fits: (Published & { published: string }) | null;
  /** What to do, in this order; empty when there is nothing. */
  commands: string[];
}

/** @returns the exit code: 0 whether or not there is something newer @throws CommandError */
export async function runUpgrade(options: UpgradeOptions, io: Surroundings = here()): Promise<number> {
  if (options.check !== true)
    throw new CommandError(
      "say --check to see what there is. The upgrade itself is an edit: set hermes:openclaw, then pulumi up.",
      EXIT.usage,
    );
  const stack = await stackVersions(options, io);
  const report = compare(stack, await published(stack.configured, io), await times(io));
  io.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : `${reportText(report)}\n`);
  return EXIT.ok;
}

interface StackVersions {
  configured: string;
  node: string;
}

async function stackVersions(options: StackOptions, io: Surroundings): Promise<StackVersions> {
  type Value = { objectValue?: { version?: unknown } };
  const values = JSON.parse(await io.pulumi(["config", "--json", ...selected(options)])) as Record<string, Value>;
  const version = values["hermes:openclaw"]?.objectValue?.version;
  if (typeof version !== "string")
    throw new CommandError("hermes:openclaw.version is not set for this stack", EXIT.input);
  return { configured: version, node: String(values["hermes:node"]?.objectValue?.version ?? DEFAULTS.nodeVersion) };
}

/** The configured version and what came after it; npm says one as an object, several as a list. */
async function published(since: string, io: Surroundings): Promise<Published[]> {
  const text = await io.npm(["view", `openclaw@>=${since}`, "version", "engines.node", "--json"]);
  const found = JSON.parse(text.trim() || "[]") as Record<string, string> | Record<string, string>[];
  return [found].flat().map((each) => ({ version: each["version"] ?? "", node: each["engines.node"] ?? "*" }));
}

interface Times {
  "dist-tags": { latest?: string };
  time: Record<string, string>;
}

const times = async (io: Surroundings): Promise<Times> =>
  JSON.parse(await io.npm(["view", "openclaw", "dist-tags", "time", "--json"])) as Times;

/** Pure. Previews are left out, and what npm has beyond its own "latest". */
export function compare(
  { configured, node }: StackVersions,
  found: Published[],
  { "dist-tags": tags, time }: Times,
): UpgradeReport {
  const newer = found
    .filter(({ version }) => /^\d+\.\d+\.\d+$/.test(version) && order(version, configured) > 0)
    .filter(({ version }) => tags.latest === undefined || order(version, tags.latest) <= 0)
    .sort((a, b) => order(b.version, a.version))
    .map((each) => ({ ...each, published: time[each.version] ?? "" }));
  const [newest] = newer;
  const fits = newer.find((each) => satisfies(node, each.node));
  return {
    configured,
    node,
    newest: newest === undefined ? null : { ...newest, runs: satisfies(node, newest.node) },
    fits: fits ?? null,
    commands: fits === undefined ? [] : commandsFor(fits),
  };
}

/** npm takes nothing published on or after `before`, so that day is the next one. */
function commandsFor({ version, published }: { version: string; published: string }): string[] {
  const before = new Date(Date.parse(published) + 86_400_000).toISOString().slice(0, 10);
  return [
    `pulumi config set --path hermes:openclaw.version ${version} --type string`,
    `pulumi config set --path hermes:openclaw.before ${before} --type string`,
    "pulumi up",
  ];
}

const numbers = (version: string): number[] => version.split("-")[0]?.split(".").map(Number) ?? [];

/** Less than 0: a is older. */
export function order(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** `>=24.16.0 <25 || >=26.1.0` and the like. What can't be read is not satisfied: better to ask than to break. */
export function satisfies(version: string, range: string): boolean {
  return range.split("||").some((all) => {
    const terms = all
      .trim()
      .replace(/([<>=^~]+)\s+/g, "$1")
      .split(/\s+/);
    return terms.every((term) => satisfiesTerm(version, term));
  });
}

function satisfiesTerm(version: string, term: string): boolean {
  if (term === "*" || term === "") return true;
  const [, operator = "", wanted = ""] = /^(>=|<=|>|<|=|\^|)v?(\d+(?:\.\d+){0,2})$/.exec(term) ?? [];
  if (wanted === "") return false;
  const difference = order(version, wanted);
  const parts = wanted.split(".").length;
  switch (operator) {
    case ">=":
      return difference >= 0;
    case ">":
      return difference > 0;
    case "<":
      return difference < 0;
    case "<=":
      return difference <= 0;
    case "^":
      return difference >= 0 && numbers(version)[0] === numbers(wanted)[0];
    default:
      return numbers(version).slice(0, parts).join(".") === wanted;
  }
}

const date = (time: string): string => time.slice(0, 10) || "day unknown";

export function reportText({ configured, node, newest, fits, commands }: UpgradeReport): string {
  if (newest === null) return table([["openclaw", `${configured} is the newest release`]]);
  const rows: [string, string][] = [
    ["openclaw", `${configured} is configured`],
    ["newest", `${newest.version}, published ${date(newest.published)}, wants Node ${newest.node}`],
  ];
  if (!newest.runs)
    rows.push([
      "node",
      `the droplet's ${node} does not carry it: raise hermes:node.version and hermes:bootstrapRevision`,
    ]);
  if (fits === null) return table(rows);
  if (fits.version !== newest.version) rows.push(["fits", `${fits.version}, published ${date(fits.published)}`]);
  return `${table([...rows, ...consequences(configured, fits.version)])}\n\n${commands.map((line) => `  ${line}`).join("\n")}`;
}

const consequences = (from: string, to: string): [string, string][] => [
  ["up would", `install ${to} beside ${from}, and have it check the configuration before anything is changed`],
  ["", "stop the gateway, copy its state, start the new version: no answers for as long as a start takes"],
  ["", `go back to ${from} with the copied state when the new one does not become ready`],
  ["and then", `${from} cannot read the new version's state: there is no way back but a backup's`],
];
