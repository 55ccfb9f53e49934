import { readdirSync, readFileSync } from "node:fs";
import { newKey } from "../../cli/init";
import { startTimeOf } from "../../localcloud/processes";
import { COMMITTED, PROGRAM, startBench, type Ended, type EngineBench, type RunOptions } from "../engine/harness";
import { fakeDroplets, type FakeDroplets } from "./droplets";
import { startGate, type Gate } from "./gate";
import type { Case } from "./cases";

const SECRETS = {
  openrouterApiKey: "sk-or-v1-torture-secret",
  gatewayToken: "torture-gateway-token-of-more-than-32-characters",
  deployKey: newKey("test"),
};

/** The hermes program on a real engine, over an account and a tailnet that nobody else uses, with a gate before both. */
export interface World {
  bench: EngineBench;
  gate: Gate;
  droplets: FakeDroplets;
  pulumi(args: string[], options?: RunOptions): Promise<Ended>;
  stop(): Promise<void>;
}

/** Those that run now: an interrupted runner has to stop them. */
const running = new Set<World>();

export async function stopAllWorlds(): Promise<void> {
  await Promise.all([...running].map((world) => world.stop()));
}

export async function startWorld(stack: Case["stack"], slot: number): Promise<World> {
  const bench = await startBench({ stack: "hermes", program: PROGRAM });
  const droplets = fakeDroplets(bench, slot);
  const gate = await startGate({
    upstreams: { digitalocean: bench.digitalocean.url, tailscale: bench.tailscale.url },
    kill: () => killAll(bench.dir),
    slowMs: 3000,
  });
  const stop = async (): Promise<void> => {
    running.delete(world);
    await killAll(bench.dir);
    await gate.stop();
    await bench.stop();
    await droplets.stop();
  };
  const env = {
    DIGITALOCEAN_API_URL: gate.urls["digitalocean"] as string,
    TAILSCALE_BASE_URL: gate.urls["tailscale"] as string,
    // One is enough to see what a retry does, and does not make every refusal last 15 s.
    DIGITALOCEAN_HTTP_RETRY_MAX: "1",
  };
  const pulumi: World["pulumi"] = (args, options = {}) =>
    bench.pulumi(args, { ...options, env: { ...env, ...options.env } });
  const world: World = { bench, gate, droplets, pulumi, stop };
  running.add(world);
  try {
    bench.configure({ ...COMMITTED, ...(stack === "bare" ? { "hermes:volumeGiB": 0 } : {}) });
    for (const [name, value] of Object.entries(SECRETS)) {
      const path = `hermes:secrets.${name}`;
      const set = await bench.pulumi(["config", "set", path, "--secret", "--path"], { stdin: value });
      if (set.code !== 0) throw new Error(set.output);
    }
    return world;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Pulls the plug: every process that was started with this bench's folder, however far down. Resolves when all are gone. */
export async function killAll(dir: string): Promise<void> {
  for (;;) {
    const pids = processesOf(dir);
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
      try {
        const mine = readFileSync(`/proc/${pid}/environ`, "latin1").includes(`PULUMI_HOME=${dir}/`);
        return mine && startTimeOf(Number(pid)) !== undefined;
      } catch {
        return false;
      }
    })
    .map(Number);
}
