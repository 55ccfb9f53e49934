import type { Command } from "commander";
import { runPairList, runPairApprove, runPairDevices, type PairOptions } from "../operations/pair";

export function addPairCommands(hermes: Command): void {
  const pair = hermes.command("pair").description("Manage who may talk to the agents");
  const add = (name: string, description: string) =>
    pair
      .command(name)
      .description(description)
      .option("--stack <name>", "name of the stack; default: the selected one")
      .option("--json", "one JSON document on stdout");
  add("list", "List people who wrote to the bot and wait for approval")
    .option("--channel <name>", "channel", "telegram")
    .action(async (options: PairOptions) => void (process.exitCode = await runPairList(options)));
  add("approve", "Approve one of them, by the code that the bot sent")
    .argument("<code>")
    .option("--channel <name>", "channel", "telegram")
    .action(
      async (code: string, options: PairOptions) => void (process.exitCode = await runPairApprove(code, options)),
    );
  add("devices", "List browsers and apps paired with the Control UI").action(
    async (options: PairOptions) => void (process.exitCode = await runPairDevices(options)),
  );
}
