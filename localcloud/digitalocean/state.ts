import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Everything the account holds, as it stands on disk. User data is not among it: it goes to the machine only. */
export interface CloudState {
  nextId: number;
  /** Last address handed out (see ADDRESSES.droplets): a new droplet does not get the one just freed. */
  lastHost: number;
  tags: string[];
  keys: Record<string, KeyRecord>;
  firewalls: Record<string, FirewallRecord>;
  volumes: Record<string, VolumeRecord>;
  droplets: Record<string, DropletRecord>;
  actions: Record<string, ActionRecord>;
  snapshots: Record<string, SnapshotRecord>;
  /** What the substrate could not do: the place to look when a droplet never becomes active. */
  problems: { t: string; what: string; error: string }[];
}

export interface KeyRecord {
  id: number;
  name: string;
  publicKey: string;
  fingerprint: string;
}

/** A rule as the API has it; inbound ones have sources, outbound ones destinations. */
export interface RuleRecord {
  protocol: "tcp" | "udp" | "icmp";
  ports?: string;
  target: { addresses: string[]; tags: string[]; dropletIds: number[] };
}

export interface FirewallRecord {
  id: string;
  name: string;
  createdAt: string;
  inbound: RuleRecord[];
  outbound: RuleRecord[];
  dropletIds: number[];
  tags: string[];
}

export interface VolumeRecord {
  id: string;
  name: string;
  region: string;
  sizeGiB: number;
  description: string;
  createdAt: string;
  filesystem: string;
  label: string;
  tags: string[];
  dropletId: number | null;
}

export interface DropletRecord {
  id: number;
  name: string;
  region: string;
  size: string;
  /** Root disk: a resize without `disk` leaves it as it was. */
  diskGiB: number;
  /** A slug, or the number of a snapshot, which may be gone since. */
  image: string;
  /** DigitalOcean's own image that its disk began as. */
  base: string;
  createdAt: string;
  status: "new" | "active" | "off";
  /** Being deleted: still shown, locked, until the machine is gone. */
  deleting: boolean;
  features: string[];
  tags: string[];
  volumeIds: string[];
  host: number;
  ipv6: boolean;
  vpcUuid: string;
  /** SHA-1 of the user data, to see in tests and logs which one a droplet booted. */
  userDataSha1: string | null;
}

export interface ActionRecord {
  id: number;
  type: string;
  status: "in-progress" | "completed" | "errored";
  startedAt: string;
  completedAt: string | null;
  /** Milliseconds since the epoch, for the shortest time that an action takes. */
  startedMs: number;
  resourceId: number | null;
  resourceType: "droplet" | "volume";
  region: string;
  /** Id of what the action locks; differs from resourceId for volumes, whose ids are no numbers. */
  locks: string[];
  /** The machine has done its part. */
  workDone: boolean;
}

export interface SnapshotRecord {
  id: string;
  name: string;
  dropletId: number;
  /** DigitalOcean's own image that the droplet's disk began as. */
  base: string;
  /** It boots there only. */
  region: string;
  createdAt: string;
  /** The disk that it was taken from: a smaller one does not hold it. */
  minDiskGiB: number;
  tags: string[];
}

const emptyState = (): CloudState => ({
  nextId: 100_000,
  lastHost: 0,
  tags: [],
  keys: {},
  firewalls: {},
  volumes: {},
  droplets: {},
  actions: {},
  snapshots: {},
  problems: [],
});

/**
 * Reads the state of an earlier run. What was under way then will not end any more: its actions are errored, droplets
 * that were being made are off, those that were being deleted can be deleted again.
 */
export function loadState(path: string): CloudState {
  if (!existsSync(path)) return emptyState();
  const state = { ...emptyState(), ...(JSON.parse(readFileSync(path, "utf8")) as Partial<CloudState>) };
  for (const action of Object.values(state.actions)) if (action.status === "in-progress") action.status = "errored";
  for (const droplet of Object.values(state.droplets)) {
    if (droplet.status === "new") droplet.status = "off";
    droplet.deleting = false;
  }
  return state;
}

/** Atomic: a reader, or a crash, sees the old file or the new one. */
export function saveState(path: string, state: CloudState): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
