import { DEFAULTS, FIRST_INSTALL, OPENCLAW_DIGESTS } from "../config/keys";
import { compareVersions, reads, satisfies, schemasOf, type Schemas } from "../gateway/apply/versions";
import { CommandError, EXIT, table } from "../lib/output";
import { selected, type StackOptions } from "./stack/reach";
import { here, type Surroundings } from "./stack/surroundings";

export interface UpgradeOptions extends StackOptions {
  check?: boolean;
  json?: boolean;
}

/** A version that npm has. */
export interface Published {
  version: string;
  /** Range of Node's versions, as its package says. */
  node: string;
  /** The newest formats of state that it reads; absent: it does not say. */
  schemas?: Schemas;
  /** Where its source is, and with it what changed. */
  source?: string;
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
  /** The configured one reads the state of the one that fits; null: not known. */
  wayBack: boolean | null;
  /** hermes has a lock and a digest of the one that fits; without them the first installation decides. */
  pinned: boolean | null;
  /** Where it stands what is new; null: its package does not say. */
  notes: string | null;
  /** What to do, in this order; empty when there is nothing. */
  commands: string[];
}

/** @returns the exit code: 0 whether or not there is something newer @throws CommandError */
export async function runUpgrade(options: UpgradeOptions, io: Surroundings = here()): Promise<number> {
  if (options.check !== true)
    throw new CommandError(
      "--check is missing: it shows which versions there are. To upgrade, set hermes:openclaw and run pulumi up.",
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
  const node = values["hermes:node"]?.objectValue?.version;
  return { configured: version, node: typeof node === "string" ? node : DEFAULTS.nodeVersion };
}

/** The configured version and what came after it; npm says one as an object, several as a list. */
async function published(since: string, io: Surroundings): Promise<Published[]> {
  const fields = ["version", "engines.node", "openclaw.schemaVersions", "repository.url"];
  const text = await io.npm(["view", `openclaw@>=${since}`, ...fields, "--json"]);
  const found = JSON.parse(text.trim() || "[]") as Record<string, unknown> | Record<string, unknown>[];
  return [found].flat().map((each) => {
    const schemas = schemasOf(each["openclaw.schemaVersions"]);
    const source = webAddress(each["repository.url"]);
    return {
      version: textOr(each["version"], ""),
      node: textOr(each["engines.node"], "*"),
      ...(schemas && { schemas }),
      ...(source && { source }),
    };
  });
}

const textOr = (value: unknown, other: string): string => (typeof value === "string" ? value : other);

/** `git+https://HOST/OWNER/NAME.git` as a page to open. */
function webAddress(repository: unknown): string | undefined {
  const [, address] = /^(?:git\+)?(https:\/\/[\w.-]+\/[\w./-]+?)(?:\.git)?$/.exec(textOr(repository, "")) ?? [];
  return address;
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
    .filter(({ version }) => /^\d+\.\d+\.\d+$/.test(version) && compareVersions(version, configured) > 0)
    .filter(({ version }) => tags.latest === undefined || compareVersions(version, tags.latest) <= 0)
    .sort((a, b) => compareVersions(b.version, a.version))
    .map((each) => ({ ...each, published: time[each.version] ?? "" }));
  const [newest] = newer;
  const fits = newer.find((each) => satisfies(node, each.node));
  return {
    configured,
    node,
    newest: newest === undefined ? null : { ...newest, runs: satisfies(node, newest.node) },
    fits: fits ?? null,
    wayBack: wayBackFrom(found.find(({ version }) => version === configured)?.schemas, fits?.schemas),
    pinned: fits === undefined ? null : fits.version in OPENCLAW_DIGESTS,
    // The package holds its CHANGELOG.md, which npm gives away only with the whole package.
    notes: fits?.source?.replace(/^https:\/\/github\.com\/[^/]+\/[^/]+$/, "$&/releases") ?? null,
    commands: fits === undefined ? [] : commandsFor(fits),
  };
}

const wayBackFrom = (from: Schemas | undefined, to: Schemas | undefined): boolean | null =>
  from === undefined || to === undefined ? null : reads(from, to);

/** npm takes nothing published on or after `before`, so that day is the next one. */
function commandsFor({ version, published }: { version: string; published: string }): string[] {
  const before = new Date(Date.parse(published) + 86_400_000).toISOString().slice(0, 10);
  return [
    `pulumi config set --path hermes:openclaw.version ${version} --type string`,
    `pulumi config set --path hermes:openclaw.before ${before} --type string`,
    ...(version in OPENCLAW_DIGESTS
      ? []
      : [`pulumi config set --path hermes:sources.openclaw.sha256 ${FIRST_INSTALL} --type string`]),
    "pulumi up",
  ];
}

const date = (time: string): string => time.slice(0, 10) || "day unknown";

function reportText({ configured, node, newest, fits, wayBack, pinned, notes, commands }: UpgradeReport): string {
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
  if (notes !== null) rows.push(["notes", notes]);
  rows.push([
    "packages",
    pinned === true
      ? "the lock and the digest that hermes has of it: the droplet installs nothing else"
      : "no lock in hermes: the droplet takes what the registry serves first, and compares from then on",
  ]);
  return `${table([...rows, ...consequences(configured, fits.version, wayBack)])}\n\n${commands.map((line) => `  ${line}`).join("\n")}`;
}

const consequences = (from: string, to: string, wayBack: boolean | null): [string, string][] => [
  ["up would", `install ${to} beside ${from}, and have it check the configuration before anything is changed`],
  ["", "stop the gateway, copy its state, start the new version: no answers for as long as a start takes"],
  ["", `go back to ${from} with the copied state when the new one does not become ready`],
  [
    "and then",
    wayBack === true
      ? `the state's format stays: ${from} may be set again`
      : `${from} cannot read the new version's state: make a backup first, there is no other way back`,
  ],
];
