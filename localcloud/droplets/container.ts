import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab";
import { isRunning, recordedProcesses, type RecordedProcess } from "../processes";
import { tryRun, type RunOptions, type RunResult } from "../network/run";
import type { DropletSpec } from "../substrate";

/** Everything that one droplet has on disk: `<lab.dir>/droplets/ID`. */
export function dropletPaths(lab: Lab, id: number) {
  const directory = join(lab.dir, "droplets", String(id));
  return {
    directory,
    /** What was asked for, and the volumes that are attached. */
    record: join(directory, "droplet.json"),
    /** The root file system. */
    root: join(directory, "root"),
    /** Bound over the droplet's /proc/meminfo. */
    meminfo: join(directory, "meminfo"),
    /** Bound over the droplet's /proc/swaps. */
    swaps: join(directory, "swaps"),
    /** Bound over the droplet's /dev/disk. */
    disk: join(directory, "disk"),
    arguments: join(directory, "arguments"),
    cgroups: join(directory, "cgroups"),
    /** Written by run-droplet.sh. */
    state: join(directory, "state"),
  };
}

/** A droplet's lasting record. */
export interface DropletRecord {
  spec: DropletSpec;
  /** Tree of the image or snapshot that it was made of, over which its own files lie; absent where all were copied. */
  tree?: string;
  /** Attached volumes, each with the place of its device: 0 is /dev/sda. */
  volumes: { id: string; index: number }[];
}

/** Name of the droplet's network link on the lab's side. Interface names end at 15 characters. */
export const linkName = (id: number): string => `d${id}`;

/** Name under which its processes are recorded and its log is written. */
export const processName = (id: number): string => `droplet-${id}`;

export const machineName = (lab: Lab, id: number): string => `hermes-${lab.id}-${id}`;

/** Ids of all droplets that the lab has on disk. */
export function dropletIds(lab: Lab): number[] {
  const folder = join(lab.dir, "droplets");
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /^\d+$/.test(name))
        .map(Number)
    : [];
}

export const bindDevice = ({ source, target }: { source: string; target: string }): string =>
  `--bind=${source}:${target}`;

/** Arguments of systemd-nspawn for one start. */
export function nspawnArguments(
  lab: Lab,
  record: DropletRecord,
  { devices, overlays }: { devices: { source: string; target: string }[]; overlays: string[] },
) {
  const { spec } = record;
  const paths = dropletPaths(lab, spec.id);
  return [
    "--quiet",
    "--boot",
    "--settings=no",
    "--register=no",
    "--keep-unit",
    `--directory=${paths.root}`,
    `--machine=${machineName(lab, spec.id)}`,
    `--hostname=${spec.name}`,
    "--private-users=no",
    "--capability=all",
    "--system-call-filter=@swap",
    "--console=pipe",
    "--resolv-conf=off",
    "--timezone=off",
    "--link-journal=no",
    `--network-veth-extra=${linkName(spec.id)}:eth0`,
    "--bind=/dev/net/tun",
    ...overlays,
    // Mounts below /proc are made when the machine's own files are out of sight.
    ...["meminfo", "swaps"].flatMap((name) => [
      `--bind-ro=${join(paths.directory, name)}:/run/host/${name}`,
      `--bind-ro=/run/host/${name}:/proc/${name}`,
    ]),
    `--bind-ro=${paths.disk}:/dev/disk`,
    ...devices.map(bindDevice),
    "systemd.unified_cgroup_hierarchy=1",
  ];
}

/** The process that supervises the droplet, as long as the droplet is on. */
export function dropletProcess(lab: Lab, id: number): RecordedProcess | undefined {
  return recordedProcesses(lab).find((process) => process.name === processName(id) && isRunning(process));
}

/** What run-droplet.sh last said; undefined before the first start. */
export function readState(lab: Lab, id: number): { word: "starting" | "running" | "off"; value: number } | undefined {
  try {
    const [word, value] = readFileSync(dropletPaths(lab, id).state, "utf8").trim().split(" ");
    return { word: word as "starting" | "running" | "off", value: Number(value) };
  } catch {
    return undefined;
  }
}

/** The pid, as this machine counts, of the droplet's PID 1; undefined when it is off or between two boots. */
export function leaderOf(lab: Lab, id: number): number | undefined {
  const supervisor = dropletProcess(lab, id);
  return supervisor === undefined ? undefined : descendants(supervisor.pid).find(isInit);
}

function descendants(pid: number): number[] {
  const parents = new Map<number, number[]>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const parent = parentOf(Number(name));
    if (parent !== undefined) parents.set(parent, [...(parents.get(parent) ?? []), Number(name)]);
  }
  const below = (of: number): number[] => (parents.get(of) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

function parentOf(pid: number): number | undefined {
  const ppid = /^PPid:\s+(\d+)$/m.exec(statusOf(pid))?.[1];
  return ppid === undefined ? undefined : Number(ppid);
}

/** PID 1 of a PID namespace below ours. systemd-nspawn's helper has no other number inside. */
function isInit(pid: number): boolean {
  return /^NSpid:\s+\d+\s+1$/m.test(statusOf(pid));
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}

const ENVIRONMENT = [
  "HOME=/root",
  "LANG=C.UTF-8",
  "LOGNAME=root",
  "USER=root",
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
];

/**
 * The command line that runs a command in a droplet as root, counted in its memory. For interactive use too (add
 * `TERM=…` in front of the command).
 *
 * @throws when the droplet is off.
 */
export function dropletCommand(lab: Lab, id: number, command: string[]): string[] {
  const leader = leaderOf(lab, id);
  if (leader === undefined) throw new Error(`droplet ${id} is off`);
  const join = 'while read -r group; do echo $$ >"$group/cgroup.procs"; done <"$0"; exec "$@"';
  const enter = ["nsenter", `--target=${leader}`, ...["mount", "uts", "ipc", "net", "pid"].map((ns) => `--${ns}`)];
  return [
    ...["sh", "-c", join, dropletPaths(lab, id).cgroups],
    ...enter,
    "--root",
    "--wd",
    "--",
    ...["env", "-i", ...ENVIRONMENT, ...command],
  ];
}

/** Runs a command in a droplet as root, to its end. Rejects when the droplet is off. */
export async function execInDroplet(
  lab: Lab,
  id: number,
  command: string[],
  options: Pick<RunOptions, "input" | "onOutput"> = {},
): Promise<RunResult> {
  // A system that shuts down stops every process before it ends them; nsenter then stops itself too, and is forgotten.
  return tryRun(dropletCommand(lab, id, command), { ...options, wake: true });
}
