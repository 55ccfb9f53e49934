/** What a droplet's memory is used for, read from outside: its memory group, and its processes by what they are for. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dropletPaths } from "../../localcloud/droplets";
import type { Lab } from "../../localcloud/lab";

/** What a process is for. `commands`: what an operator or `pulumi up` runs, the openclaw command line for one. */
export const ROLES = [
  "gateway",
  "gateway helpers",
  "MCP servers",
  "agents' account",
  "commands",
  "tailscaled",
  "sshd",
  "journald",
  "other system",
] as const;
export type Role = (typeof ROLES)[number];

/** One reading; everything in MiB. */
export interface Sample {
  /** Milliseconds since the first reading. */
  at: number;
  /** Memory of processes that no file backs, in RAM. */
  rss: number;
  swap: number;
  /** Page cache, shared memory in it. */
  cache: number;
  /** All that counts against the limit: rss, cache, the kernel's own. */
  usage: number;
  kernel: number;
  /** Per cent of the last ten seconds in which some process waited for memory; absent where the kernel does not say. */
  pressure?: number;
  /** Proportional share of rss and swap, by role; only in every few readings, for it costs more. */
  roles?: Partial<Record<Role, number>>;
  /** Resident set of the gateway's main process. */
  gatewayRss?: number;
}

/** What the kernel has counted since the droplet's creation. */
export interface Counted {
  oomKills: number;
  /** The highest `usage`, MiB. */
  peakUsage: number;
}

const MIB = 1024 * 1024;

/** Reads of one droplet; it may reboot meanwhile. */
export class MemoryReader {
  private readonly memory: string;
  private readonly unified: string | undefined;
  private began: number | undefined;
  private readings = 0;

  /** @throws Error where memory is not counted by cgroup v1, whose files this reads */
  constructor(lab: Lab, droplet: number) {
    const groups = readFileSync(dropletPaths(lab, droplet).cgroups, "utf8").trim().split("\n");
    const memory = groups.find((group) => existsSync(join(group, "memory.limit_in_bytes")));
    if (memory === undefined) throw new Error("memory is measured where cgroup v1 counts it, and it does not here");
    this.memory = memory;
    this.unified = groups.find((group) => existsSync(join(group, "memory.pressure")));
  }

  /** @param rolesEvery - one reading of so many tells the roles too */
  read(rolesEvery = 4): Sample {
    const now = Date.now();
    this.began ??= now;
    const stat = figures(this.text("memory.stat"));
    const sample: Sample = {
      at: now - this.began,
      rss: mib(stat["total_rss"]),
      swap: mib(stat["total_swap"]),
      cache: mib(stat["total_cache"]),
      usage: mib(this.number("memory.usage_in_bytes")),
      kernel: mib(this.number("memory.kmem.usage_in_bytes")),
    };
    if (this.unified !== undefined)
      sample.pressure = pressureOf(readFileSync(join(this.unified, "memory.pressure"), "utf8"));
    if (this.readings++ % rolesEvery === 0) Object.assign(sample, byRole(this.processes()));
    return sample;
  }

  counted(): Counted {
    return {
      oomKills: figures(this.text("memory.oom_control"))["oom_kill"] ?? 0,
      peakUsage: mib(this.number("memory.max_usage_in_bytes")),
    };
  }

  private processes(): Process[] {
    return this.text("cgroup.procs").split("\n").filter(Boolean).flatMap(readProcess);
  }

  private text(name: string): string {
    return readFileSync(join(this.memory, name), "utf8");
  }

  private number(name: string): number {
    return Number(this.text(name));
  }
}

const mib = (bytes = 0): number => round(bytes / MIB);
const round = (value: number): number => Math.round(value * 10) / 10;

/** Lines of a name and a number. */
function figures(text: string): Record<string, number> {
  return Object.fromEntries(
    [...text.matchAll(/^(\S+) (\d+)$/gm)].map(([, name = "", value]) => [name, Number(value)] as const),
  );
}

function pressureOf(text: string): number {
  return Number(/^some avg10=([\d.]+)/m.exec(text)?.[1] ?? 0);
}

interface Process {
  /** Its group in cgroup v2, which has systemd's units. */
  group: string;
  args: string;
  /** Of memory that no file backs, in RAM and swap, MiB. */
  share: number;
  rss: number;
}

/** A process of the droplet; none when it has ended meanwhile. */
function readProcess(pid: string): Process[] {
  try {
    const read = (name: string): string => readFileSync(`/proc/${pid}/${name}`, "utf8");
    const rollup = read("smaps_rollup");
    const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(rollup)?.[1] ?? 0);
    return [
      {
        group: /^0::(.*)$/m.exec(read("cgroup"))?.[1] ?? "",
        args: read("cmdline").replaceAll("\0", " ").trim(),
        share: (kib("Pss_Anon") + kib("SwapPss")) / 1024,
        rss: kib("Rss") / 1024,
      },
    ];
  } catch {
    return [];
  }
}

const UNITS: Readonly<Record<string, Role>> = {
  "tailscaled.service": "tailscaled",
  "ssh.service": "sshd",
  "systemd-journald.service": "journald",
  "hermes-agent.service": "agents' account",
};

/** @returns undefined for the container's own supervisors, which a droplet does not have */
export function roleOf({ group, args }: Pick<Process, "group" | "args">): Role | undefined {
  const unit = group.split("/").at(-1) ?? "";
  if (unit === "openclaw-gateway.service") return roleInGateway(args);
  if (UNITS[unit] !== undefined) return UNITS[unit];
  if (group.includes("/system.slice/") || unit === "init.scope") return "other system";
  return /systemd-nspawn|run-droplet\.sh/.test(args) ? undefined : "commands";
}

function roleInGateway(args: string): Role {
  if (/\bgateway --port\b/.test(args)) return "gateway";
  if (/spawn-broker|sqlite-readonly|gateway-start\.sh|wait-ready\.sh|\bcurl\b/.test(args)) return "gateway helpers";
  return /^(\S*\/)?ssh\b/.test(args) ? "agents' account" : "MCP servers";
}

function byRole(processes: Process[]): Pick<Sample, "roles" | "gatewayRss"> {
  const roles: Partial<Record<Role, number>> = {};
  let gatewayRss = 0;
  for (const process of processes) {
    const role = roleOf(process);
    if (role === undefined) continue;
    roles[role] = round((roles[role] ?? 0) + process.share);
    if (role === "gateway") gatewayRss = Math.max(gatewayRss, round(process.rss));
  }
  return { roles, gatewayRss };
}
