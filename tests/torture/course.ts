import { spawn } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { collectOutput, type Ended } from "../engine/harness";
import type { Case } from "./cases";
import { differences, endState, leftKeys, type EndState, type Raw } from "./end-state";
import type { PassedCall } from "./ledger";
import { afterSweep, lastWords, nextMove } from "./user";
import { startWorld, type World } from "./world";

const PROJECT = join(__dirname, "..", "..");
/** Runs of the same command after the struck one. */
const MOST_RUNS = 3;
/** A guard against a run that hangs: one that it kills leaves its lock, and takes another course. */
const RUN_TIMEOUT_MS = 600_000;
/** How long a droplet may take to become active, where it cannot before the run ends. */
const PATIENCE = "4s";

const COMMANDS: Record<Case["act"], string[]> = {
  up: ["up", "--yes", "--skip-preview"],
  edit: ["up", "--yes", "--skip-preview"],
  destroy: ["destroy", "--yes", "--skip-preview", "--exclude-protected"],
};

/** The same again. A destroy that was cut off looks first: the providers take what is gone already for a failure. */
const AGAIN: Record<Case["act"], string[]> = { ...COMMANDS, destroy: [...COMMANDS.destroy, "--refresh"] };

export interface Result {
  /** Ended as a clean run does. */
  ok: boolean;
  /** The struck run ended green. */
  green: boolean;
  /** False: the call that was to be struck did not come. */
  struck: boolean;
  /** What was done after the struck run, in order. */
  moves: string[];
  /** Auth keys left in the tailnet, which end by themselves within the hour. */
  leftKeys: number;
  differences: string[];
  /** What the last run said, where it did not converge. */
  words: string[];
  seconds: number;
}

/** A clean run of a command: its calls, and what it leaves. */
export interface Clean {
  calls: PassedCall[];
  end: EndState;
}

export async function cleanRun({ act, stack }: Pick<Case, "act" | "stack">): Promise<Clean> {
  const world = await startWorld(stack);
  try {
    await prepare(world, act);
    world.ledger.arm();
    await mustRun(world, COMMANDS[act]);
    const calls = world.ledger.calls.map((call) => ({ ...call }));
    // A second run, as every case has one: it clears the first one's marks.
    await mustRun(world, COMMANDS[act]);
    return { calls, end: endState(await rawState(world)) };
  } finally {
    await world.stop();
  }
}

/** Strikes one call of a run, then does what the messages say, and compares with a clean run. */
export async function runCase(each: Case, clean: EndState): Promise<Result> {
  const started = Date.now();
  const world = await startWorld(each.stack);
  try {
    await prepare(world, each.act);
    world.ledger.arm(each);
    const env: Record<string, string> = each.kind.endsWith("until the end") ? { HERMES_TEST_PATIENCE: PATIENCE } : {};
    const first = await world.pulumi(COMMANDS[each.act], { timeoutMs: RUN_TIMEOUT_MS, env });
    await world.ledger.quiet();
    const struck = world.ledger.calls.some((call) => call.struck);
    world.ledger.arm();
    const { last, moves } = await converge(world, each, first);
    const raw = await rawState(world);
    const found = last.code === 0 ? differences(clean, endState(raw)) : ["the last run failed"];
    return {
      ok: found.length === 0 && struck,
      green: first.code === 0,
      struck,
      moves,
      leftKeys: leftKeys(raw),
      differences: found,
      words: found.length === 0 ? [] : lastWords(last),
      seconds: Math.round((Date.now() - started) / 1000),
    };
  } finally {
    await world.stop();
  }
}

/** What the struck command begins with: nothing, or a stack that is up. */
async function prepare(world: World, act: Case["act"]): Promise<void> {
  if (act !== "up") await mustRun(world, COMMANDS.up);
  if (act === "edit") world.edit();
}

async function converge(world: World, { act }: Case, first: Ended): Promise<{ last: Ended; moves: string[] }> {
  const moves: string[] = [];
  let last = first;
  let command = AGAIN[act];
  for (let runs = 0; ;) {
    const move = nextMove({ act, code: last.code, output: last.output, runs });
    if (move === "done" || (["again", "look"].includes(move) && runs >= MOST_RUNS) || moves.length > 2 * MOST_RUNS + 2)
      break;
    if (move === "refresh") {
      // What was interrupted has been made since, or again; the mark of it goes only by this.
      await mustRun(world, ["refresh", "--yes", "--skip-preview", "--clear-pending-creates"]);
      moves.push("refresh");
      break;
    }
    if (move === "cancel") await mustRun(world, ["cancel", "--yes"]);
    if (move === "sweep") {
      const swept = await sweep(world);
      moves.push(swept.volumes ? "sweep --volumes" : "sweep");
      command = [...COMMANDS.up, ...swept.next.slice(1)];
    }
    if (move === "cancel") moves.push("cancel");
    if (move === "look") command = [...COMMANDS[act], "--refresh"];
    last = await world.pulumi(command, { timeoutMs: RUN_TIMEOUT_MS });
    moves.push([command[0], command.find((word) => word === "--replace" || word === "--refresh")].join(" ").trim());
    if (last.code === 0) command = AGAIN[act];
    if (!/locked by \d+ lock/.test(last.output)) runs++;
  }
  return { last, moves };
}

async function mustRun(world: World, args: string[]): Promise<void> {
  const ended = await world.pulumi(args, { timeoutMs: RUN_TIMEOUT_MS });
  if (ended.code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${ended.code}:\n${ended.output}`);
}

/** The real command, as a person types it; with --volumes where it says so. */
async function sweep(world: World): Promise<{ next: string[]; volumes: boolean }> {
  const first = await hermes(world, ["sweep", "--stack", "hermes", "--yes"]);
  const volumes = first.stdout.includes("add --volumes");
  const last = volumes ? await hermes(world, ["sweep", "--stack", "hermes", "--yes", "--volumes"]) : first;
  if (last.code !== 0) throw new Error(`hermes sweep ended with ${last.code}:\n${last.output}`);
  return { next: afterSweep(first.stdout), volumes };
}

function hermes(world: World, args: string[]): Promise<Ended> {
  const { dir, environment } = world.bench;
  try {
    symlinkSync(join(PROJECT, "Pulumi.yaml"), join(dir, "Pulumi.yaml"));
  } catch {
    // There since the first time.
  }
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(PROJECT, "cli/hermes.js"), ...args], { cwd: dir, env: environment });
    const ended = collectOutput(child);
    child.once("error", reject);
    child.once("close", (code) => resolve({ ...ended, code }));
  });
}

async function rawState({ bench, droplets }: World): Promise<Raw> {
  await bench.digitalocean.idle();
  bench.digitalocean.handleControl("state");
  return structuredClone({
    deployment: bench.deployment(),
    digitalocean: bench.digitalocean.state as unknown as Raw["digitalocean"],
    tailnet: {
      devices: bench.tailscale.devices,
      keys: [...bench.tailscale.keys.values()] as unknown as Raw["tailnet"]["keys"],
    },
    applied: Object.fromEntries(droplets.applied),
  });
}
