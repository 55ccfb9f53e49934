import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FIRST_INSTALL } from "../config/keys";
import { ADDRESSES } from "./addresses";
import { control } from "./control";
import { labCredentials } from "./credentials";
import { releaseDroplets } from "./droplets";
import { engineEnvironment, ensurePrograms, RECIPES, type Programs } from "./engine";
import { ensureBuilt } from "./engine/build";
import { operatorCommand, readCommitted, writeStackFile } from "./exec";
import { ensureImage, IMAGES } from "./image";
import type { Lab } from "./lab";
import { createNetwork, destroyNetwork, inNamespace, namespacePath, tryRun } from "./network";
import { ensurePackages } from "./packages";
import { isRunning, logOf, recordedProcesses, startRecorded, stopRecorded } from "./processes";
import { localSources, OBJECT_STORE, startUplink } from "./services";
import { sourcesOverride } from "./stack/sources";
import { operatorEnvironment as tailnetEnvironment, startOperator, tailnetCredentials } from "./tailnet";

/** What a long step tells while it runs. */
export interface Say {
  begin(label: string): void;
  detail(text: string): void;
  end(): void;
}

/** Why the embedded cloud can't run here, or undefined. */
export function missingRequirement(): string | undefined {
  if (process.platform !== "linux") return "the embedded cloud needs Linux: its droplets are systemd-nspawn machines";
  if (process.getuid?.() !== 0) {
    return (
      "the embedded cloud needs root: it makes network namespaces, mounts and cgroups.\n" +
      "  Run it as root (a throw-away virtual machine is a good place), or deploy to DigitalOcean with pulumi up,\n" +
      "  or run what needs no root: npm test -- unit, npm test -- engine"
    );
  }
  if (!existsSync("/dev/net/tun")) return "the embedded cloud needs /dev/net/tun for its tailnet: load the tun module";
  return undefined;
}

export const daemonRuns = (lab: Lab): boolean =>
  recordedProcesses(lab).some((process) => process.name === "daemon" && isRunning(process));

/** The end of the daemon's log, where it ended by itself; its last lines say why. */
export function daemonsLastWords(lab: Lab): string | undefined {
  const daemon = recordedProcesses(lab).find((process) => process.name === "daemon");
  if (daemon === undefined || isRunning(daemon)) return undefined;
  return readFileSync(logOf(lab, daemon.name), "utf8").trimEnd().split("\n").slice(-30).join("\n");
}

/** Whether some stack of the project names the lab's buckets: their server takes a minute to build. */
const wantsBucket = ({ project }: Lab): boolean =>
  readdirSync(project)
    .filter((name) => /^Pulumi\..+\.yaml$/.test(name))
    .some((name) => readFileSync(join(project, name), "utf8").includes(OBJECT_STORE));

/** Brings the embedded cloud up, or completes one that is half up. Safe to call when all is up. */
export async function bringUp(lab: Lab, say: Say): Promise<Programs> {
  say.begin("programs");
  ensurePackages((text) => say.detail(text));
  const programs = await ensurePrograms(lab.cache, (text) => say.detail(text));
  if (wantsBucket(lab)) await ensureBuilt(lab.cache, RECIPES.objectStore, (text) => say.detail(text));
  say.begin("droplet image");
  for (const image of Object.keys(IMAGES))
    await ensureImage(lab.cache, image, { onProgress: (text) => say.detail(text) });
  say.begin("what the droplet downloads");
  await stackOverrides(lab);
  say.begin("embedded cloud");
  await createNetwork(lab);
  if (!daemonRuns(lab)) {
    await startUplink(lab);
    await startDaemon(lab);
  }
  say.begin("operator's tailnet node");
  await startOperator(lab);
  say.end();
  return programs;
}

