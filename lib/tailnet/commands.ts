import { connect } from "node:net";
import type { TailnetApi, TailnetDevice } from "./api";
import { addressOf, isConnected, lockProblem, ourNodes, shortName, type JoinedNode, type NodeIdentity } from "./nodes";

export interface WaitOptions extends NodeIdentity {
  /** Dial this host instead of the node's own address, where the operator is not on the tailnet. */
  dial?: string;
  /** Auth key that the node joins with: with it, a wait that nothing can end is given up early. */
  keyId?: string;
  /** Between two looks at the key. @default 15 s */
  keyPollMs?: number;
  timeoutMs: number;
  pollMs: number;
  say: (text: string) => void;
  /** Resolves to an SSH server's greeting, or to why there was none in that time. */
  greet?: (host: string, timeoutMs: number) => Promise<Greeting>;
}

export type Greeting = { ok: true } | { ok: false; why: string };

export interface EvictOptions extends NodeIdentity {
  /** The node that this stack recorded as its own: it goes although it is connected. */
  ownId?: string | undefined;
  /** How long a connected node may take to leave: its droplet has just been deleted, or it belongs to somebody else. */
  timeoutMs: number;
  pollMs: number;
  say: (text: string) => void;
}

/**
 * Vacates the name, so that a new droplet gets the plain one and no `-1`. A connected node that is not known to be this
 * stack's stays: another stack may run it.
 *
 * @returns the number of nodes that were removed
 */
export async function evict(api: TailnetApi, options: EvictOptions): Promise<number> {
  const deadline = Date.now() + options.timeoutMs;
  let removed = 0;
  for (;;) {
    const nodes = ourNodes(await api.devices(), options);
    const leaving = nodes.filter((node) => node.id === options.ownId || !isConnected(node));
    for (const node of leaving) {
      options.say(`removing ${node.name} from the tailnet`);
      await api.remove(node.id);
    }
    removed += leaving.length;
    const connected = nodes.filter((node) => !leaving.includes(node));
    // The stack's node has left: what else is connected is not this stack's.
    if (connected.length === 0 || options.ownId !== undefined) return removed;
    if (Date.now() + options.pollMs > deadline) {
      for (const node of connected) options.say(stillConnected(node));
      return removed;
    }
    await new Promise((resolve) => setTimeout(resolve, options.pollMs));
  }
}

const stillConnected = ({ name, id }: TailnetDevice): string =>
  `${name} (${id}) stays: it is still connected, so another stack may run it. If nothing needs it, remove it in the tailnet's admin console.`;

/**
 * Waits until our node is on the tailnet and its SSH server greets; then makes its name the wanted one.
 * The greeting is waited for because a host that accepts TCP and stays silent would hang a remote command for ever.
 *
 * @throws Error that says how far it got, when the time is up, or when the key is spent and no node came of it.
 */
export async function waitForNode(api: TailnetApi, options: WaitOptions): Promise<JoinedNode> {
  const greet = options.greet ?? sshGreeting;
  const deadline = Date.now() + options.timeoutMs;
  const key = keyWatch(api, options);
  let seen = "no node appeared on the tailnet";
  let attempts = 0;
  for (;;) {
    const nodes = ourNodes(await api.devices(), options);
    const known = nodes.length > 0;
    if (known) attempts++;
    const { node, progress } = await firstGreeting(nodes, options, (host) => greet(host, patienceMs(attempts)));
    if (node !== undefined) return await settleName(api, node, options);
    if (progress !== seen) options.say(progress);
    seen = progress;
    if (!known) await key.look();
    if (Date.now() + options.pollMs > deadline) throw new Error(timeoutText(seen, options));
    await new Promise((resolve) => setTimeout(resolve, options.pollMs));
  }
}

/** For a greeting: little at first, since the first packets to a new node are lost until the nodes know of each other. */
const patienceMs = (attempt: number): number => Math.min(500 + 500 * attempt, 5_000);

/** Twice in a row, since a node that has just spent the key may not be in the list yet. */
function keyWatch(api: TailnetApi, options: WaitOptions): { look(): Promise<void> } {
  const { keyId, keyPollMs = 15_000 } = options;
  let next = Date.now() + keyPollMs;
  let gone = 0;
  const look = async (): Promise<void> => {
    if (keyId === undefined || Date.now() < next) return;
    next = Date.now() + keyPollMs;
    gone = (await api.keyIsValid(keyId)) ? 0 : gone + 1;
    if (gone === 2) throw new Error(spentText(options));
  };
  return { look };
}

