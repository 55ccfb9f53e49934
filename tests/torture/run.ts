// npm run torture: every failure of a call that `up` and `destroy` make. docs/torture.md tells what it proves.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { enumerate, isRemote, select, type Case } from "./cases";
import { cleanRun, runCase, type Clean, type Result } from "./course";
import type { PassedCall } from "./ledger";
import { summary, wayOf, withSummary, type Finished } from "./summary";
import { stopAllWorlds } from "./world";

const PROJECT = join(__dirname, "..", "..");
const KEPT = join(PROJECT, ".hermes", "torture", "results.json");
const DOCUMENT = join(PROJECT, "docs", "torture.md");

const USAGE = `usage: npm run torture -- [--seed N] [--sample N|all] [--only REGEX] [--minutes N] [--workers N] [--fresh] [--list]
  --seed     draws the sample of the kinds that not every call gets (default 1)
  --sample   how many of those (default all)
  --only     cases whose name matches
  --minutes  starts no further case after that time (default 60); the next run goes on from there
  --workers  cases at a time (default 2)
  --fresh    forgets what earlier runs found; without it what did not converge is run again
  --list     names the cases and runs none`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    sample: { type: "string", default: "all" },
    only: { type: "string" },
    minutes: { type: "string", default: "60" },
    workers: { type: "string", default: "2" },
    fresh: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const workers = Number(values.workers);

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const GROUPS = [
  { act: "up", stack: "volume" },
  // Without a volume nothing keeps a second droplet out: what differs is what comes after its creation.
  { act: "up", stack: "bare" },
  { act: "edit", stack: "volume" },
  { act: "destroy", stack: "volume" },
] as const;

const cleanName = ({ act, stack }: Pick<Case, "act" | "stack">): string => `${stack} ${act}`;

async function main(): Promise<number> {
  if (values.help) return (say(USAGE), 2);
  const seed = Number(values.seed);
  // Not the time of day: a test beside it may set the clock.
  const started = performance.now();
  const clean = new Map<string, Clean>();
  for (const group of GROUPS) clean.set(cleanName(group), await cleanRun(group));
  const all = GROUPS.flatMap((group) => {
    const { calls } = clean.get(cleanName(group)) as Clean;
    return enumerate(group.act, group.stack, calls.filter(matters(group)));
  });
  const only = new RegExp(values.only ?? "");
  const chosen = select(all, values.sample === "all" ? Infinity : Number(values.sample), seed).filter(({ id }) =>
    only.test(id),
  );
  if (values.list) return (chosen.forEach(({ id }) => say(id)), 0);
  const finished = new Map(values.fresh ? [] : kept());
  const todo = chosen.filter(({ id }) => finished.get(id)?.result.ok !== true);
  say(`${chosen.length} of ${all.length} cases, seed ${seed}; ${todo.length} to run`);
  const until = started + Number(values.minutes) * 60_000;
  const worker = async (): Promise<void> => {
    for (
      let each = todo.shift();
      each !== undefined && performance.now() < until && !interrupted;
      each = todo.shift()
    ) {
      const result = await run(each, clean.get(cleanName(each)) as Clean);
      if (interrupted) return;
      finished.set(each.id, { id: each.id, case: each, result });
      keep([...finished.values()]);
      say(
        `${wayOf(result).padEnd(10)}${String(result.seconds).padStart(4)} s  ${each.id}  [${result.moves.join(", ")}]`,
      );
      for (const line of [...result.differences, ...result.words]) say(`    ${line}`);
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return end(chosen, all.length, finished, seed);
}

/** Calls that are the same in another group are struck there. */
const matters = ({ act, stack }: (typeof GROUPS)[number]): ((call: PassedCall) => boolean) =>
  act === "edit" ? isRemote : stack === "bare" ? ofDroplet : () => true;

const ofDroplet = ({ name, nth }: PassedCall): boolean =>
  /POST \/v2\/droplets$|GET \/v2\/droplets\/ID$/.test(name) || (name.endsWith("GET /v2/droplets") && nth === 2);

/** A case that breaks the runner itself is a result too. */
async function run(each: Case, clean: Clean): Promise<Result> {
  return runCase(each, clean.end).catch((error: Error) => ({
    ok: false,
    green: false,
    struck: true,
    moves: [],
    leftKeys: 0,
    differences: [error.message.slice(0, 2000)],
    words: [],
    seconds: 0,
  }));
}

function end(chosen: Case[], enumerated: number, finished: Map<string, Finished>, seed: number): number {
  const mine = chosen.flatMap(({ id }) => finished.get(id) ?? []);
  const text = summary(mine, { date: new Date().toISOString().slice(0, 10), seed, enumerated });
  say(`\n${text}`);
  if (mine.length < chosen.length) say(`\n${chosen.length - mine.length} cases are left: run it again`);
  else if (values.only === undefined) writeFileSync(DOCUMENT, withSummary(readFileSync(DOCUMENT, "utf8"), text));
  return mine.every(({ result }) => result.ok) ? 0 : 3;
}

function kept(): [string, Finished][] {
  try {
    return (JSON.parse(readFileSync(KEPT, "utf8")) as Finished[]).map((each) => [each.id, each]);
  } catch {
    return [];
  }
}

/** Whole or not at all: an interrupted run goes on from it. */
function keep(finished: Finished[]): void {
  mkdirSync(join(KEPT, ".."), { recursive: true });
  writeFileSync(`${KEPT}.new`, JSON.stringify(finished, null, 1));
  renameSync(`${KEPT}.new`, KEPT);
}

let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    interrupted = true;
    say(`${signal}: stopping`);
    void stopAllWorlds();
  });
}

main().then(
  (code) => (process.exitCode = interrupted ? 130 : code),
  (error: Error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    process.exitCode = 1;
  },
);
