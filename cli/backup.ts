import type { Command } from "commander";
import { CommandError, EXIT } from "../lib/output";
import { runBackup, runBackupList, type BackupOptions } from "../operations/backups/backup";
import { runDrill } from "../operations/backups/drill";
import { runRestore, type RestoreOptions } from "../operations/backups/restore";

export function addBackupCommands(hermes: Command): void {
  const common = (command: Command) =>
    command
      .option("--stack <name>", "name of the stack; default: the selected one")
      .option("--json", "one JSON document on stdout");
  const backup = common(hermes.command("backup"))
    .description("Save the encrypted state to a local file or the stack's bucket; the gateway keeps running")
    .option("--out <file>", "file to write; default: a file in this folder, named after the time")
    .option("--to-bucket", "write to the bucket of hermes:backup.to instead")
    .action(async (options: BackupOptions) => void (process.exitCode = await runBackup(options)));
  common(backup.command("list"))
    .description("List backups in the stack's bucket, newest last; needs no droplet")
    .action(
      async (_: object, command: Command) =>
        void (process.exitCode = await runBackupList(command.optsWithGlobals<BackupOptions>())),
    );
  common(hermes.command("restore"))
    .description("Replace the droplet's state with a backup; rolls back if that fails")
    .argument("[file]", "backup created by hermes")
    .option("--from-bucket <name>", "backup from `./hermes backup list`, or latest")
    .option("--verify", "decrypt it, unpack it on the droplet and compare all hashes, without replacing the state")
    .option("--drill", "test the newest backup (or the named one) on a temporary droplet; the stack does not change")
    .option("--yes", "do not ask for confirmation")
    .action(async (file: string | undefined, options: RestoreOptions) => {
      if (
        options.drill === true &&
        (options.verify === true || (file !== undefined && options.fromBucket !== undefined))
      )
        throw new CommandError(
          "Use --drill with one file, with --from-bucket NAME, or with neither; and without --verify.",
          EXIT.usage,
        );
      process.exitCode = await (options.drill === true ? runDrill : runRestore)(file, options);
    });
}
