import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { baseName } from "../../config/names";
import { botTag, minutesOf, type Lease } from "../../config/sandbox";
import { isMap } from "../../digitalocean/account";
import { findSize } from "../../planner";
import type { Inventory, SandboxStack } from "../../sweep/sandboxes";
import { text } from "../../sweep/things";
import { CommandError, EXIT } from "../output";
import { liveCatalogue } from "../plan/live-catalogue";
import { asMap } from "../../config/look-up";
import { stackValues } from "../plan/stack-values";
import { stackOutputs, stackSecrets, type StackOutputs } from "../stack";
import { refuseBeyond, type Priced } from "./caps";
import { branchHere, commitOf, inProgram } from "./checkout";
import { refuseShared, type Standing } from "./collisions";
import { COMMIT, leftOutServers, MODELS_KEY, sandboxFile, type StackFile } from "./file";
import { imageKeys } from "./image";
import { freeNames, nameAfter, saidName, stackOf } from "./names";
import { originOf } from "./origin";
import { inventory, outsideOf, takeLease, type Outside } from "./outside";
import { settleAll, type Settled } from "./parallel";
import { ownSecrets } from "./secrets";
import { seedOf, type Seed } from "./seed";
import { beginPhase, createSandbox, readStackFile, removeSandbox, sandboxStacks, upSandbox } from "./stack";
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

/** A sandbox that came up. */
export interface Created {
  name: string;
  stack: string;
  expires: string;
  outputs: StackOutputs;
  /** From its first call to the agent's answer. */
  seconds: number;
}

/** One that is about to be made. */
interface Plan {
  name: string;
  stack: string;
  file: StackFile;
  lease: Lease;
}

interface Order {
  of: string;
  plans: Plan[];
  secrets: Record<string, string>;
  commit: string | undefined;
  seed: Seed | undefined;
  outside: Outside;
}

export interface Telling {
  /** @param name of the sandbox that it is about; absent: of all */
  say: (text: string, name?: string) => void;
  signal: AbortSignal;
}

