// Versions and npm's ranges of them. Imports nothing: the program and the command line use it too.

/**
 * The only comparison of versions in hermes; negative when the first is older. 2026.10.1-beta.2 comes before 2026.10.1, and
 * 2026.9.6-2, a second publication of the same release, comes after 2026.9.6.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [rankOf(a), rankOf(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [one, other] = [left[i] ?? 0, right[i] ?? 0];
    if (one === other) continue;
    if (typeof one === "number" && typeof other === "number") return one - other;
    return String(one) < String(other) ? -1 : 1;
  }
  return 0;
}

/** Year, month, number; then whether a pre-release (-1) or not (0), then what follows the hyphen. */
function rankOf(version: string): (number | string)[] {
  const [release, rest] = splitVersion(version);
  const [year = 0, month = 0, number = 0] = parts(release);
  return [year, month, number, /^[a-z]/i.test(rest) ? -1 : 0, ...parts(rest)];
}

function splitVersion(version: string): [release: string, rest: string] {
  const at = version.indexOf("-");
  return at < 0 ? [version, ""] : [version.slice(0, at), version.slice(at + 1)];
}

const parts = (text: string): (number | string)[] =>
  text === "" ? [] : text.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));

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
  // A pre-release counts as its release: 25.0.0-rc.1 is not <25.
  const [release] = splitVersion(version);
  const difference = compareVersions(release, wanted);
  const written = parts(wanted);
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
      return difference >= 0 && parts(release)[0] === written[0];
    default:
      return parts(release).slice(0, written.length).join(".") === written.join(".");
  }
}

/** Formats of OpenClaw's two kinds of databases; its package says which newest ones it reads. */
export interface Schemas {
  /** state/openclaw.sqlite: pairing, devices, cron. */
  state: number;
  /** agents/ID/agent/openclaw-agent.sqlite: sessions, memory. */
  agent: number;
}

/** `openclaw.schemaVersions` of a package.json. */
export function schemasOf(value: unknown): Schemas | undefined {
  const { state, agent } = (value ?? {}) as Record<string, unknown>;
  return typeof state === "number" && typeof agent === "number" ? { state, agent } : undefined;
}

/** A package that reads `here` also reads `there`. */
export const reads = (here: Schemas, there: Schemas): boolean => there.state <= here.state && there.agent <= here.agent;
