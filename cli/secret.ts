import type { Command } from "commander";
import { secretNames, setSecret } from "../operations/secrets";
import type { StackOptions } from "../operations/stack/reach";

export function addSecretCommands(hermes: Command): void {
  const secret = hermes.command("secret").description("Set or list the stack's secrets");
  const common = (command: Command) =>
    command
      .option("--stack <name>", "name of the stack; default: the selected one")
      .option("--json", "one JSON document on stdout");
  common(secret.command("set"))
    .description("Check a secret and store it encrypted; reads standard input, or asks on a terminal")
    .argument("<name>", "such as openrouterApiKey, or a name that an MCP server refers to")
    .action(runSet);
  common(secret.command("list"))
    .description("List the names of the stack's secrets, never their values")
    .action(runList);
}

interface Options extends StackOptions {
  json?: boolean;
}

async function runSet(name: string, options: Options): Promise<void> {
  await setSecret(name, options, process);
  process.stdout.write(
    options.json === true ? `${JSON.stringify({ ok: true, set: name })}\n` : `${name} is set; next: pulumi up\n`,
  );
}

async function runList(options: Options): Promise<void> {
  const names = await secretNames(options);
  const text = names.length === 0 ? "no secrets; create them: ./hermes init" : names.join("\n");
  process.stdout.write(`${options.json === true ? JSON.stringify(names) : text}\n`);
}
