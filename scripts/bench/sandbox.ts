/**
 * How long sandboxes take side by side, and how many calls each makes of DigitalOcean's API: 1, 5 and 10 whose droplets boot
 * nothing, then (with `--booted`) 1 and 3 real ones in the embedded cloud. What matters are the ratios: to one alone, in the
 * same run on the same machine. `--parallel N` so many at a time (3). `--json` prints one document.
 */
import { grid } from "../../operations/sandboxes/list";
import { startSandboxWorld } from "../../tests/fixtures/sandbox-world";
import { inLab, npmStart, runBench } from "./lab";

interface Measured {
  what: string;
  count: number;
  createSeconds: number;
  destroySeconds: number;
  /** Of DigitalOcean's API, for each. */
  callsToCreate: number;
  callsToDestroy: number;
}

type Hermes = (...args: string[]) => Promise<{ code: number | null; stdout: string; stderr: string }>;

const option = (name: string): string | undefined => process.argv[process.argv.indexOf(name) + 1];
const parallel = process.argv.includes("--parallel") ? (option("--parallel") ?? "3") : "3";

async function measure(what: string, count: number, hermes: Hermes, calls: () => Promise<number>): Promise<Measured> {
  const timed = async (...args: string[]): Promise<{ seconds: number; calls: number }> => {
    const [started, before] = [Date.now(), await calls()];
    const { code, stdout, stderr } = await hermes("sandbox", ...args, "--parallel", parallel);
    if (code !== 0) throw new Error(`./hermes sandbox ${args.join(" ")} ended with ${code}:\n${stderr}${stdout}`);
    return { seconds: (Date.now() - started) / 1000, calls: ((await calls()) - before) / count };
  };
  const names = count === 1 ? ["b"] : Array.from({ length: count }, (_, index) => `b-${index + 1}`);
  const created = await timed("create", ...names);
  const destroyed = await timed("destroy", ...names);
  return {
    ...{ what, count, createSeconds: created.seconds, destroySeconds: destroyed.seconds },
    ...{ callsToCreate: created.calls, callsToDestroy: destroyed.calls },
  };
}

async function recorded(): Promise<Measured[]> {
  const world = await startSandboxWorld();
  try {
    const calls = async (): Promise<number> => world.bench.digitalocean.calls.length;
    // The first one warms the caches of the disk for all.
    await measure("", 1, world.hermes, calls);
    const all: Measured[] = [];
    for (const count of [1, 5, 10]) all.push(await measure("recorded", count, world.hermes, calls));
    return all;
  } finally {
    await world.stop();
  }
}

async function booted(): Promise<Measured[]> {
  return inLab(async (project) => {
    await npmStart(project);
    const hermes: Hermes = (...args) => project.exec(["node", "cli/hermes.js", ...args]);
    const calls = async (): Promise<number> => (await project.control<unknown[]>("digitalocean/calls")).length;
    const all: Measured[] = [];
    for (const count of [1, 3]) all.push(await measure("booted", count, hermes, calls));
    return all;
  });
}

/** Beside one of its kind alone. */
function rows(all: readonly Measured[]): string[][] {
  const head = ["droplets", "count", "create", "to one", "each", "destroy", "to one", "calls to create", "to destroy"];
  const times = (value: number): string => `${value.toFixed(2)}×`;
  return [
    head,
    ...all.map((one) => {
      const alone = all.find(({ what, count }) => what === one.what && count === 1) ?? one;
      return [
        ...[one.what, String(one.count), `${one.createSeconds.toFixed(1)} s`],
        times(one.createSeconds / alone.createSeconds),
        times(one.createSeconds / alone.createSeconds / one.count),
        `${one.destroySeconds.toFixed(1)} s`,
        times(one.destroySeconds / alone.destroySeconds),
        ...[one.callsToCreate.toFixed(1), one.callsToDestroy.toFixed(1)],
      ];
    }),
  ];
}

async function main(): Promise<void> {
  const all = [...(await recorded()), ...(process.argv.includes("--booted") ? await booted() : [])];
  process.stdout.write(process.argv.includes("--json") ? `${JSON.stringify(all)}\n` : grid(rows(all)));
}

runBench(main);
