import type { Command } from "commander";
import { table } from "../lib/output";
import { init } from "../operations/init/init";
import type { InitOptions } from "../operations/init/input";

export function addInitCommand(hermes: Command): void {
  hermes
    .command("init")
    .description("Create a stack and its keys; prompts for values that are not in the environment")
    .option("--stack <name>", "name of the stack", "hermes")
    .option("--access <mode>", "tailnet (default) or ssh")
    .option("--admin-cidr <cidr...>", "with --access ssh: addresses that may connect to port 22")
    .option("--telegram-owner <id>", "Telegram user id of the owner; enables the Telegram channel")
    .option("--rotate <secret...>", "replace these secrets")
    .option("--json", "one JSON document on stdout")
    .action(runInit);
}

async function runInit(options: InitOptions): Promise<void> {
  const result = await init(options);
  if (options.json === true) return void process.stdout.write(`${JSON.stringify(result)}\n`);
  const list = (names: string[]): string => (names.length === 0 ? "none" : names.join(", "));
  process.stdout.write(
    `${table([
      ["stack", result.stack],
      ["secrets set", list(result.set)],
      ["secrets kept", list(result.kept)],
      ...(result.set.includes("backupKey") ? [keepCopy(result.stack)] : []),
      ["next", "set DIGITALOCEAN_TOKEN and the Tailscale credentials, then: pulumi up"],
    ])}\n`,
  );
}

/** Without that key nobody can read a backup, and the stack's passphrase may be lost with this machine. */
const keepCopy = (stack: string): [string, string] => [
  "keep a copy",
  `of the key that opens your backups, elsewhere: pulumi config get --path hermes:secrets.backupKey --stack ${stack}`,
];