/** All at once: a ghost, which never answers, keeps the others waiting for no more than it keeps itself. */
async function firstGreeting(
  nodes: readonly TailnetDevice[],
  options: WaitOptions,
  greet: (host: string) => Promise<Greeting>,
): Promise<{ node?: TailnetDevice; progress: string }> {
  const locked = nodes.map(lockProblem).find((problem) => problem !== undefined);
  if (locked !== undefined) throw new Error(locked);
  const greeted = nodes.map(async (node) => {
    const host = options.dial ?? addressOf(node);
    const greeting = host === undefined ? { ok: false as const, why: "it has no address yet" } : await greet(host);
    if (greeting.ok) return node;
    throw new Error(
      `${node.name} is known to the tailnet; its SSH server at ${host} does not answer yet (${greeting.why})`,
    );
  });
  return await Promise.any(greeted).then(
    (node) => ({ node, progress: "" }),
    ({ errors }: AggregateError) => ({
      progress:
        (errors.at(-1) as Error | undefined)?.message ??
        `waiting for ${options.hostname} (${options.tag}) to join the tailnet`,
    }),
  );
}

/** Gives the node the plain name; ghosts that hold it go first. */
async function settleName(api: TailnetApi, node: TailnetDevice, options: WaitOptions): Promise<JoinedNode> {
  const address = addressOf(node);
  if (address === undefined) throw new Error(`${node.name} has no address on the tailnet`);
  const others = ourNodes(await api.devices(), options).filter((other) => other.id !== node.id);
  for (const other of others) {
    if (await isAlive(other, options)) throw new Error(twoNodesText(node, other, options));
    options.say(`removing the older ${other.name}, which does not answer`);
    await api.remove(other.id);
  }
  const [label, ...domain] = node.name.split(".");
  if (label !== options.hostname) {
    options.say(`renaming ${shortName(node)} to ${options.hostname}`);
    await api.rename(node.id, options.hostname);
  }
  return { id: node.id, name: [options.hostname, ...domain].join("."), address };
}

/** A droplet that was deleted the hard way stays connected for a minute or two, but does not greet. */
async function isAlive(other: TailnetDevice, options: WaitOptions): Promise<boolean> {
  if (!isConnected(other)) return false;
  const host = addressOf(other);
  // An operator who is not on the tailnet cannot ask it.
  if (options.dial !== undefined || host === undefined) return true;
  return (await (options.greet ?? sshGreeting)(host, 5_000)).ok;
}

const twoNodesText = (node: TailnetDevice, other: TailnetDevice, { hostname, tag }: WaitOptions): string =>
  [
    `the tailnet has two connected nodes called ${hostname} with ${tag}: ${node.name} (${node.id}) and ${other.name} (${other.id}).`,
    "  One of them is not this stack's, and neither was removed. Set another hermes:tailnet.hostname for one of the two",
    "  stacks; or remove the node that nothing needs in the tailnet's admin console. Then run `pulumi up` again.",
    "  If the other one's droplet was deleted a moment ago, wait two minutes and run `pulumi up` again.",
  ].join("\n");

const spentText = ({ hostname, keyId }: WaitOptions): string =>
  [
    `${hostname} cannot join the tailnet: its auth key ${keyId} is spent, expired (after an hour) or revoked.`,
    "  A key is given at birth: raise hermes:bootstrapRevision by one and run `pulumi up`, for a new droplet with a new",
    "  key. State on a volume stays; with hermes:volumeGiB 0 it is LOST.",
  ].join("\n");

function timeoutText(seen: string, options: WaitOptions): string {
  const minutes = Math.round(options.timeoutMs / 60_000);
  return [
    `${options.hostname} could not be reached after ${minutes} min: ${seen}.`,
    "  If it never joined: the droplet's console (DigitalOcean, Access, Recovery console) shows what cloud-init said,",
    "    and /var/lib/hermes/bootstrap.json on it names the step that failed.",
    "  If it joined: is this machine on the tailnet, and does the policy let it reach port 22 of " + options.tag + "?",
  ].join("\n");
}

/** Connects to port 22 and waits for the `SSH-` line that a server sends first (RFC 4253, section 4.2). */
export function sshGreeting(host: string, timeoutMs: number, port = 22): Promise<Greeting> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (greeting: Greeting): void => {
      socket.destroy();
      resolve(greeting);
    };
    socket.setTimeout(timeoutMs, () => finish({ ok: false, why: "no answer" }));
    socket.once("error", (error: NodeJS.ErrnoException) => finish({ ok: false, why: error.code ?? error.message }));
    socket.once("close", () => finish({ ok: false, why: "closed" }));
    socket.once("data", (data) =>
      finish(data.toString("latin1").startsWith("SSH-") ? { ok: true } : { ok: false, why: "no SSH server" }),
    );
  });
}
