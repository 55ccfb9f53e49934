// What is to be made, and whether it may be.
import { minutesOf, type Lease } from "../../config/sandbox";
import { CommandError, EXIT } from "../output";
import { liveCatalogue } from "../plan/live-catalogue";
import { stackSecrets } from "../stack";
import { refuseBeyond } from "./caps";
import { branchHere, commitOf } from "./checkout";
import { refuseShared } from "./collisions";
import { COMMIT, leftOutServers, MODELS_KEY, sandboxFile, type StackFile } from "./file";
import { imageKeys } from "./image";
import { freeNames, nameAfter, saidName, stackOf } from "./names";
import { originOf } from "./origin";
import { outsideOf, type Outside } from "./outside";
import { seedOf, type Seed } from "./seed";
import { readStackFile } from "./stack";
import { priceOf, pricesOf, standing, whatIsThere } from "./standing";
import { readSettings, readTemplate, ttlMinutes } from "./template";

export interface CreateOptions {
  from: string;
  ttl?: string;
  size?: string;
  set?: string[];
  ref?: string;
  count?: string;
  parallel?: string;
  idle?: string;
  seed?: string;
  cold?: boolean;
}

/** One that is about to be made. */
export interface Plan {
  name: string;
  stack: string;
  file: StackFile;
  lease: Lease;
}

export interface Order {
  of: string;
  plans: Plan[];
  secrets: Record<string, string>;
  commit: string | undefined;
  seed: Seed | undefined;
  outside: Outside;
}

/** What comes of the environment for sandboxes, and of the stack that they are made after. */
interface Keys {
  /** Which key for models: `shared` or `own`. */
  models: "shared" | "own";
  bot: string | undefined;
  secrets: Record<string, string>;
}

/**
 * Everything that can be refused is, before anything is made.
 *
 * @param scratchFolder makes a folder for what is needed meanwhile
 * @throws CommandError
 */
export async function orderOf(
  said: string[],
  options: CreateOptions,
  scratchFolder: () => string,
  say: (text: string, name?: string) => void,
): Promise<Order> {
  const of = options.from;
  const template = readTemplate();
  const lifetime = lifetimeOf(options, template.ttl);
  const commit = options.ref === undefined ? undefined : await commitOf(options.ref);
  const parent = readStackFile(of);
  const parentSecrets = await stackSecrets({ stack: of }).catch((): Record<string, string> => ({}));
  const keys = keysOf(parentSecrets);
  const outside = await outsideOf(of);
  const there = await whatIsThere(outside);
  const names = await namesOf(said, options, there.names);
  refuseShared(names, keys.bot, await standing(there, outside, { stack: of, secrets: parentSecrets }));

  const set = { ...readSettings(options.set ?? []), ...(options.size === undefined ? {} : { size: options.size }) };
  const origin = await originOf();
  const marks = { [MODELS_KEY]: keys.models, ...(commit === undefined ? {} : { [COMMIT]: commit }) };
  const plans: Plan[] = [];
  for (const name of names) {
    const stack = stackOf(name);
    const wish = { of, stack, lifetime: { ...lifetime, origin }, template: template.config, set };
    const file = sandboxFile(parent, { ...wish, telegram: keys.bot !== undefined });
    const looked = { account: outside.account, cold: options.cold === true, say: (text: string) => say(text, name) };
    const config = { ...file.config, ...marks, ...(await imageKeys(file, looked)) };
    plans.push({ name, stack, file: { ...file, config }, lease: { name, expires: lifetime.expires, origin } });
  }
  const catalogue = await liveCatalogue(outside.account);
  const wanted = plans.map(({ name, file }) => ({
    name,
    monthlyUsd: priceOf(catalogue, file.config?.["hermes:size"]),
  }));
  refuseBeyond(template, pricesOf(there, catalogue, wanted[0]?.monthlyUsd ?? 0), wanted);
  const missing = leftOutServers(parent);
  if (missing.length > 0) say(`without the MCP servers that need a secret of ${of}: ${missing.join(", ")}`);
  const seed = options.seed === undefined ? undefined : await seedOf(options.seed, of, parentSecrets, scratchFolder());
  return { of, plans, secrets: keys.secrets, commit, seed, outside };
}

function lifetimeOf({ ttl, idle }: CreateOptions, standard: string): { expires: Date; idle?: string } {
  if (idle !== undefined && minutesOf(idle) === undefined)
    throw new CommandError(`--idle ${idle}: whole minutes, hours or days, such as 1h`, EXIT.usage);
  const expires = new Date(Date.now() + ttlMinutes(ttl ?? standard) * 60_000);
  return { expires, ...(idle === undefined ? {} : { idle }) };
}

function keysOf(parentSecrets: Record<string, string>): Keys {
  const own = process.env["SANDBOX_OPENROUTER_API_KEY"] || undefined;
  const bot = process.env["SANDBOX_TELEGRAM_BOT_TOKEN"] || undefined;
  const openrouterApiKey = own ?? parentSecrets["openrouterApiKey"];
  return {
    models: own === undefined ? "shared" : "own",
    bot,
    secrets: {
      ...(openrouterApiKey === undefined ? {} : { openrouterApiKey }),
      ...(bot === undefined ? {} : { telegramBotToken: bot }),
    },
  };
}

/** Those that were said; else one that is told by the pull request or the branch, and free. */
async function namesOf(said: string[], options: CreateOptions, takenNames: ReadonlySet<string>): Promise<string[]> {
  const count = wholeNumber("--count", options.count ?? "1", 100);
  if (said.length > 1 && count > 1) throw new CommandError("several names, or --count with one", EXIT.usage);
  if (said.length > 1 || (said.length === 1 && count === 1)) return [...new Set(said.map(saidName))];
  const branch = await branchHere();
  const derived = nameAfter({ forgeRef: process.env["GITHUB_REF"], ref: options.ref, branch });
  const wanted = said[0] === undefined ? derived : saidName(said[0]);
  if (wanted === undefined)
    throw new CommandError(
      "a name is needed: there is no branch to call it after. hermes sandbox create NAME",
      EXIT.usage,
    );
  return freeNames(wanted, count, takenNames);
}

export function wholeNumber(option: string, value: string, max: number): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= max) return number;
  throw new CommandError(`${option} ${value}: a whole number from 1 to ${max}`, EXIT.usage);
}
