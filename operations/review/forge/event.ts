import { readFileSync } from "node:fs";

/** What the forge told its CI about this run. */
export function eventOf(env: Record<string, string | undefined>): string | undefined {
  const path = env["GITHUB_EVENT_PATH"];
  if (!path) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
