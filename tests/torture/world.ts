import { readdirSync, readFileSync } from "node:fs";
import { startTimeOf } from "../../lib/process-start";
import { COMMITTED, PROGRAM, startBench, type Ended, type EngineBench, type RunOptions } from "../engine/harness";
import { editStackFile, encrypted, SECRETS } from "../support/stack-file";
import type { Case } from "./cases";
import { fakeDroplets, type FakeDroplets } from "./droplets";
import { startGate } from "./gate";
import { Ledger } from "./ledger";

/** One thing that is staged with the configuration, and one with the secrets. */
const EDITED = {
  agentModel: "openrouter/google/gemma-4-26b-a4b-it:free",
  gatewayToken: "another-gateway-token-of-more-than-32-characters",
};

/** The hermes program on a real engine, over an account and a tailnet that nobody else uses, with a gate before both. */
export interface World {
  bench: EngineBench;
  /** What the engine and its plugins ask of the account, the tailnet and the droplets. */
  ledger: Ledger;
  droplets: FakeDroplets;
  pulumi: (args: string[], options?: RunOptions) => Promise<Ended>;
  /** Another configuration: one that goes in place, by every remote step. */
  edit(): void;
  stop(): Promise<void>;
}

/** Those that run now: an interrupted runner has to stop them. */
const running = new Set<World>();

export async function stopAllWorlds(): Promise<void> {
  await Promise.all([...running].map((world) => world.stop()));
}

export interface WorldOptions {
  /** Whether the provider plugins serve all runs. Not where the power is cut: they would be gone. */
  keepProviders?: boolean;
}

export async function startWorld(stack: Case["stack"], { keepProviders = false }: WorldOptions = {}): Promise<World> {
  const bench = await startBench({ stack: "hermes", program: PROGRAM });
  const ledger = new Ledger(() => killAll(bench.dir));
  const droplets = await fakeDroplets(bench, ledger);
  const gate = await startGate({
    upstreams: { digitalocean: bench.digitalocean.url, tailscale: bench.tailscale.url },
    ledger,
    killCommand: () => killAll(bench.dir, "lib/tailnet/main.js"),
    slowMs: 3000,
  });
  const stop = async (): Promise<void> => {
    running.delete(world);
    await killAll(bench.dir);
    await gate.stop();
    await bench.stop();
    droplets.stop();
  };
  const env = {
    DIGITALOCEAN_API_URL: gate.urls["digitalocean"] as string,
    TAILSCALE_BASE_URL: gate.urls["tailscale"] as string,
    // One is enough to see what a retry does, and does not make every refusal last 15 s.
    DIGITALOCEAN_HTTP_RETRY_MAX: "1",
  };
  const pulumi: World["pulumi"] = (args, options = {}) =>
    bench.pulumi(args, { ...options, env: { ...env, ...options.env } });
  const edit = (): void => {
    const { agentModel, gatewayToken } = EDITED;
    editStackFile(bench.configFile, { "hermes:agents": { main: { model: agentModel } } }, { gatewayToken });
  };
  const world: World = { bench, ledger, droplets, pulumi, edit, stop };
  running.add(world);
  const volume = stack === "bare" ? { "hermes:volumeGiB": 0 } : {};
  bench.configure({ ...COMMITTED, ...volume, "hermes:secrets": encrypted(SECRETS) });
  if (keepProviders) await bench.keepProviders(env);
  return world;
}

/**
 * Pulls the plug: every process that was started with this bench's folder, however far down. Resolves when all are gone.
 *
 * @param only - those whose command line has this; all when absent
 */
export async function killAll(dir: string, only = ""): Promise<void> {
  for (;;) {
    const pids = processesOf(dir).filter((pid) => readProcess(pid, "cmdline").includes(only));
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone meanwhile.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function processesOf(dir: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      const mine = readProcess(Number(pid), "environ").includes(`PULUMI_HOME=${dir}/`);
      return mine && startTimeOf(Number(pid)) !== undefined;
    })
    .map(Number);
}

/** Its words are divided by zeros; none where it is gone. */
function readProcess(pid: number, file: "cmdline" | "environ"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
