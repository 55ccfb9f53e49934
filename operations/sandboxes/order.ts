// What is to be made, and whether it may be.
import { IDLE_RULE, type Lease } from "../../config/sandbox";
import { CommandError, EXIT } from "../../lib/output";
import type { Catalogue } from "../../planner/catalogue";
import { liveCatalogue } from "../plan/live-catalogue";
import { duration, wholeNumber } from "../stack/input";
import { stackSecrets } from "../stack/reach";
import { refuseBeyond } from "./caps";
import { refuseWrongFile, type FileCheck } from "./check";
import { branchHere, commitOf } from "./checkout";
import { refuseShared } from "./collisions";
import { priceOf, pricesOf, standing, whatIsThere } from "./existing";
import { COMMIT, leftOutServers, MODELS_KEY, sandboxFile, type StackFile } from "./file";
import { imageKeys } from "./image";
import { freeNames, nameAfter, saidName, stackOf } from "./names";
import { originOf } from "./origin";
import { outsideOf, type Outside } from "./outside";
import { ownSecrets } from "./secrets";
import { checkSeed, seedOf, type Seed } from "./seed";
import { readStackFile } from "./stack";
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
  check: FileCheck;
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
  const set = settingsOf(options);
  const wanted = wantedNames(said, options);
  if (options.seed !== undefined) checkSeed(options.seed);
  const template = readTemplate();
  const lifetime = lifetimeOf(options, template.ttl);
  const commit = options.ref === undefined ? undefined : await commitOf(options.ref);
  const parent = readStackFile(of);
  const parentSecrets = await stackSecrets({ stack: of }).catch((): Record<string, string> => ({}));
  const keys = keysOf(parentSecrets);
  const outside = await outsideOf(of);
  const there = await whatIsThere(outside);
  const names = await namesOf(wanted, options, there.names);
  refuseShared(names, keys.bot, await standing(there, outside, { stack: of, secrets: parentSecrets }));

  const origin = await originOf();
  const marks = { [MODELS_KEY]: keys.models, ...(commit === undefined ? {} : { [COMMIT]: commit }) };
  const plans: Plan[] = [];
  const catalogue = await liveCatalogue(outside.account);
  for (const name of names) {
    const stack = stackOf(name);
    const wish = { of, stack, lifetime: { ...lifetime, origin }, template: template.config, set };
    const file = sandboxFile(parent, { ...wish, telegram: keys.bot !== undefined });
    const looked = { account: outside.account, cold: options.cold === true, say: (text: string) => say(text, name) };
    const config = { ...file.config, ...marks, ...(await imageKeys(file, looked)) };
    const whole = { stack, file: { ...file, config } };
    const lease = { name, expires: lifetime.expires, origin };
    plans.push({ name, ...whole, lease, check: fileCheck(whole, { set, options, keys, catalogue }) });
  }
  // The program of another commit has rules of its own.
  if (commit === undefined) for (const { check } of plans) refuseWrongFile(check);
  const priced = plans.map(({ name, file }) => ({
    name,
    monthlyUsd: priceOf(catalogue, file.config?.["hermes:size"]),
  }));
  refuseBeyond(template, pricesOf(there, catalogue, priced[0]?.monthlyUsd ?? 0), priced);
  const missing = leftOutServers(parent);
  if (missing.length > 0) say(`without the MCP servers that need a secret of ${of}: ${missing.join(", ")}`);
  const seed = options.seed === undefined ? undefined : await seedOf(options.seed, of, parentSecrets, scratchFolder());
  return { of, plans, secrets: keys.secrets, commit, seed, outside };
}

function fileCheck(
  { stack, file }: Pick<Plan, "stack" | "file">,
  { set, options, keys, catalogue }: { set: object; options: CreateOptions; keys: Keys; catalogue: Catalogue },
): FileCheck {
  const named: Record<string, string> = Object.fromEntries(Object.keys(set).map((path) => [path, `--set ${path}`]));
  const size = options.size === undefined ? {} : { size: "--size" };
  const secrets = ownSecrets(file, keys.secrets);
  return { stack, file, secrets, catalogue, options: { ...named, ...size } };
}

function lifetimeOf({ ttl, idle }: CreateOptions, standard: string): { expires: Date; idle?: string } {
  if (idle !== undefined) duration("--idle", idle, IDLE_RULE);
  const expires = new Date(
    Date.now() + ttlMinutes(ttl ?? standard, ttl === undefined ? "Pulumi.sandbox.yaml: sandbox.ttl" : "--ttl") * 60_000,
  );
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

interface WantedNames {
  names: string[];
  count: number;
}

/** @throws CommandError */
function wantedNames(said: string[], options: CreateOptions): WantedNames {
  const allowed = "A number of sandboxes from 1 to 100.";
  const count = wholeNumber("--count", options.count ?? "1", { min: 1, max: 100, allowed, such: 2 });
  if (said.length > 1 && count > 1)
    throw new CommandError("Use either several names or --count, not both.", EXIT.usage);
  return { names: [...new Set(said.map(saidName))], count };
}

/** Those that were said; else one that is told by the pull request or the branch, and free. */
async function namesOf(
  { names, count }: WantedNames,
  options: CreateOptions,
  takenNames: ReadonlySet<string>,
): Promise<string[]> {
  if (names.length > 0 && count === 1) return names;
  const branch = await branchHere();
  const wanted = names[0] ?? nameAfter({ forgeRef: process.env["GITHUB_REF"], ref: options.ref, branch });
  if (wanted === undefined)
    throw new CommandError(
      "<name> is missing, and there is no branch to call the sandbox after. Write ./hermes sandbox create NAME.",
      EXIT.usage,
    );
  return freeNames(wanted, count, takenNames);
}

/** How many are worked on at a time. @throws CommandError */
export const parallelOf = (value: string): number =>
  wholeNumber("--parallel", value, {
    ...{ min: 1, max: 20, such: 3 },
    allowed: "A number of sandboxes at a time from 1 to 20.",
  });

const settingsOf = ({ set = [], size }: CreateOptions): Record<string, unknown> => ({
  ...readSettings(set),
  ...(size === undefined ? {} : { size }),
});
