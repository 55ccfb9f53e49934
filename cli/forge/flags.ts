import { readFileSync } from "node:fs";
import type { Command } from "commander";

export const withForgeFlags = (command: Command): Command =>
  command
    .option("--forge <kind>", "gitea or github; default: what the CI says")
    .option("--forge-url <url>", "root of its API; default: what the CI says")
    .option("--repo <owner/name>", "the repository; default: what the CI says")
    .option("--commit <sha>", "the commit; default: what the CI says");

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
