// The doctor's check of the file systems in memory: root's, and the bounded /tmp and /var/tmp that the gateway and the
// agents' account each have of their own.
import type { Check, Finding } from "./doctor-findings.ts";
import { fail, ok, output, size, warn } from "./doctor-findings.ts";
import { unitState } from "./gateway.ts";
import type { Host } from "./host.ts";
import { AGENT, GATEWAY } from "./places.ts";

interface Place {
  /** For people. */
  name: string;
  /** As this process reaches it. */
  path: string;
  fix: string;
}

interface MemoryDisk extends Place {
  bytes: number;
  free: number;
  inodes: number;
  freeInodes: number;
}

/** Shares of a file system: below them no program can rely on it. */
const FULL = 0.03;
const NEARLY_FULL = 0.1;

const ofRoot = (path: string): Place => ({
  name: path,
  path,
  fix: `./hermes ssh du -xah ${path} --threshold=10M says what is in it; remove it, or ./hermes ssh systemctl reboot`,
});

/** A unit's own are seen through its main process. None while it does not run. */
async function ofUnit(host: Host, unit: string, whose: string): Promise<Place[]> {
  const { pid } = await unitState(host, unit);
  if (pid === 0) return [];
  return ["/tmp", "/var/tmp"].map((path) => ({
    name: `${whose} ${path}`,
    path: `/proc/${pid}/root${path}`,
    fix: `./hermes ssh systemctl restart ${unit.replace(/\.service$/, "")} empties it`,
  }));
}

async function memoryDisks(host: Host): Promise<MemoryDisk[]> {
  const places = [
    ...["/tmp", "/run", "/dev/shm"].map(ofRoot),
    ...(await ofUnit(host, GATEWAY, "the gateway's")),
    ...(await ofUnit(host, AGENT, "the agents'")),
  ];
  const format = "--format=%T %S %b %a %c %d";
  const text = await output(host, "stat", ["--file-system", format, ...places.map(({ path }) => path)]);
  return text
    .trim()
    .split("\n")
    .flatMap((line, i) => {
      const [type, ...numbers] = line.split(" ");
      const [block = 0, blocks = 0, free = 0, inodes = 0, freeInodes = 0] = numbers.map(Number);
      const place = places[i];
      // On a disk it is a part of "free space".
      if (type !== "tmpfs" || place === undefined) return [];
      return [{ ...place, bytes: blocks * block, free: free * block, inodes, freeInodes }];
    });
}

function levelOf({ bytes, free, inodes, freeInodes }: MemoryDisk): Finding["level"] {
  const share = Math.min(free / bytes, inodes === 0 ? 1 : freeInodes / inodes);
  return share < FULL ? "fail" : share < NEARLY_FULL ? "warn" : "ok";
}

const described = ({ name, bytes, free, inodes, freeInodes }: MemoryDisk): string =>
  inodes > 0 && freeInodes / inodes < free / bytes
    ? `${name} has room for ${freeInodes} of ${inodes} files`
    : `${name} ${size(free)} free of ${size(bytes)}`;

const temporary: Check = async ({ host }) => {
  const disks = await memoryDisks(host);
  for (const [level, finding] of [
    ["fail", fail],
    ["warn", warn],
  ] as const) {
    const bad = disks.filter((disk) => levelOf(disk) === level);
    if (bad[0] !== undefined) return finding(bad.map(described).join(", "), bad.map(({ fix }) => fix).join("; "));
  }
  const least = Math.min(1, ...disks.map(({ bytes, free }) => free / bytes));
  return ok(`${Math.floor(least * 100)} % or more of each is free`);
};

export const TEMPORARY_CHECKS: Record<string, Check> = { "temporary files": temporary };
