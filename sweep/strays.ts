import type { Thing, ThingKind } from "./things";

/** A resource as `pulumi stack export` shows it; only what is read here. */
export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  outputs?: Record<string, unknown>;
  protect?: boolean;
}

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
    const node = type === "command:local:Command" ? nodeId(outputs?.["stdout"]) : undefined;
    if (node !== undefined) ids["tailnet node"].add(node);
  }
  return known;
}

/** What TailnetNode's command printed: `{"id", "name", "address"}`. */
function nodeId(stdout: unknown): string | undefined {
  try {
    const id = (JSON.parse(String(stdout)) as { id?: unknown } | null)?.id;
    return typeof id === "string" ? id : undefined;
  } catch {
    return undefined;
  }
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
  const gone = new Set(found.filter((one) => one.kind === "droplet" && isStray(one, known)).map(({ id }) => id));
  return found.filter((one) => isStray(one, known)).map(({ entry: _, ...one }) => withReason(one, gone, options));
}

function isStray({ kind, id }: Thing, known: Known): boolean {
  if (known.ids[kind].has(id)) return false;
  // A droplet that nobody waited for yet: its node is on no list, and is not to be cut off.
  return kind !== "tailnet node" || known.ids["tailnet node"].size > 0 || known.ids.droplet.size === 0;
}

function withReason(one: Thing, goneDroplets: Set<string>, { volumes }: StrayOptions): Stray {
  if (one.kind !== "volume") return one;
  const holder = one.heldBy?.find((droplet) => !goneDroplets.has(droplet));
  if (holder !== undefined) return { ...one, kept: `attached to droplet ${holder}` };
  if (!volumes) return { ...one, kept: "may hold data: add --volumes to remove it too" };
  return one;
}

/** What to do after the strays are gone, as a command. A droplet's birth spends the key that the state still holds. */
export function nextStep(removed: readonly Thing[], known: Known, stack: string): string {
  const up = `pulumi up --stack ${stack}`;
  const spent = removed.some(({ kind }) => kind === "droplet") && !known.activated;
  if (!spent || known.keyUrn === undefined) return up;
  const urns = [known.keyUrn, ...(known.dropletUrn === undefined ? [] : [known.dropletUrn])];
  return `${up} ${urns.map((urn) => `--replace '${urn}'`).join(" ")}`;
}
