import { join } from "node:path";
import type { HermesConfig } from "../../config";
import { planInput } from "../../config/local-model";
import { unitMemory } from "../../gateway/files";
import { ensurePrograms } from "../../localcloud/engine";
import { labOf } from "../../localcloud/lab";
import { waitFor } from "../../localcloud/network";
import { ensurePackages, VM_PACKAGES } from "../../localcloud/packages";
import { ensureVmImage, Machine, missingVmRequirement } from "../../localcloud/vm";
import { plan, shippedCatalogue } from "../../planner";
import { FIGURES } from "../../planner/measured";
import { hermesConfig } from "../fixtures/gateway-config";
import { hermesFiles, provisioning, settle } from "./guest";
import { Guest } from "./watch";

jest.setTimeout(900_000);

const PROJECT = join(__dirname, "..", "..");
const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** s-1vcpu-2gb with 4 GiB of swap. */
function configuration(): HermesConfig {
  const agents = { main: { workspace: "workspace/main", bindings: [] } };
  const config = { ...hermesConfig, volumeGiB: 0, swapGiB: 4, agents, mcpServers: {} };
  delete config.telegram;
  return config;
}

const lab = labOf(PROJECT);
const config = configuration();
const planned = plan(planInput(config), shippedCatalogue());
const nominalMiB = planned.size.memoryMiB;
const problem = missingVmRequirement(lab.cache, nominalMiB);
if (problem !== undefined) say(`skipped, no virtual machine can run here: ${problem}`);

let machine: Machine | undefined;
let guest: Guest;
let idleMiB: { total: number; taken: number };

beforeAll(async () => {
  if (problem !== undefined) return;
  ensurePackages(say);
  ensurePackages(say, VM_PACKAGES);
  await ensurePrograms(lab.cache, say);
  const image = await ensureVmImage(lab.cache, config.image, config.swapGiB, await provisioning(lab, config), say);
  machine = await Machine.boot(lab.cache, image, { memoryMiB: nominalMiB, vcpus: 1, say });
  guest = new Guest(machine);
  await settle(machine, hermesFiles(config, unitMemory(planned.limits)));
  idleMiB = await guest.memory();
  say("starting the gateway");
  await guest.startGateway();
});

afterAll(async () => {
  await machine?.stop();
});

(problem === undefined ? describe : describe.skip)("a 2 GiB droplet as a virtual machine", () => {
  it("has the memory that the planner reckons with, and its system takes no more than planned", () => {
    say(`MemTotal ${idleMiB.total} MiB, taken without the gateway ${idleMiB.taken} MiB`);
    expect(idleMiB.total).toBeGreaterThanOrEqual(planned.memory.memTotalMiB);
    expect(idleMiB.taken).toBeLessThanOrEqual(FIGURES.systemMiB.value);
  });

  it("sets the planned limits in the kernel", async () => {
    const { maxMiB, swapMaxMiB, agentMaxMiB, agentSwapMaxMiB } = unitMemory(planned.limits);
    expect(await guest.limits("openclaw-gateway")).toEqual({ max: maxMiB, swapMax: swapMaxMiB });
    expect(await guest.limits("hermes-agent")).toEqual({ max: agentMaxMiB, swapMax: agentSwapMaxMiB });
  });

  it("orders victims: MCP servers and agents' commands, then the gateway, never sshd and tailscaled", async () => {
    const score = await guest.oomScores();
    say(JSON.stringify(score));
    expect(Math.min(score.mcp, score.agentCommand)).toBeGreaterThan(score.gateway);
    expect(score.gateway).toBeGreaterThan(0);
    expect(score.tailscaled).toBeLessThanOrEqual(-900);
    expect(score.sshd).toBe(-1000);
  });

  it("ends an agent's command that takes too much, in its own unit, and leaves most of the swap free", async () => {
    const before = await guest.pids();
    const seen = await guest.runAgentHog();
    say(`the agents' hog: ${JSON.stringify(seen)}`);
    const { agentMaxMiB } = unitMemory(planned.limits);
    expect(seen.killed).toBe(true);
    expect(seen.memoryMiB).toBeLessThanOrEqual(agentMaxMiB);
    expect(seen.swapMiB).toBeLessThanOrEqual((config.swapGiB * 1024) / 2);
    expect(await guest.pids()).toEqual(before);
    expect(await guest.isReady()).toBe(true);
  });

  it("ends an MCP server that takes too much, not the gateway that started it", async () => {
    const before = await guest.pids();
    await guest.wakeMcpHog();
    expect(await guest.killedIn("openclaw-gateway.service")).toMatch(/Killed process \d+ \(hog\.py\)/);
    expect(await guest.pids()).toEqual(before);
    expect(await guest.isReady()).toBe(true);
  });

  it("ends a gateway that outgrows its limit and starts it again; the way in stays", async () => {
    const before = await guest.pids();
    await guest.growGateway();
    const restarted = async (): Promise<boolean> => {
      const { gateway } = await guest.pids();
      return ![before.gateway, "0"].includes(gateway) && (await guest.isReady());
    };
    await waitFor("the new gateway", restarted, { timeoutMs: 600_000, everyMs: 3000 });
    const { gateway } = await guest.pids();
    expect(await guest.pids()).toEqual({ ...before, gateway });
    expect(await guest.lastResult()).toMatch(/Main process exited.*KILL|oom-kill/);
  });
});
