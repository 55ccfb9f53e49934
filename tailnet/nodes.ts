import type { TailnetDevice } from "./api";

/** Which node of a tailnet belongs to a stack: the tag keeps strangers out, the host name tells our stacks apart. */
export interface NodeIdentity {
  /** With the `tag:` prefix. */
  tag: string;
  hostname: string;
}

/** Nodes that carry our tag and our host name, whatever suffix the control server gave to their names. */
export function ourNodes(devices: TailnetDevice[], identity: NodeIdentity): TailnetDevice[] {
  return devices.filter((device) => device.hostname === identity.hostname && device.tags?.includes(identity.tag));
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
