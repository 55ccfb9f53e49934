// Versions and npm's ranges of them. Imports nothing: the program and the command line use it too.

const numbers = (version: string): number[] => version.split("-")[0]?.split(".").map(Number) ?? [];

/** Less than 0: a is older. What follows a `-` does not count. */
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
