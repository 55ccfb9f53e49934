import type { Command } from "commander";
import { untilInterrupted } from "../lib/interrupted";
import { CommandError, EXIT, table } from "../lib/output";
import { commentAccess, commentGone } from "../operations/sandboxes/comment";
import { createSandboxes, NothingMade, type Created } from "../operations/sandboxes/create";
import { extendSandbox, mustBeHere, noSandbox, recreateSandbox } from "../operations/sandboxes/life";
import { accessRows, listed, listText, takeInventory, shownOf, shownRows } from "../operations/sandboxes/list";
import { saidName, stackOf } from "../operations/sandboxes/names";
import { parallelOf, type CreateOptions } from "../operations/sandboxes/order";
import { outsideOf } from "../operations/sandboxes/outside";
import { settleAll, type Settled } from "../operations/sandboxes/parallel";
import { mustBeSandbox, removeSandbox } from "../operations/sandboxes/stack";
import { sweepSandboxes, sweptText } from "../operations/sandboxes/sweep";
import { readTemplate, ttlMinutes } from "../operations/sandboxes/template";

interface Common {
  from: string;
  json?: boolean;
}

interface Commenting extends Common {
  comment?: boolean;
}

/** What was asked of several sandboxes, and what came of each. */
type Results<R> = { name: string; result: Settled<R> }[];

export function addSandboxCommands(hermes: Command): void {
  const sandbox = hermes.command("sandbox").description("Manage temporary copies of a stack (docs/sandbox.md)");
  const common = (command: Command) =>
    command.option("--from <stack>", "stack to copy", "hermes").option("--json", "one JSON document on stdout");
  common(sandbox.command("create"))
    .description("Create one or more sandboxes, named after the pull request or branch unless you pass a name")
    .argument("[name...]", "lower-case letters, digits and -")
    .option("--ttl <duration>", "time to live: 30m, 4h, 2d (default: from Pulumi.sandbox.yaml)")
    .option("--size <slug>", "size of its droplet")
    .option("--set <key=value...>", "override a value of the stack's file, such as models.primary=…")
    .option("--ref <git-ref>", "use the program of another branch, tag or commit")
    .option("--count <n>", "create N sandboxes: NAME-1, NAME-2, …")
    .option("--parallel <n>", "number to create at a time", "3")
    .option("--idle <duration>", "shut down after this time without agent activity")
    .option("--seed <backup>", "restore a backup: a file, or one from the bucket (latest)")
    .option("--cold", "use the plain image even if there is a baked one")
    .option("--comment", "in CI: comment on the pull request with how to connect")
    .action(async (names: string[], options: CreateOptions & Commenting) => runCreate(names, options));
  common(sandbox.command("list"))
    .description("List all sandboxes in the account, including those of others")
    .action(runList);
  common(sandbox.command("show"))
    .description("Show a sandbox and how to connect to it")
    .argument("<name>")
    .action(runShow);
  common(sandbox.command("extend"))
    .description("Set a new time to live, counted from now; the droplet does not change")
    .argument("<name>")
    .option("--ttl <duration>", "30m, 4h, 2d (default: from Pulumi.sandbox.yaml)")
    .action(runExtend);
  common(sandbox.command("recreate"))
    .description("Create a new droplet under the same name; its agents' data is lost")
    .argument("<name...>")
    .option("--parallel <n>", "number to recreate at a time", "3")
    .option("--cold", "use the plain image even if there is a baked one")
    .action(runRecreate);
  common(sandbox.command("destroy"))
    .description("Remove all resources of a sandbox and check that they are gone")
    .argument("<name...>")
    .option("--parallel <n>", "number to remove at a time", "3")
    .option("--comment", "in CI: update the comment on the pull request")
    .action(runDestroy);
  common(sandbox.command("sweep"))
    .description("Find sandboxes that expired, shut down, lost their stack or were interrupted; remove them with --yes")
    .option("--dry-run", "only list them (default)")
    .option("--yes", "remove what was found")
    .addHelpText("after", "\nExit codes: 0 nothing is left, 4 found and not removed, 5 the cloud or network failed.")
    .action(runSweep);
}

const progress = (text: string, name?: string): void =>
  void process.stderr.write(`${name === undefined ? "" : `${name.padEnd(12)} `}${text}\n`);

const print = (json: boolean | undefined, value: unknown, text: () => string): void =>
  void process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : text());

const interrupted = (): void => progress("interrupted: what was begun is ended first, which may take a minute");

async function runCreate(names: string[], options: CreateOptions & Commenting): Promise<void> {
  const results = await untilInterrupted(
    (signal) => createSandboxes(names, options, { say: progress, signal }),
    interrupted,
  );
  if (options.comment === true)
    for (const { name, result } of results) progress(`said at ${await commentAccess(name, result)}`, name);
  report(
    results,
    options,
    (created) => createdText(created),
    (name) => `look at it: ./hermes sandbox show ${name}; remove it: ./hermes sandbox destroy ${name}`,
    (error) => error instanceof NothingMade,
  );
}

