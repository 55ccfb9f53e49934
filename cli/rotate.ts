import type { Command } from "commander";
import { table } from "../lib/output";
import { NAMES, rotate, partsOf, type RotateOptions } from "../operations/rotate";

export function addRotateCommand(hermes: Command): void {
  hermes
    .command("rotate")
    .description("Replace a secret; SSH keys in two steps, so that you are not locked out")
    .argument("<secret>", NAMES.join(", "))
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--lost", "the old key is lost or no longer accepted: create a new key; the next `up` replaces the droplet")
    .option("--fingerprint <SHA256:…>", "with hostKey: accept this key of the droplet once, then replace it")
    .option("--json", "one JSON document on stdout")
    .action(async (name: string, options: RotateOptions) => {
      const result = await rotate(name, options, partsOf(options));
      const rows = [...result.done.map((line): [string, string] => ["done", line]), ["next", result.next]];
      process.stdout.write(`${options.json === true ? JSON.stringify(result) : table(rows as [string, string][])}\n`);
    });
}
