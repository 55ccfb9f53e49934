// What is there already, wherever a new sandbox could get in its way.
import { botTag, isBotTag } from "../../config/sandbox";
import { asMap, isMap } from "../../lib/maps";
import { baseName } from "../../lib/names";
import { findSize } from "../../planner";
import type { Catalogue } from "../../planner/catalogue";
import { stackValues } from "../plan/stack-values";
import { projectFolder, stacksWithFile } from "../stack/project";
import type { Inventory, SandboxStack } from "../sweep/sandboxes";
import { text } from "../sweep/things";
import type { Priced } from "./caps";
import type { Existing } from "./collisions";
import { inventory, type Outside } from "./outside";
import { sandboxStacks } from "./stack";

/** Sandboxes here and in the account. */
export interface There {
  inventory: Inventory;
  stacks: SandboxStack[];
  /** Names of which anything is there: things, leases, stacks. */
  names: ReadonlySet<string>;
}

export async function whatIsThere(outside: Outside): Promise<There> {
  const [seen, stacks] = [await inventory(outside), await sandboxStacks()];
  const { things, leases } = seen;
  const names = [...things.map(({ sandbox }) => sandbox), ...[...leases, ...stacks].map(({ name }) => name)];
  return { inventory: seen, stacks, names: new Set(names) };
}

/** @param of the stack that sandboxes are made after, whose bot is not theirs */
export async function standing(
  there: There,
  { account, tailnet }: Outside,
  of: { stack: string; secrets: Record<string, string> },
): Promise<Existing> {
  const devices = (await tailnet?.devices()) ?? [];
  const files = stacksWithFile();
  const hostnames = new Map([
    ...devices.flatMap(({ name, hostname }): [string, string][] =>
      [hostname, name.split(".")[0] ?? name].map((each) => [each, `the node ${name}`]),
    ),
    ...files.map((stack): [string, string] => [hostnameIn(stack), `the stack ${stack}`]),
  ]);
  const parentBot = botTag(of.secrets["telegramBotToken"] ?? "");
  const bots = new Map<string, string>(parentBot === undefined ? [] : [[parentBot, `the stack ${of.stack}`]]);
  for (const droplet of await account.list("droplets"))
    for (const tag of Array.isArray(droplet["tags"]) ? droplet["tags"].map(String) : [])
      if (isBotTag(tag)) bots.set(tag, `the droplet ${text(droplet, "name")}`);
  return { sandboxes: there.names, hostnames, bots };
}

function hostnameIn(stack: string): string {
  const { hostname } = asMap(stackValues(projectFolder(), stack)?.["tailnet"]);
  return typeof hostname === "string" ? hostname : baseName(stack);
}

export const priceOf = (catalogue: Catalogue, size: unknown): number =>
  findSize(catalogue, String(size))?.monthlyUsd ?? 0;

/** @param notYet USD a month for one whose droplet is not there yet */
export function pricesOf({ names, inventory: { things } }: There, catalogue: Catalogue, notYet: number): Priced[] {
  return [...names].map((name) => {
    const droplets = things.filter((one) => one.kind === "droplet" && one.sandbox === name);
    const known = droplets.map(({ entry = {} }) =>
      isMap(entry["size"]) && typeof entry["size"]["price_monthly"] === "number"
        ? entry["size"]["price_monthly"]
        : priceOf(catalogue, entry["size_slug"]),
    );
    return { name, monthlyUsd: known.length === 0 ? notYet : known.reduce((a, b) => a + b) };
  });
}
