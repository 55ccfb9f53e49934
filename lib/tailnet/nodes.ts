import type { TailnetDevice } from "./api";

/**
 * Which nodes of a tailnet a stack may call its own: the tag keeps strangers out, the host name tells our stacks apart.
 * Two stacks may claim the same pair; operations/sweep/node-owner.ts tells whose a node is.
 */
export interface NodeIdentity {
  /** With the `tag:` prefix. */
  tag: string;
  hostname: string;
}

/** What the wait prints on stdout: nothing that changes while the node stays the same. */
export interface JoinedNode {
  id: string;
  name: string;
  address: string;
}

/** What a wait printed, as the state keeps it; undefined for anything else. */
export function joinedNodeIn(stdout: unknown): JoinedNode | undefined {
  try {
    const { id, name = "", address = "" } = JSON.parse(String(stdout)) as Partial<JoinedNode>;
    return typeof id === "string" ? { id, name, address } : undefined;
  } catch {
    return undefined;
  }
}

/** Nodes that carry our tag and our host name, whatever suffix the control server gave to their names. */
export function ourNodes(devices: TailnetDevice[], identity: NodeIdentity): TailnetDevice[] {
  return devices.filter((device) => device.hostname === identity.hostname && device.tags?.includes(identity.tag));
}

/** What a control server that reports no connections may lag behind by. */
const LATELY_MS = 5 * 60_000;

/** Whether the node is in use. Where the control server does not say so, when it saw the node last decides. */
export function isConnected(device: TailnetDevice, now = Date.now()): boolean {
  if (device.connectedToControl !== undefined) return device.connectedToControl;
  return device.lastSeen === undefined || now - Date.parse(device.lastSeen) < LATELY_MS;
}

/** First label of a node's name: `hermes-1` of `hermes-1.tail1234.ts.net`. */
export function shortName(device: TailnetDevice): string {
  return device.name.split(".")[0] ?? device.name;
}

/** A node's address on the tailnet that pulumi dials: IPv4, since some networks have no other. */
export function addressOf(device: TailnetDevice): string | undefined {
  return device.addresses.find((address) => address.includes(".")) ?? device.addresses[0];
}

/** Why a node that is in the list cannot be used, or undefined. */
export function lockProblem(device: TailnetDevice): string | undefined {
  if (!device.tailnetLockError) return undefined;
  const key = device.tailnetLockKey ? ` ${device.tailnetLockKey}` : "";
  return `tailnet lock keeps ${device.name} out (${device.tailnetLockError}). Sign it: tailscale lock sign nodekey:…${key}`;
}
