import type { Command } from "commander";
import { runUpgrade, type UpgradeOptions } from "../operations/upgrade";

export function addUpgradeCommand(hermes: Command): void {
  hermes
    .command("upgrade")
    .description("Show which OpenClaw versions npm has and what an upgrade would change; changes nothing")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--check", "check for a newer version and show the next step")
    .option("--json", "one JSON document on stdout")
    .action(async (options: UpgradeOptions) => void (process.exitCode = await runUpgrade(options)));
}
