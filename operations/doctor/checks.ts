/** One thing that was looked at, on the droplet or from outside. */
export interface Check {
  name: string;
  level: "ok" | "warn" | "fail";
  found: string;
  /** What to do about it; absent when all is well. */
  fix?: string;
}

export const ok = (name: string, found: string): Check => ({ name, level: "ok", found });
export const warn = (name: string, found: string, fix: string): Check => ({ name, level: "warn", found, fix });
export const fail = (name: string, found: string, fix: string): Check => ({ name, level: "fail", found, fix });

const RANK = { fail: 0, warn: 1, ok: 2 };

export const worstFirst = (checks: Check[]): Check[] => [...checks].sort((a, b) => RANK[a.level] - RANK[b.level]);

/** The table for people: what is wrong above what is well, each with what mends it. */
export function checksText(checks: Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const label = { fail: "FAIL", warn: "warn", ok: "ok" };
  return worstFirst(checks)
    .flatMap(({ name, level, found, fix }) => [
      `${label[level].padEnd(6)}${name.padEnd(width + 2)}${found}`,
      ...(fix === undefined ? [] : [`${" ".repeat(width + 8)}→ ${fix}`]),
    ])
    .join("\n");
}
