import type { Problem } from "../../config/problem";
import type { TailnetDevice } from "../../lib/tailnet/api";
import { isConnected, joinedNodeIn, ourNodes, type JoinedNode, type NodeIdentity } from "../../lib/tailnet/nodes";
import type { StateResource } from "./state";

/** An auth key of a stack is valid for an hour; the rest is for the time until the control server lists the node. */
const JOINED_WITHIN_MS = 65 * 60_000;
/** The clocks of DigitalOcean, of the control server and of this machine differ a little. */
const CLOCKS_DIFFER_MS = 5 * 60_000;

const DROPLET = "digitalocean:index/droplet:Droplet";
const VOLUME = "digitalocean:index/volume:Volume";
const GIVES_BIRTH = [DROPLET, "tailscale:index/tailnetKey:TailnetKey"];

/**
 * Nodes with this stack's host name and tag that are not this stack's: neither recorded in its state nor, where nothing is
 * recorded because a run was cut off or the droplet was imported, joined within the hour in which its key was valid.
 */
export function foreignNodes(
  devices: TailnetDevice[],
  identity: NodeIdentity,
  state: readonly StateResource[],
): TailnetDevice[] {
  const nodes = ourNodes(devices, identity);
  const recorded = state.flatMap(({ type, outputs }) =>
    type === "command:local:Command" ? (joinedNodeIn(outputs?.["stdout"]) ?? []) : [],
  );
  const isRecorded = (device: TailnetDevice): boolean => recorded.some((node) => isNode(device, node));
  const births = nodes.some(isRecorded) ? [] : state.flatMap(bornAt);
  // On a volume the node's identity outlives the droplet: it joined with an earlier one.
  const isLasting = state.some(({ type }) => type === VOLUME) && state.some(({ type }) => type === DROPLET);
  const isBornHere = (node: TailnetDevice): boolean =>
    births.some((time) => joinedAfter(time, node) || (isLasting && Date.parse(node.created) < time));
  return nodes.filter((node) => !isRecorded(node) && !isBornHere(node));
}

/** A node that logged in again may have another id; the control server then gives it its old address. */
const isNode = ({ id, addresses }: TailnetDevice, node: JoinedNode): boolean =>
  id === node.id || addresses.includes(node.address);

/** Whether a node may have joined with a key that was made, or by a droplet that was created, at that time. */
export function joinedAfter(time: number, { created }: Pick<TailnetDevice, "created">): boolean {
  const age = Date.parse(created) - time;
  return age >= -CLOCKS_DIFFER_MS && age <= JOINED_WITHIN_MS;
}

function bornAt({ type, outputs }: StateResource): number[] {
  const time = GIVES_BIRTH.includes(type) ? Date.parse(String(outputs?.["createdAt"])) : NaN;
  return Number.isNaN(time) ? [] : [time];
}

/** The refusal of a host name that another stack's node has. */
export function takenHostname(
  node: TailnetDevice,
  { hostname, tag }: NodeIdentity,
  stack: string,
  now = Date.now(),
): Problem {
  const seen = isConnected(node, now) ? "connected" : "not connected";
  return {
    key: "hermes:tailnet.hostname",
    found: JSON.stringify(hostname),
    wrong: `the tailnet has a node of that name with ${tag} that is not in this stack's state: ${node.name} (${node.id}, ${seen}, created ${node.created})`,
    allowed: "A host name that no other node with this tag has: hermes never removes the node of another stack.",
    fix: `Set another host name: pulumi config set --path hermes:tailnet.hostname ${otherName(hostname, stack)}. Or, if nothing needs that node, remove it in the tailnet's admin console (Machines), and run this again.`,
  };
}

const otherName = (hostname: string, stack: string): string =>
  (hostname === `hermes-${stack}` ? `${hostname}-2` : `hermes-${stack}`).toLowerCase().slice(0, 63);
