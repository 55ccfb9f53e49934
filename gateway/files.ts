import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { INSTALL_OPENCLAW, OPENCLAW_LOCK, openclawLock, sourceText } from "../cloud-init/files";
import type { HermesConfig } from "../config/types";
import type { GatewayLimits, LocalModelPlan } from "../planner/types";
import { textFile, type BundleFile } from "./bundle";
import { renderOpenclawConfig } from "./openclaw-config";
import { HELPERS_DIR, OPENCLAW_CONFIG, sandboxFolder } from "./paths";
import { gatewaySecretNames, headerSecretNames, secretVariable } from "./secret-names";

/** What the planner leaves for OpenClaw, MiB. */
export interface MemoryPlan {
  /** The kernel ends something in the gateway's unit above this, swap not counted. */
  maxMiB: number;
  /** Swap that the gateway's unit may take. */
  swapMaxMiB: number;
  /** Node's old space. */
  heapMiB: number;
  /** The first two for everything that the agents' commands take together. */
  agentMaxMiB: number;
  agentSwapMaxMiB: number;
}

/** For 2 GB and 4 GiB of swap. */
const DEFAULT_MEMORY: MemoryPlan = {
  maxMiB: 1695,
  swapMaxMiB: 1024,
  heapMiB: 768,
  agentMaxMiB: 1024,
  agentSwapMaxMiB: 1024,
};

/** The gateway's share is the planner's; the agents' commands get as much of the swap. */
export const unitMemory = ({ memoryMaxMiB, swapMaxMiB, heapMiB }: GatewayLimits): MemoryPlan => ({
  ...DEFAULT_MEMORY,
  ...{ maxMiB: memoryMaxMiB, swapMaxMiB, heapMiB, agentSwapMaxMiB: swapMaxMiB },
});

const DATA = { mode: "0644", owner: "root:root" };
const PROGRAM = { mode: "0755", owner: "root:root" };
const UNITS = "/etc/systemd/system";
/** systemd's generator makes it; the same in gateway/apply/places.ts. */
const SSH_SOCKET = "sshd-unix-local.socket";
/** In root's PATH before the link to OpenClaw's own program. */
const OPENCLAW_COMMAND = "/usr/local/sbin/openclaw";

/** The files of the config bundle that this room knows: openclaw.json, units, scripts. */
export function gatewayFiles(
  config: HermesConfig,
  memory: MemoryPlan = DEFAULT_MEMORY,
  local?: LocalModelPlan,
): Record<string, BundleFile> {
  const gatewayOnly = { mode: "0640", owner: "root:openclaw" };
  const openclaw = renderOpenclawConfig(config, gatewaySecretNames(config), local);
  return {
    [OPENCLAW_CONFIG]: textFile(`${JSON.stringify(openclaw, null, 2)}\n`, gatewayOnly),
    "/etc/openclaw/environment": textFile(environment(config), gatewayOnly),
    "/etc/hermes-agent/workspaces": textFile(workspaceList(config), DATA),
    "/etc/hermes-agent/sshd_config": textFile(read("agent-sshd_config"), DATA),
    "/etc/systemd/journald.conf.d/hermes.conf": textFile(read("journald.conf"), DATA),
    [`${UNITS}/openclaw-gateway.service`]: textFile(read("openclaw-gateway.service"), DATA),
    [`${UNITS}/openclaw-gateway.service.d/memory.conf`]: textFile(gatewayMemory(memory), DATA),
    [`${UNITS}/hermes-recover.service`]: textFile(read("hermes-recover.service"), DATA),
    [`${UNITS}/hermes-workspaces.service`]: textFile(read("hermes-workspaces.service"), DATA),
    [`${UNITS}/hermes-agent.service`]: textFile(read("hermes-agent.service"), DATA),
    [`${UNITS}/hermes-guard.service`]: textFile(read("hermes-guard.service"), DATA),
    [`${UNITS}/hermes-agent.service.d/memory.conf`]: textFile(agentMemory(memory), DATA),
    [`${UNITS}/${SSH_SOCKET}.d/hermes.conf`]: textFile(read("ssh-socket.conf"), DATA),
    [`${UNITS}/hermes-backup.service`]: textFile(read("hermes-backup.service"), DATA),
    [`${UNITS}/hermes-backup.timer`]: textFile(read("hermes-backup.timer"), DATA),
    ...backupFiles(config),
    "/etc/hermes/swap": textFile(`${config.swapGiB}\n`, DATA),
    ...(config.volumeGiB > 0 ? volumeFiles(config.volumeGiB) : {}),
    ...scripts(),
    [OPENCLAW_COMMAND]: programFile("openclaw.sh"),
    ...openclawFiles(config),
    ...(local === undefined ? {} : ollamaFiles(local)),
    ...idleFiles(config),
  };
}