/** Everything that can be refused is, before anything is made. @throws CommandError */
export async function createSandboxes(
  said: string[],
  options: CreateOptions,
  telling: Telling,
): Promise<{ name: string; result: Settled<Created> }[]> {
  const scratch = mkdtempSync(join(tmpdir(), "hermes-sandbox-"));
  try {
    const order = await orderOf(said, options, scratch, telling);
    const parallel = wholeNumber("--parallel", options.parallel ?? "3", 20);
    const results = await settleAll(order.plans, parallel, (plan) => make(plan, order, telling));
    return order.plans.map(({ name }, index) => ({ name, result: results[index] as Settled<Created> }));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function orderOf(said: string[], options: CreateOptions, scratch: string, { say }: Telling): Promise<Order> {
  const of = options.from;
  const parent = readStackFile(of);
  const template = readTemplate();
  const set = { ...readSettings(options.set ?? []), ...(options.size === undefined ? {} : { size: options.size }) };
  if (options.idle !== undefined && minutesOf(options.idle) === undefined)
    throw new CommandError(`--idle ${options.idle}: whole minutes, hours or days, such as 1h`, EXIT.usage);
  const commit = options.ref === undefined ? undefined : await commitOf(options.ref);
  const outside = await outsideOf(of);
  const seen = await inventory(outside);
  const stacks = await sandboxStacks();
  const names = await namesOf(said, options, taken(seen, stacks));
  const bot = process.env["SANDBOX_TELEGRAM_BOT_TOKEN"] || undefined;
  const parentSecrets = await stackSecrets({ stack: of }).catch((): Record<string, string> => ({}));
  refuseShared(names, bot, await standing(seen, stacks, outside, { of, parentSecrets }));

  const minutes = ttlMinutes(options.ttl ?? template.ttl);
  const expires = new Date(Date.now() + minutes * 60_000);
  const origin = await originOf();
  const own = process.env["SANDBOX_OPENROUTER_API_KEY"] || undefined;
  const modelsKey = own ?? parentSecrets["openrouterApiKey"];
  const plans = names.map((name): Plan => {
    const stack = stackOf(name);
    const lifetime = { expires, origin, ...(options.idle === undefined ? {} : { idle: options.idle }) };
    const file = sandboxFile(parent, {
      of,
      stack,
      lifetime,
      template: template.config,
      set,
      telegram: bot !== undefined,
    });
    const marks = {
      [MODELS_KEY]: own === undefined ? "shared" : "own",
      ...(commit === undefined ? {} : { [COMMIT]: commit }),
    };
    return { name, stack, file: { ...file, config: { ...file.config, ...marks } }, lease: { name, expires, origin } };
  });
  for (const { name, file } of plans) {
    const looked = { account: outside.account, cold: options.cold === true, say: (text: string) => say(text, name) };
    Object.assign(file.config ?? {}, await imageKeys(file, looked));
  }
  refuseBeyond(template, ...(await prices(plans, seen, stacks, outside)));
  const missing = leftOutServers(parent);
  if (missing.length > 0) say(`without the MCP servers that need a secret of ${of}: ${missing.join(", ")}`);
  return {
    of,
    plans,
    secrets: {
      ...(modelsKey === undefined ? {} : { openrouterApiKey: modelsKey }),
      ...(bot === undefined ? {} : { telegramBotToken: bot }),
    },
    commit,
    seed: options.seed === undefined ? undefined : await seedOf(options.seed, of, parentSecrets, scratch),
    outside,
  };
}

const taken = ({ things, leases }: Inventory, stacks: readonly SandboxStack[]): Set<string> =>
  new Set([...things.map(({ sandbox }) => sandbox), ...[...leases, ...stacks].map(({ name }) => name)]);

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

async function standing(
  seen: Inventory,
  stacks: readonly SandboxStack[],
  { account, tailnet }: Outside,
  { of, parentSecrets }: { of: string; parentSecrets: Record<string, string> },
): Promise<Standing> {
  const devices = (await tailnet?.devices()) ?? [];
  const files = readdirSync(process.cwd()).flatMap((each) => /^Pulumi\.(.+)\.yaml$/.exec(each)?.[1] ?? []);
  const hostnames = new Map([
    ...devices.flatMap(({ name, hostname }): [string, string][] =>
      [hostname, name.split(".")[0] ?? name].map((each) => [each, `the node ${name}`]),
    ),
    ...files.map((stack): [string, string] => [hostnameIn(stack), `the stack ${stack}`]),
  ]);
  const parentBot = botTag(parentSecrets["telegramBotToken"] ?? "");
  const bots = new Map<string, string>(parentBot === undefined ? [] : [[parentBot, `the stack ${of}`]]);
  for (const droplet of await account.list("droplets"))
    for (const tag of Array.isArray(droplet["tags"]) ? droplet["tags"].map(String) : [])
      if (tag.startsWith("hermes-telegram-bot:")) bots.set(tag, `the droplet ${text(droplet, "name")}`);
  return { sandboxes: taken(seen, stacks), hostnames, bots };
}

function hostnameIn(stack: string): string {
  const { hostname } = asMap(stackValues(process.cwd(), stack)?.["tailnet"]);
  return typeof hostname === "string" ? hostname : baseName(stack);
}

/** What is there, and what is wanted; a sandbox whose droplet is not there yet counts as those that are wanted. */
async function prices(
  plans: readonly Plan[],
  seen: Inventory,
  stacks: readonly SandboxStack[],
  { account }: Outside,
): Promise<[Priced[], Priced[]]> {
  const catalogue = await liveCatalogue(account);
  const priceOf = (size: unknown): number => findSize(catalogue, String(size))?.monthlyUsd ?? 0;
  const wanted = plans.map(({ name, file }) => ({ name, monthlyUsd: priceOf(file.config?.["hermes:size"]) }));
  const there = [...taken(seen, stacks)].map((name): Priced => {
    const droplets = seen.things.filter((one) => one.kind === "droplet" && one.sandbox === name);
    const known = droplets.map(({ entry = {} }) =>
      isMap(entry["size"]) && typeof entry["size"]["price_monthly"] === "number"
        ? entry["size"]["price_monthly"]
        : priceOf(entry["size_slug"]),
    );
    return { name, monthlyUsd: known.length === 0 ? (wanted[0]?.monthlyUsd ?? 0) : known.reduce((a, b) => a + b) };
  });
  return [there, wanted];
}

async function make(plan: Plan, order: Order, { say, signal }: Telling): Promise<Created> {
  const started = Date.now();
  const { name, stack, file, lease } = plan;
  const tell = (text: string): void => say(text, name);
  try {
    if (signal.aborted) throw new CommandError("interrupted", EXIT.interrupted);
    tell(`stack ${stack}, until ${lease.expires.toISOString().slice(0, 16)}Z`);
    await createSandbox({ stack, of: order.of, file, secrets: ownSecrets(file, order.secrets) });
    await takeLease(order.outside.account, lease);
    await inProgram(stack, order.commit, (workDir) => upSandbox(stack, { signal, say: tell, workDir }));
    if (order.seed !== undefined) await order.seed.into(stack, { signal, say: tell });
    beginPhase(stack, "made");
    const created = { name, stack, expires: lease.expires.toISOString(), outputs: await stackOutputs({ stack }) };
    const seconds = Math.round((Date.now() - started) / 1000);
    tell(`up after ${seconds} s`);
    return { ...created, seconds };
  } catch (error) {
    if (!signal.aborted) throw error;
    tell("interrupted: it is removed");
    await removeSandbox(name, order.outside, { say: tell });
    throw new CommandError("interrupted, and removed", EXIT.interrupted);
  }
}
