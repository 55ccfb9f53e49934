import type { DropletOutcome } from "./droplet-outcome";
import type { ExposureChange } from "./exposure";
import { code, listed, plural } from "./text";
import { LEVELS, type Level, type Verdict } from "./types";

export interface Judged {
  /** Nothing of the cloud, the tailnet or the droplet changes. */
  unchanged: boolean;
  outcome: DropletOutcome;
  exposure: ExposureChange;
  /** Rules that are broken. */
  broken: readonly string[];
  /** The preview ended in an error. */
  failed: boolean;
  /** Resources that are not as the state says. */
  drifted: number;
  /** What drift has opened. */
  openNow: readonly string[];
}

interface Clause {
  level: Level;
  text: string;
}

/** The gravest first, in one sentence. */
export function verdictOf(judged: Judged): Verdict {
  const clauses = clausesOf(judged).sort((a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level));
  const level = clauses[0]?.level ?? "safe";
  return { level, line: clauses.map(({ text }) => text).join(" ") };
}

function clausesOf(judged: Judged): Clause[] {
  const { failed, broken, exposure, openNow, drifted, outcome, unchanged } = judged;
  const policy: Clause[] = broken.length === 0 ? [] : [{ level: "policy", text: brokenText(broken) }];
  if (failed) return [...policy, { level: "error", text: "**The preview failed**, and so would the change itself." }];
  const clauses = [...policy];
  const exposes = (text: string, all: readonly string[]): void => {
    if (all.length > 0) clauses.push({ level: "exposes", text: `${text}: ${listed(all.map((each) => code(each)))}.` });
  };
  exposes("**Exposed now**, by a change from outside", openNow);
  exposes("**Exposes a port**", exposure.opened);
  if (drifted === 0 || !unchanged) clauses.push(...outcomeClauses(outcome, unchanged));
  if (drifted > 0) clauses.push({ level: "safe", text: driftText(drifted) });
  return clauses;
}

const brokenText = (rules: readonly string[]): string =>
  `**Violates ${plural(rules.length, "policy", "policies")}**: ${listed(rules.map((rule) => code(rule)))}. \`up\` refuses.`;

const driftText = (count: number): string =>
  `**Drift**: ${plural(count, "resource is", "resources are")} not as last deployed.`;

function outcomeClauses({ effect, losesState, unsure = false }: DropletOutcome, unchanged: boolean): Clause[] {
  const lost: Clause[] = losesState
    ? [{ level: "loses-state", text: "**Loses state**: sessions, memory, pairing and workspaces are gone." }]
    : [];
  return [...lost, effectClause(effect, { unchanged, losesState, may: unsure ? "May restart" : "Restarts" })];
}

interface Wording {
  unchanged: boolean;
  losesState: boolean;
  may: string;
}

function effectClause(effect: DropletOutcome["effect"], { unchanged, losesState, may }: Wording): Clause {
  const safe = (text: string): Clause => ({ level: "safe", text });
  const rest = losesState ? "" : " State stays.";
  switch (effect) {
    case "created":
      return safe("**New stack**: nothing is there yet that could be lost.");
    case "destroyed":
      return { level: "replaces", text: `**Destroys the droplet.**${losesState ? "" : " State stays on the volume."}` };
    case "new droplet":
      return { level: "replaces", text: `**Replaces the droplet**: about 5 minutes down.${rest}` };
    case "reboot":
      return { level: "restarts", text: `**Restarts the droplet**: 2 to 5 minutes down.${rest}` };
    case "restart":
      return { level: "restarts", text: `**${may} the gateway**: about half a minute.${rest}` };
    case "hot":
      return safe("**Safe**: taken by the running gateway, no restart.");
    case "files":
      return safe("**Safe**: files only, no restart.");
    case "beside":
      return safe("**Safe**: made in place, the gateway goes on.");
    default:
      return safe(unchanged ? "**No changes.**" : "**Safe**: nothing that runs is touched.");
  }
}
