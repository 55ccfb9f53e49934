import { readdirSync, readFileSync } from "node:fs";
import { startTimeOf } from "../../lib/process-start";
import { waitFor } from "../../localcloud/network";
import { startSandboxWorld, type Running, type SandboxWorld } from "../fixtures/sandbox-world";
import { asRoot, expectSuccess } from "../support/engine";

/**
 * `kill -9` of the command or of its engine at a random moment; a following destroy or sweep leaves nothing. Here three
 * moments, always the same; HERMES_KILLS=20 makes it twenty, HERMES_KILL_SEED=N begins from another seed. Each test's name
 * has its own.
 */
const KILLS = Number(process.env["HERMES_KILLS"] ?? 3);
const FIRST = Number(process.env["HERMES_KILL_SEED"] ?? 101);

jest.setTimeout(1_200_000);

let world: SandboxWorld;

/** Numbers from 0 to 1 that follow from a seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** The engines of this world that run now. */
function engines(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const isEngine = readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "pulumi";
        return isEngine && readFileSync(`/proc/${pid}/environ`, "latin1").includes(world.bench.dir);
      } catch {
        return false;
      }
    })
    .filter((pid) => startTimeOf(pid) !== undefined);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone meanwhile.
  }
}

/** What was asked of the account and the tailnet since it began: how far a run has come, on a slow machine too. */
const calls = (): number => world.bench.digitalocean.calls.length + world.bench.tailscale.calls.length;

/** @returns what was killed, for people */
async function killAt(
  running: Running,
  when: { calls: number; ms: number },
  whom: "command" | "engine",
): Promise<string> {
  const before = calls();
  let isOver = false;
  void running.ended.then(() => (isOver = true));
  const until = (what: string, probe: () => boolean): Promise<true> =>
    waitFor(what, () => isOver || probe(), { timeoutMs: 300_000, everyMs: 5 });
  await until("a call", () => calls() - before >= when.calls);
  await new Promise((resolve) => setTimeout(resolve, when.ms));
  // Between two runs of the engine there is none.
  if (whom === "engine") await until("an engine", () => engines().length > 0);
  if (isOver) return "nothing: it was over";
  (whom === "engine" ? engines() : [running.child.pid ?? 0]).forEach(kill);
  await running.ended;
  return `the ${whom} after ${when.calls} calls and ${when.ms} ms`;
}

asRoot("a sandbox whose making or removal is killed", () => {
  /** How many calls an undisturbed one makes. */
  const usual = { create: 0, destroy: 0 };

  beforeAll(async () => {
    world = await startSandboxWorld();
    for (const verb of ["create", "destroy"] as const) {
      const before = calls();
      expectSuccess(await world.hermes("sandbox", verb, "calm"));
      usual[verb] = calls() - before;
    }
    expect(world.traces()).toEqual({});
  });
  afterAll(() => world?.stop());

  const seeds = Array.from({ length: KILLS }, (_, index) => FIRST + index);
  it.each(seeds)("leaves nothing after a destroy or a sweep (seed %i)", async (seed) => {
    const next = random(seed);
    next();
    const name = `kill-${seed}`;
    const verb = next() < 0.65 ? "create" : "destroy";
    const whom = next() < 0.5 ? "command" : "engine";
    if (verb === "destroy") await world.hermes("sandbox", "create", name);
    const when = { calls: Math.floor(next() * usual[verb]), ms: Math.floor(next() * 1500) };
    const killed = await killAt(world.start(["sandbox", verb, name]), when, whom);
    // Whatever came up in time is no stray: a sweep would leave it.
    const listed = JSON.parse((await world.hermes("sandbox", "list", "--json")).stdout) as {
      name: string;
      state: string;
    }[];
    const isUp = listed.some((one) => one.name === name && one.state === "made");
    const after = isUp || next() < 0.5 ? ["destroy", name] : ["sweep", "--yes"];
    const { code, output } = await world.hermes("sandbox", ...after);
    process.stderr.write(`seed ${seed}: ${verb}, killed ${killed}; ${after.join(" ")}\n`);
    expect({ killed, after, code, output: code === 0 ? "" : output }).toEqual({ killed, after, code: 0, output: "" });
    expect({ killed, after, traces: world.traces() }).toEqual({ killed, after, traces: {} });
  });
});
