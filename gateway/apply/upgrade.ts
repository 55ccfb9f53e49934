// Another version of OpenClaw: whether it may run here, and which of the old ones stay.
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";
import type { ConfigBundle } from "./bundle.ts";
import { Refused } from "./bundle.ts";
import type { Host } from "./host.ts";
import { NODE, OPENCLAW_CURRENT, OPENCLAW_VERSIONS, STATE, openclawPackage } from "./places.ts";
import { asGateway, type SandboxOptions } from "./sandbox.ts";
import type { Applied } from "./store.ts";
import { readText } from "./text-file.ts";
import type { Schemas } from "./versions.ts";
import { reads, satisfies, schemasOf } from "./versions.ts";

/**
 * Looks whether an installed version may take over, on the Node that is wanted, and touches nothing.
 * @throws Refused when Node does not carry it, or when it cannot read the state that is here
 */
export async function checkVersion(host: Host, config: ConfigBundle, applied: Applied): Promise<void> {
  const { version } = config.openclaw;
  if (applied.config?.openclaw.version === version && applied.config.node.version === config.node.version) return;
  const facts = readPackage(host, version);
  const node = config.node.version;
  if (facts.node !== undefined && !satisfies(node, facts.node))
    throw new Refused(
      `OpenClaw ${version} wants Node ${facts.node}, and hermes:node.version is ${node}. Nothing was changed.\n` +
        "  Set hermes:node.version to one that it runs on, or another hermes:openclaw.version.",
    );
  const here = await stateSchemas(host);
  if (here !== undefined && facts.schemas !== undefined && !reads(facts.schemas, here))
    throw new Refused(noWayBack(version, facts.schemas, here));
}

interface PackageFacts {
  /** `engines.node`. */
  node?: string;
  schemas?: Schemas;
}

/** What the package of an installed version says of itself. */
export function readPackage(host: Host, version: string): PackageFacts {
  const text = readText(host, openclawPackage(version));
  if (text === undefined) return {};
  const { engines, openclaw } = JSON.parse(text) as {
    engines?: { node?: string };
    openclaw?: { schemaVersions?: unknown };
  };
  const schemas = schemasOf(openclaw?.schemaVersions);
  return { ...(engines?.node === undefined ? {} : { node: engines.node }), ...(schemas && { schemas }) };
}

/**
 * Of what is on the disk, not of what ran before: a recreated droplet knows nothing of that, and its volume does.
 * Undefined when it can't be told; OpenClaw itself refuses then, and the activation is rolled back.
 *
 * @param folder - as the sandbox has it
 */
export async function stateSchemas(
  host: Host,
  folder = STATE,
  options: Pick<SandboxOptions, "folders"> = {},
): Promise<Schemas | undefined> {
  if (folder === STATE && !existsSync(host.path(folder))) return undefined;
  const program = `${dirname(process.argv[1] ?? "")}/state-schemas.ts`;
  const { code, stdout, stderr } = await asGateway(host, [NODE, program, folder], { ...options, timeoutMs: 30_000 });
  try {
    if (code === 0) return schemasOf(JSON.parse(stdout));
  } catch {
    // Said below.
  }
  host.say(`the state's format could not be read: ${stderr.trim().slice(-300)}`);
  return undefined;
}

const noWayBack = (version: string, can: Schemas, here: Schemas): string =>
  `the state on this droplet is of a newer OpenClaw: ${said(here)}; OpenClaw ${version} reads up to ${said(can)}. ` +
  "Nothing was changed, and what ran still runs.\n" +
  "  State goes forward only. Set hermes:openclaw.version back to what ran or a newer one; or go back with the state\n" +
  `  of a backup that was made with ${version} or older (docs/upgrade.md): what was said since is not in it.`;

const said = ({ state, agent }: Schemas): string => `format ${state} (agents ${agent})`;

/**
 * Before another one is installed all others go but the one that runs, so that at most two are here afterwards: the one
 * that runs, and the one before it or the one that did not become ready.
 */
export async function pruneVersions(host: Host, wanted: string): Promise<void> {
  const folder = host.path(OPENCLAW_VERSIONS);
  if (!existsSync(folder)) return;
  const current = host.path(OPENCLAW_CURRENT);
  const keep = [wanted, existsSync(current) ? readlinkSync(current) : ""];
  const others = readdirSync(folder).filter((name) => /^\.?\d/.test(name) && !keep.includes(nameOf(name)));
  if (others.length === 0) return;
  host.say(`removing what no longer runs: OpenClaw ${others.map(nameOf).join(", ")}`);
  await host.run("rm", ["-rf", "--", ...others.map((name) => `${folder}/${name}`)], { timeoutMs: 300_000 });
}

/** An installation that was cut off is `.VERSION.partial`. */
const nameOf = (folder: string): string => folder.replace(/^\.(.+)\.partial$/, "$1");