async function startDaemon(lab: Lab): Promise<void> {
  rmSync(join(lab.dir, "daemon.failed"), { force: true });
  const daemon = [process.execPath, "-r", "./scripts/typescript.js", join(__dirname, "daemon.ts")];
  const instance = lab.dir.split("/").at(-1) ?? "lab";
  startRecorded(lab, "daemon", inNamespace(lab.ns.lab, [...daemon, lab.project, instance]), { cwd: lab.project });
  const deadline = Date.now() + 180_000;
  for (;;) {
    const ready = await control<{ ready: boolean }>(lab, "ready").catch(() => undefined);
    if (ready?.ready === true) return;
    if (!daemonRuns(lab) || Date.now() > deadline) throw new Error(daemonFailure(lab));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function daemonFailure(lab: Lab): string {
  const failed = join(lab.dir, "daemon.failed");
  const words = existsSync(failed) ? readFileSync(failed, "utf8") : "it does not answer";
  return `the embedded cloud's daemon did not start: ${words}\n  Its log: ${logOf(lab, "daemon")}`;
}

/** Stops and removes everything of a lab, in whatever state it is. The stack should be destroyed before. */
export async function tearDown(lab: Lab): Promise<void> {
  await stopRecorded(lab, { only: (name) => !name.startsWith("droplet-") });
  await releaseDroplets(lab);
  await stopRecorded(lab);
  await destroyNetwork(lab);
  rmSync(lab.dir, { recursive: true, force: true });
  try {
    rmdirSync(join(lab.dir, ".."));
  } catch {
    // Another lab of this project lives there.
  }
}

/** Environment of `pulumi`, hermes and the provider plugins in the operator's place. Holds the lab's credentials. */
export async function operatorEnvironment(lab: Lab, programs: Programs): Promise<NodeJS.ProcessEnv> {
  const credentials = labCredentials(lab);
  const tailnet = await tailnetCredentials(lab);
  return {
    ...process.env,
    ...engineEnvironment(lab, programs, { passphrase: credentials.passphrase }),
    ...tailnetEnvironment(lab),
    DIGITALOCEAN_TOKEN: credentials.digitaloceanToken,
    DIGITALOCEAN_API_URL: `http://${ADDRESSES.digitalocean.v4}`,
    TAILSCALE_API_KEY: tailnet.apiKey,
    TAILSCALE_BASE_URL: `http://${ADDRESSES.tailscaleApi.v4}`,
    OPENROUTER_API_KEY: credentials.openrouterKey,
    TELEGRAM_BOT_TOKEN: credentials.telegramToken,
  };
}

/** All that the stack's configuration has different here: digests of what the lab serves, and the control server. */
async function stackOverrides(lab: Lab): Promise<Record<string, unknown>> {
  const version = committedNodeVersion(lab);
  const [served, standIn] = await Promise.all([localSources(lab, version), servesStandIn(lab)]);
  // What an earlier run wrote into the lab's own file declares nothing.
  const sources = sourcesOverride(readCommitted(lab).config?.["hermes:sources"], served, version);
  return {
    "hermes:tailnet": { loginServer: `https://${ADDRESSES.headscale.name}` },
    "hermes:sources": { ...sources, ...(standIn ? { openclaw: { sha256: FIRST_INSTALL } } : {}) },
  };
}

/** Whether the lab's registry has the stand-in of OpenClaw, whose digest hermes does not know. */
const servesStandIn = (lab: Lab): Promise<boolean> =>
  control<{ standIn: boolean }>(lab, "services/openclaw", {}).then(
    ({ standIn }) => standIn,
    // The embedded cloud is not up yet.
    () => false,
  );

/** The lab serves the version of Node that the project asks for, whichever that is. */
function committedNodeVersion(lab: Lab): string {
  const node = readCommitted(lab).config?.["hermes:node"] as { version?: unknown } | undefined;
  if (typeof node?.version === "string") return node.version;
  throw new Error(
    'the embedded cloud reads hermes:node.version from the committed stack file, as a text: version: "24.21.0"',
  );
}

/** A command line for the operator's place, with the stack file up to date. */
export async function asOperator(lab: Lab, command: string[]): Promise<string[]> {
  writeStackFile(lab, await stackOverrides(lab));
  return operatorCommand(lab, command);
}

/** What of this lab is on the machine; empty after `down`. For people and for tests. */
export async function remains(lab: Lab): Promise<string[]> {
  const shell = async (label: string, script: string): Promise<string[]> => {
    const { stdout } = await tryRun(["sh", "-c", script]);
    return stdout
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => `${label}: ${line.trim()}`);
  };
  return [
    ...recordedProcesses(lab)
      .filter(isRunning)
      .map((process) => `process: ${process.name} ${process.pid}`),
    ...Object.values(lab.ns).flatMap((ns) => (existsSync(namespacePath(ns)) ? [`namespace: ${ns}`] : [])),
    ...(await shell("mount", `grep -F -e "${lab.dir}" -e hermes-${lab.id} /proc/mounts || true`)),
    ...(await shell("loop device", `losetup -a | grep -F "${lab.dir}" || true`)),
    ...(await shell("swap", `grep -F "${lab.dir}" /proc/swaps || true`)),
    ...(await shell("cgroup", `find /sys/fs/cgroup -maxdepth 3 -type d -name 'hermes-${lab.id}*' 2>/dev/null || true`)),
    ...(await shell("program", `pgrep -af -- "${lab.dir}/" | grep -v pgrep || true`)),
  ];
}
