import type { Command } from "commander";
import { CommandError, EXIT } from "../lib/output";
import { sweep, sweepText, type SweepOptions } from "../operations/sweep/sweep";

export function addSweepCommand(hermes: Command): void {
  hermes
    .command("sweep")
    .description("Find resources with a stack's tag or name that are not in its state; remove them with --yes")
    .option("--stack <name>", "name of the stack", "hermes")
    .option("--dry-run", "only list them (default)")
    .option("--yes", "remove what was found")
    .option("--volumes", "also remove detached volumes: their data is lost")
    .option("--json", "one JSON document on stdout")
    .addHelpText("after", "\nExit codes: 0 nothing is left, 4 found and not removed, 5 the cloud or network failed.")
    .action(async (options: SweepOptions & { dryRun?: boolean }) => {
      if (options.dryRun === true && options.yes === true)
        throw new CommandError("Use either --dry-run or --yes, not both.", EXIT.usage);
      const report = await sweep(options);
      process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : sweepText(report));
      if (report.found.length > report.removed.length) process.exitCode = EXIT.refused;
    });
}
