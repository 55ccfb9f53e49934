import { botTag } from "../../config/sandbox";
import { baseName } from "../../lib/names";
import { CommandError, EXIT } from "../../lib/output";
import { stackOf } from "./names";

/** What stands elsewhere, by name. */
export interface Existing {
  /** Sandboxes of which anything is there: their things, leases, stacks. */
  sandboxes: ReadonlySet<string>;
  /** Host names on the tailnet and in other stacks' files, each with whose it is. */
  hostnames: ReadonlyMap<string, string>;
  /** Tags of bots that are polled, each with who polls it. */
  bots: ReadonlyMap<string, string>;
}

/** @throws CommandError with everything that two would share, before anything is made */
export function refuseShared(names: readonly string[], botToken: string | undefined, standing: Existing): void {
  const problems = [
    ...names.flatMap((name) => nameProblem(name, standing)),
    ...(botToken === undefined ? [] : botProblem(names, botToken, standing)),
  ];
  if (problems.length > 0) throw new CommandError(`nothing was made: ${problems.join("\n  ")}`, EXIT.refused);
}

function nameProblem(name: string, { sandboxes, hostnames }: Existing): string[] {
  if (sandboxes.has(name))
    return [`there is a sandbox ${name} already: ./hermes sandbox show ${name}; recreate, or destroy it first`];
  const hostname = baseName(stackOf(name));
  const owner = hostnames.get(hostname);
  return owner === undefined ? [] : [`${hostname} is the tailnet host name of ${owner}: choose another name`];
}

function botProblem(names: readonly string[], token: string, { bots }: Existing): string[] {
  const tag = botTag(token);
  if (tag === undefined)
    return ["SANDBOX_TELEGRAM_BOT_TOKEN is no bot token: digits, a colon, and what BotFather gave"];
  const number = tag.split(":").at(-1);
  const why = "two that poll one bot take each other's messages. Make another with @BotFather.";
  const owner = bots.get(tag);
  if (owner !== undefined) return [`the Telegram bot ${number} is polled by ${owner}: ${why}`];
  return names.length > 1 ? [`${names.length} sandboxes would poll the Telegram bot ${number}: ${why}`] : [];
}
