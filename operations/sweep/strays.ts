import { joinedNodeIn } from "../../lib/tailnet/nodes";
import { joinedAfter } from "./node-owner";
import type { StateResource } from "./state";
import type { Thing, ThingKind } from "./things";

/** What the stack's state holds. */
export interface Known {
  ids: Record<ThingKind, Set<string>>;
  /** The single-use key that a droplet spends at birth. */
  keyUrn?: string;
  dropletUrn?: string;
  /** The stack's droplet got as far as a gateway: it is not to be born again for a stray's sake. */
  activated: boolean;
}

const TYPES: Record<string, ThingKind> = {
  "digitalocean:index/droplet:Droplet": "droplet",
  "digitalocean:index/volume:Volume": "volume",
  "digitalocean:index/firewall:Firewall": "firewall",
  "digitalocean:index/sshKey:SshKey": "ssh key",
  "digitalocean:index/tag:Tag": "tag",
};

export function knownOf(resources: readonly StateResource[]): Known {
  const ids: Known["ids"] = {
    "tailnet key": new Set(),
    "tailnet node": new Set(),
    droplet: new Set(),
    volume: new Set(),
    snapshot: new Set(),
    firewall: new Set(),
    "ssh key": new Set(),
    tag: new Set(),
  };
  const known: Known = { ids, activated: false };
  for (const { urn, type, id, outputs } of resources) {
    const kind = TYPES[type];
    if (kind !== undefined && id !== undefined) ids[kind].add(id);
    if (kind === "droplet") known.dropletUrn = urn;
    if (type === "tailscale:index/tailnetKey:TailnetKey") known.keyUrn = urn;
    if (type === "command:remote:Command" && urn.endsWith("-activate")) known.activated = true;
    const node = type === "command:local:Command" ? joinedNodeIn(outputs?.["stdout"])?.id : undefined;
    if (node !== undefined) ids["tailnet node"].add(node);
  }
  return known;
}

/** A stray, and why it is left alone where it is. */
export interface Stray extends Thing {
  kept?: string;
}

export interface StrayOptions {
  /** Remove volumes too: a volume may hold the only copy of somebody's sessions. */
  volumes: boolean;
}

/** Which of the things found are not the stack's, and which of those stay. */
export function strays(found: readonly Thing[], known: Known, options: StrayOptions): Stray[] {
  const outside = found.filter((one) => isStray(one, known));
  const gone = outside.filter(({ kind }) => kind === "droplet");
  return outside.map((one) => {
    const kept = reasonToKeep(one, gone, options);
    const shown: Stray = { ...one, ...(kept === undefined ? {} : { kept }) };
    delete shown.entry;
    delete shown.connectedSince;
    return shown;
  });
}

function isStray({ kind, id }: Thing, known: Known): boolean {
  if (known.ids[kind].has(id)) return false;
  // A droplet that nobody waited for yet: its node is on no list, and is not to be cut off.
  return kind !== "tailnet node" || known.ids["tailnet node"].size > 0 || known.ids.droplet.size === 0;
}

function reasonToKeep(one: Thing, goneDroplets: readonly Thing[], { volumes }: StrayOptions): string | undefined {
  if (one.kind === "tailnet node" && one.connectedSince !== undefined) {
    const created = one.connectedSince;
    const ofStray = goneDroplets.some(({ entry }) =>
      joinedAfter(Date.parse(String(entry?.["created_at"])), { created }),
    );
    return ofStray ? undefined : "connected, so another stack may run it: if nothing needs it, remove it by hand";
  }
  if (one.kind !== "volume") return undefined;
  const holder = one.heldBy?.find((droplet) => !goneDroplets.some(({ id }) => id === droplet));
  if (holder !== undefined) return `attached to droplet ${holder}`;
  return volumes ? undefined : "may hold data: add --volumes to remove it too";
}

/** What to do after the strays are gone, as a command. A droplet's birth spends the key that the state still holds. */
export function nextStep(removed: readonly Thing[], known: Known, stack: string): string {
  const up = `pulumi up --stack ${stack}`;
  const spent = removed.some(({ kind }) => kind === "droplet") && !known.activated;
  if (!spent || known.keyUrn === undefined) return up;
  const urns = [known.keyUrn, ...(known.dropletUrn === undefined ? [] : [known.dropletUrn])];
  return `${up} ${urns.map((urn) => `--replace '${urn}'`).join(" ")}`;
}
