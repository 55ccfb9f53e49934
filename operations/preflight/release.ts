import { DEFAULTS, NODE_DIGESTS } from "../../config/keys";
import type { Problem } from "../../config/problem";
import type { HermesConfig } from "../../config/types";
import { satisfies } from "../../gateway/apply/versions";
import type { ReleaseFacts } from "./release-list";

export interface ReleaseReport {
  /** What stops the run. */
  problems: Problem[];
  /** What could not be checked. */
  warnings: string[];
}

/** How many of the versions that there are stand in a message. */
const PROPOSED = 5;

/** The OpenClaw that the configuration asks for, and the Node under it, held against what is known of it. Pure. */
export function checkRelease(
  { openclaw, node }: Pick<HermesConfig, "openclaw" | "node">,
  facts: ReleaseFacts,
): ReleaseReport {
  const { version } = openclaw;
  // What is wrong with the values themselves is told already.
  if (version === "") return { problems: [], warnings: [] };
  if (facts.others !== undefined) return { problems: [noSuchVersion(version, facts.others)], warnings: [] };
  const warnings = facts.source === "live" ? [] : [notAsked(version, facts)];
  const wants = facts.release?.node;
  if (wants === undefined || node.version === "" || satisfies(node.version, wants)) return { problems: [], warnings };
  return { problems: [wrongNode(version, wants, node.version)], warnings };
}

const noSuchVersion = (version: string, others: string[]): Problem => ({
  key: "hermes:openclaw.version",
  found: JSON.stringify(version),
  wrong: "npm has no such version of openclaw",
  allowed: `The newest that there are: ${others.slice(0, PROPOSED).join(", ")}.`,
  fix: "Take one of them, with hermes:openclaw.before the day after its publication; ./hermes upgrade --check proposes both.",
});

function wrongNode(version: string, wants: string, node: string): Problem {
  const known = [DEFAULTS.nodeVersion, ...Object.keys(NODE_DIGESTS)].find((each) => satisfies(each, wants));
  return {
    key: "hermes:node.version",
    found: JSON.stringify(node),
    wrong: `OpenClaw ${version} does not run on it`,
    allowed: `Its package wants Node ${wants}.`,
    fix:
      known === undefined
        ? "Write one of these with its digest (hermes:sources.node.sha256), or take another hermes:openclaw.version."
        : `Write version: "${known}".`,
  };
}

const notAsked = (version: string, { release, asOf, failure }: ReleaseFacts): string =>
  `The npm registry was not asked (${failure ?? "no reason given"}). ` +
  (release === undefined
    ? `hermes itself knows nothing of OpenClaw ${version}: the droplet finds out whether there is one and whether Node carries it, before it changes anything.`
    : `That there is an OpenClaw ${version}, and which Node it wants, is from hermes' own list of ${asOf ?? "an unknown day"}.`);