const createdText = ({ name, stack, expires, outputs, seconds }: Created): string =>
  `${table([
    ["sandbox", `${name}, an agent answers after ${seconds} s`],
    ["until", `${expires.slice(0, 16).replace("T", " ")} UTC`],
    ["tailnet", `${outputs.tailnet.name} (${outputs.tailnet.address})`],
    ["cost", `$${outputs.cost.hourlyUsd} an hour`],
    ...accessRows(name, stack),
  ])}\n`;

/** Refused for what was typed: nothing has changed. */
const isInput = (error: Error): boolean => error instanceof CommandError && error.code === EXIT.input;

/** Each on its own: the exit code is that of the first that failed. */
function report<R>(
  results: Results<R>,
  { json }: Common,
  text: (value: R) => string,
  hint: (name: string) => string,
  isAsBefore: (error: Error) => boolean = isInput,
): void {
  const documents = results.map(({ name, result }) =>
    result.ok ? { name, ok: true, ...result.value } : { name, ok: false, error: result.error.message },
  );
  const texts = results.flatMap(({ result }) => (result.ok ? [text(result.value)] : []));
  print(json, documents, () => texts.join("\n"));
  for (const { name, result } of results)
    if (!result.ok) {
      const told =
        result.error instanceof CommandError ? result.error.message : (result.error.stack ?? String(result.error));
      const code = result.error instanceof CommandError ? result.error.code : EXIT.cloud;
      // Interrupted it was removed.
      const more = code === EXIT.interrupted || isAsBefore(result.error) ? "" : `\n  ${hint(name)}`;
      progress(`hermes: ${name}: ${told}${more}`);
      process.exitCode ??= code;
    }
}

async function runList(options: Common): Promise<void> {
  const all = listed(await takeInventory(await outsideOf(options.from)));
  print(options.json, all, () => listText(all));
}

async function runShow(said: string, options: Common): Promise<void> {
  const name = saidName(said);
  const one = await shownOf(name, await outsideOf(options.from));
  if (one === undefined) throw await noSandbox(said);
  print(options.json, one, () => `${table(shownRows(one))}\n`);
}

async function runExtend(said: string, options: Common & { ttl?: string }): Promise<void> {
  const name = saidName(said);
  const minutes = ttlMinutes(options.ttl ?? readTemplate().ttl);
  const expires = new Date(Date.now() + minutes * 60_000);
  const outside = await outsideOf(options.from);
  const lease = await untilInterrupted(
    (signal) => extendSandbox(name, expires, outside, { signal, say: (text) => progress(text, name) }),
    interrupted,
  );
  const until = lease.expires.toISOString();
  print(
    options.json,
    { name, expires: until },
    () => `${name} is there until ${until.slice(0, 16).replace("T", " ")} UTC\n`,
  );
}

interface Many extends Common {
  parallel: string;
}

async function runRecreate(said: string[], options: Many & { cold?: boolean }): Promise<void> {
  const names = said.map(saidName);
  const parallel = parallelOf(options.parallel);
  for (const name of names) await mustBeHere(name);
  const { account } = await outsideOf(options.from);
  const cold = options.cold === true;
  const settled = await untilInterrupted(
    (signal) =>
      settleAll(names, parallel, async (name) => ({
        name,
        stack: stackOf(name),
        ...(await recreateSandbox(name, { signal, say: (text) => progress(text, name), account, cold })),
      })),
    interrupted,
  );
  report(
    named(names, settled),
    options,
    ({ name, seconds }) => `${name} is a new droplet, an agent answers after ${seconds} s\n`,
    (name) => `again: ./hermes sandbox recreate ${name}; or ./hermes sandbox destroy ${name}`,
  );
}

async function runDestroy(said: string[], options: Many & Commenting): Promise<void> {
  const names = said.map(saidName);
  const parallel = parallelOf(options.parallel);
  for (const name of names) mustBeSandbox(stackOf(name));
  const outside = await outsideOf(options.from);
  // However often somebody asks: half a removal helps nobody.
  const settled = await untilInterrupted(
    () =>
      settleAll(names, parallel, (name) =>
        removeSandbox(name, outside, { say: (text) => progress(text, name) }).then(() => ({ name })),
      ),
    () => progress("interrupted: what is being removed is removed to its end"),
  );
  if (options.comment === true)
    for (const [index, name] of names.entries()) if (settled[index]?.ok === true) await commentGone(name);
  report(
    named(names, settled),
    options,
    ({ name }) => `${name} is gone: nothing of it is at DigitalOcean, on the tailnet, in the engine's state or here\n`,
    (name) => `again: ./hermes sandbox destroy ${name}`,
  );
}

const named = <R>(names: string[], settled: Settled<R>[]): Results<R> =>
  names.map((name, index) => ({ name, result: settled[index] as Settled<R> }));

async function runSweep(options: Common & { yes?: boolean; dryRun?: boolean }): Promise<void> {
  if (options.dryRun === true && options.yes === true)
    throw new CommandError("Use either --dry-run or --yes, not both.", EXIT.usage);
  const swept = await sweepSandboxes(await outsideOf(options.from), { act: options.yes === true, say: progress });
  print(options.json, swept, () => sweptText(swept));
  if (swept.swept.some(({ error }) => error !== undefined)) process.exitCode = EXIT.cloud;
  else if (swept.swept.some(({ act, removed }) => act === "remove" && !removed)) process.exitCode = EXIT.refused;
}
