import type { ExposureChange } from "./exposure";
import type { Fate } from "./droplet";
import { code, listed, plural } from "./text";
import { LEVELS, type Level, type Verdict } from "./types";

export interface Judged {
  /** Nothing of the cloud, the tailnet or the droplet changes. */
  unchanged: boolean;
  fate: Fate;
  exposure: ExposureChange;
  /** Rules that are broken. */
  broken: readonly string[];
  /** The preview ended in an error. */
  failed: boolean;
  /** Resources that are not as the state says; absent: nobody looked. */
  drifted?: number | undefined;
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
  const { failed, broken, exposure, openNow, drifted, fate, unchanged } = judged;
  const clauses: Clause[] = [];
  const say = (level: Level, text: string) => clauses.push({ level, text });
  if (broken.length > 0)
    say(
      "policy",
      `**Violates ${plural(broken.length, "policy", "policies")}**: ${listed(broken.map(code))}. \`up\` is refused.`,
    );
  if (failed && broken.length === 0)
    say("error", "**The preview failed**: nothing can be said of what `up` would do, and it would fail too.");
  if (failed) return clauses;
  if (openNow.length > 0) say("exposes", `**Exposed now**, by a change from outside: ${listed(openNow.map(code))}.`);
  if (exposure.opened.length > 0) say("exposes", `**Exposes a port**: ${listed(exposure.opened.map(code))}.`);
  clauses.push(...fateClauses(fate, unchanged));
  if (drifted !== undefined && drifted > 0)
    say("safe", `**Drift**: ${plural(drifted, "resource is", "resources are")} not as last deployed.`);
  return clauses;
}

function fateClauses({ effect, losesState }: Fate, unchanged: boolean): Clause[] {
  const lost: Clause[] = losesState
    ? [{ level: "loses-state", text: "**Loses state**: sessions, memory, pairing and workspaces are gone." }]
    : [];
  return [...lost, effectClause(effect, unchanged, losesState)];
}

function effectClause(effect: Fate["effect"], unchanged: boolean, losesState: boolean): Clause {
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
      return { level: "restarts", text: `**Restarts the gateway**: about half a minute.${rest}` };
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
