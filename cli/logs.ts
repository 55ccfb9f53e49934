import type { Command } from "commander";
import { NAMES, runLogs, type LogsOptions } from "../operations/logs";

export function addLogsCommand(hermes: Command): void {
  hermes
    .command("logs")
    .description("Show logs of the droplet's services, with secrets removed")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("-f, --follow", "keep printing new lines until interrupted")
    .option("--lines <count>", "number of lines to show", "50")
    .option("--unit <name>", NAMES.join(", "), "gateway")
    .option("--json", "one JSON document on stdout; not with --follow")
    .action(async (options: LogsOptions) => {
      process.exitCode = await runLogs(options);
    });
}
