import type { Command } from "commander";

export const withForgeFlags = (command: Command): Command =>
  command
    .option("--forge <kind>", "gitea or github; default: what the CI says")
    .option("--forge-url <url>", "root of its API; default: what the CI says")
    .option("--repo <owner/name>", "the repository; default: what the CI says")
    .option("--commit <sha>", "the commit; default: what the CI says");