/** A sandbox that ends itself. */
function idleFiles({ sandbox }: HermesConfig): Record<string, BundleFile> {
  if (sandbox?.idleMinutes === undefined) return {};
  return {
    "/etc/hermes/idle": textFile(`${sandbox.idleMinutes}\n`, DATA),
    [`${UNITS}/hermes-idle.service`]: textFile(read("hermes-idle.service"), DATA),
    [`${UNITS}/hermes-idle.timer`]: textFile(read("hermes-idle.timer"), DATA),
    [`${UNITS}/openclaw-gateway.service.d/idle.conf`]: textFile(lines(["[Unit]", "Wants=hermes-idle.timer"]), DATA),
    [`${HELPERS_DIR}/idle.sh`]: programFile("idle.sh"),
  };
}

/** The bucket and the time. The units are there on every droplet, and do nothing without a bucket. */
function backupFiles({ backup: { recipient, to, schedule, keep } }: HermesConfig): Record<string, BundleFile> {
  if (to === undefined) return {};
  const drop = lines(["[Timer]", "OnCalendar=", `OnCalendar=${schedule}`]);
  return {
    "/etc/hermes/backup.json": textFile(`${JSON.stringify({ ...to, keep, recipient }, null, 2)}\n`, DATA),
    [`${UNITS}/hermes-backup.timer.d/schedule.conf`]: textFile(drop, DATA),
  };
}

function ollamaFiles(local: LocalModelPlan): Record<string, BundleFile> {
  const environment = Object.entries(local.environment).map(([name, value]) => `Environment=${name}=${value}`);
  const drop = lines(["[Service]", `MemoryMax=${local.memoryMaxMiB}M`, ...environment]);
  return {
    [`${UNITS}/ollama.service`]: textFile(read("ollama.service"), DATA),
    [`${UNITS}/ollama.service.d/plan.conf`]: textFile(drop, DATA),
    [`${HELPERS_DIR}/install-ollama.sh`]: programFile("install-ollama.sh"),
  };
}

/** hermes-apply, as it travels in the config bundle. */
export function applyProgram(): Record<string, string> {
  const folder = join(__dirname, "apply");
  const names = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

function scripts(): Record<string, BundleFile> {
  const names = [
    ...["agent-setup.sh", "agent-ssh.sh", "empty-caches.sh", "gateway-start.sh", "gateway-stop.sh", "grow-volume.sh"],
    ...[
      "guard-files.sh",
      "has-room.sh",
      "install-node.sh",
      "reserve-space.sh",
      "swap.sh",
      "show-workspaces.mjs",
      "wait-ready.sh",
    ],
    "with-secrets.sh",
  ];
  return Object.fromEntries(names.map((name) => [`${HELPERS_DIR}/${name}`, programFile(name)]));
}

/** How OpenClaw is installed. The droplet has had both since its birth, in the version of that day. */
function openclawFiles({ openclaw: { version }, sources }: HermesConfig): Record<string, BundleFile> {
  const lock = openclawLock(version, sources.openclaw.sha256);
  return {
    [INSTALL_OPENCLAW]: { ...PROGRAM, text: [sourceText("install-openclaw.sh")] },
    // Not as text: the engine would show the JSON in it on thousands of lines.
    ...(lock === undefined ? {} : { [OPENCLAW_LOCK]: { ...DATA, base64: Buffer.from(lock).toString("base64") } }),
  };
}

/** On one line of the bundle: a preview of an edited configuration is not drowned in programs, which no key changes. */
const programFile = (name: string): BundleFile => ({ ...PROGRAM, text: [read(name)] });

const read = (name: string): string => readFileSync(join(__dirname, "files", name), "utf8");

const lines = (all: string[]): string => all.map((line) => `${line}\n`).join("");

const environment = (config: HermesConfig) =>
  lines(headerSecretNames(config).map((name) => `${secretVariable(name)} ${name}`));

const workspaceList = (config: HermesConfig) =>
  lines(Object.keys(config.agents).map((agent) => `${sandboxFolder(agent)} ${agent}`));

const gatewayMemory = (memory: MemoryPlan) =>
  lines([
    "[Service]",
    `MemoryMax=${memory.maxMiB}M`,
    `MemorySwapMax=${memory.swapMaxMiB}M`,
    `Environment=HERMES_HEAP_MIB=${memory.heapMiB}`,
  ]);

const agentMemory = (memory: MemoryPlan) =>
  lines(["[Service]", `MemoryMax=${memory.agentMaxMiB}M`, `MemorySwapMax=${memory.agentSwapMaxMiB}M`]);

/** A missing volume must never start an empty gateway. */
function volumeFiles(gib: number): Record<string, BundleFile> {
  const text = lines(["[Unit]", "AssertPathIsMountPoint=/srv/hermes", "AssertPathIsMountPoint=/var/lib/openclaw"]);
  const units = ["openclaw-gateway.service", "hermes-workspaces.service", "hermes-recover.service"];
  return {
    "/etc/hermes/volume": textFile(`${gib}\n`, DATA),
    ...Object.fromEntries(units.map((unit) => [`${UNITS}/${unit}.d/volume.conf`, textFile(text, DATA)])),
  };
}
