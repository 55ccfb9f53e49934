import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab";
import { waitFor } from "../network/run";

/** Where this machine's cgroup hierarchies are mounted; a controller's is absent where it is on v2 or nowhere. */
export interface CgroupMounts {
  memoryV1?: string;
  cpuV1?: string;
  v2?: string;
  /** systemd-nspawn makes groups here on its own; nothing is ever in them. */
  systemdV1?: string;
}

export interface CgroupLimits {
  memoryMiB: number;
  vcpus: number;
}

/** @param mountinfo text of /proc/self/mountinfo. */
export function parseCgroupMounts(mountinfo: string): CgroupMounts {
  const mounts: CgroupMounts = {};
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const point = left.split(" ")[4] ?? "";
    const [type, , options = ""] = right.split(" ");
    if (type === "cgroup2") mounts.v2 = point;
    if (type !== "cgroup") continue;
    if (options.split(",").includes("name=systemd")) mounts.systemdV1 = point;
    if (options.split(",").includes("memory")) mounts.memoryV1 = point;
    if (options.split(",").includes("cpu")) mounts.cpuV1 = point;
  }
  return mounts;
}

const machineMounts = (): CgroupMounts => parseCgroupMounts(readFileSync("/proc/self/mountinfo", "utf8"));

const labGroup = (lab: Lab): string => `hermes-${lab.id}`;

function hierarchies(mounts: CgroupMounts): string[] {
  return [mounts.memoryV1, mounts.cpuV1, mounts.v2].filter((point): point is string => point !== undefined);
}

/**
 * Makes the droplet's groups and sets its limits. The memory limit is the size's whole memory; there is no swap until
 * limitSwap allows some. Without a v1 memory controller the limits go to cgroup v2; that branch has never
 * been run, the machines at hand have v1.
 *
 * @returns directories whose cgroup.procs the droplet's starter must write itself to.
 */
export function createDropletCgroups(lab: Lab, dropletId: number, limits: CgroupLimits): string[] {
  const mounts = machineMounts();
  const memory = String(limits.memoryMiB * 1024 * 1024);
  const periodUs = 100_000;
  const quotaUs = String(Math.round(limits.vcpus * periodUs));
  const group = (point: string) => join(point, labGroup(lab), String(dropletId));
  const groups = hierarchies(mounts).map(group);
  for (const directory of groups) mkdirSync(directory, { recursive: true });
  if (mounts.memoryV1 !== undefined) writeFileSync(join(group(mounts.memoryV1), "memory.limit_in_bytes"), memory);
  if (mounts.cpuV1 !== undefined) {
    writeFileSync(join(group(mounts.cpuV1), "cpu.cfs_period_us"), String(periodUs));
    writeFileSync(join(group(mounts.cpuV1), "cpu.cfs_quota_us"), quotaUs);
  }
  if (mounts.memoryV1 === undefined && mounts.v2 !== undefined) {
    for (const parent of [mounts.v2, join(mounts.v2, labGroup(lab))]) {
      writeFileSync(join(parent, "cgroup.subtree_control"), "+memory +cpu");
    }
    writeFileSync(join(group(mounts.v2), "memory.max"), memory);
    writeFileSync(join(group(mounts.v2), "cpu.max"), `${quotaUs} ${periodUs}`);
  }
  return groups;
}

/**
 * Lets the droplet use as much swap as it has itself. The kernel swaps to any file that is on, also to another
 * droplet's, so the amount is all that can be kept apart.
 */
export function limitSwap(lab: Lab, dropletId: number, memoryMiB: number, swapKiB: number): void {
  const mounts = machineMounts();
  const group = join(mounts.memoryV1 ?? mounts.v2 ?? "", labGroup(lab), String(dropletId));
  const [file, bytes] =
    mounts.memoryV1 === undefined
      ? ["memory.swap.max", swapKiB * 1024]
      : ["memory.memsw.limit_in_bytes", memoryMiB * 1024 * 1024 + swapKiB * 1024];
  // Absent where the kernel does not count swap.
  if (existsSync(join(group, file))) writeFileSync(join(group, file), String(bytes));
}

/** What the droplet uses now, in bytes: anonymous memory and page cache, as the memory controller counts. */
export function memoryUsage(lab: Lab, dropletId: number): { used: number; cache: number } {
  const mounts = machineMounts();
  const v1 = mounts.memoryV1 !== undefined;
  const directory = join(mounts.memoryV1 ?? mounts.v2 ?? "", labGroup(lab), String(dropletId));
  const stat = readFileSync(join(directory, "memory.stat"), "utf8");
  const figure = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1] ?? 0);
  const used = Number(readFileSync(join(directory, v1 ? "memory.usage_in_bytes" : "memory.current"), "utf8"));
  return { used, cache: figure(v1 ? "total_cache" : "file") };
}

/** Kills what is left in the groups and removes them. */
export async function removeCgroups(lab: Lab, dropletId?: number): Promise<void> {
  for (const directory of groupsOf(lab, dropletId)) {
    await waitFor(`${directory} is empty`, () => removeGroup(directory));
  }
}

function removeGroup(directory: string): boolean {
  for (const group of subgroups(directory)) {
    for (const pid of pidsIn(group)) tryKill(pid);
    try {
      rmdirSync(group);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") return false;
    }
  }
  return true;
}

function groupsOf(lab: Lab, dropletId?: number): string[] {
  const parts = dropletId === undefined ? [labGroup(lab)] : [labGroup(lab), String(dropletId)];
  const mounts = machineMounts();
  return [...hierarchies(mounts), ...(mounts.systemdV1 === undefined ? [] : [mounts.systemdV1])]
    .map((point) => join(point, ...parts))
    .filter(existsSync);
}

/** The group and all below it, deepest first. */
function subgroups(directory: string): string[] {
  const children = readdirSync(directory).map((name) => join(directory, name));
  return [...children.filter((path) => statSync(path).isDirectory()).flatMap(subgroups), directory];
}

function pidsIn(directory: string): number[] {
  try {
    return readFileSync(join(directory, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}
