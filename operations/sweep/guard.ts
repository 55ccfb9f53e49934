import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { ConfigError, type Problem } from "../../config/problem";
import { engineChildEnvironment } from "../../lib/child-environment";
import { AccountError, type Account } from "../../lib/digitalocean/account";
import { resourceNames } from "../../lib/names";
import { publicKeyOf } from "../../lib/ssh/public-key";
import { credentialsFrom, TailnetApi, type TailnetDevice } from "../../lib/tailnet/api";
import type { NodeIdentity } from "../../lib/tailnet/nodes";
import { madeAs, ownedElsewhereText, renamedText } from "./moved";
import { foreignNodes, takenHostname } from "./node-owner";
import type { StateResource } from "./state";
import { knownOf, strays } from "./strays";
import { LISTS, sshKeysLike, type Identity, type Thing, type ThingKind } from "./things";

/** Of these a second one cannot be made, or costs money. A tag is taken as it is; nodes are the tailnet commands' matter. */
const GUARDED = ["droplet", "volume", "firewall"] as const satisfies ThingKind[];

/** One look at the account and at the state. */
export interface Survey {
  things: Thing[];
  /** The account's SSH key with the stack's public key, under a name that this stack does not give. */
  sharedKey?: Thing | undefined;
  /** Absent: the state could not be read. */
  state?: StateResource[] | undefined;
}

/**
 * What DigitalOcean holds that carries this stack's tag or name. Without an account (no token) nothing is looked for.
 * Does not reject: the configuration's faults come first.
 *
 * @param deployKey the stack's secret as it is, before any rule has seen it
 */
export async function survey(
  account: Account | undefined,
  deployKey: pulumi.Output<string> | undefined,
): Promise<Survey | undefined> {
  if (account === undefined) return undefined;
  const identity = { names: resourceNames(pulumi.getStack()), publicKey: await publicKey(deployKey) };
  const [things, keys, state] = await Promise.all([
    look(account, identity, GUARDED),
    looked(() => sshKeysLike(account, identity.publicKey)),
    stateResources(pulumi.getStack()),
  ]);
  const isOwn = ({ name }: Thing): boolean => name === identity.names.sshKey;
  return { things: [...things, ...keys.filter(isOwn)], sharedKey: keys.find((key) => !isOwn(key)), state };
}

/**
 * Keeps this stack from what another stack has, in previews too: the host name of its tailnet node, its SSH key.
 *
 * @throws ConfigError with all of it
 */
export async function refuseShared(seen: Survey | undefined, identity: NodeIdentity): Promise<void> {
  if (seen?.state === undefined) return;
  const stack = pulumi.getStack();
  const [node] = foreignNodes(await tailnetDevices(), identity, seen.state);
  const { sharedKey } = seen;
  const isKnown = sharedKey !== undefined && knownOf(seen.state).ids["ssh key"].has(sharedKey.id);
  const problems = [
    ...(node === undefined ? [] : [takenHostname(node, identity, stack)]),
    ...(sharedKey === undefined || isKnown ? [] : [sharedDeployKey(sharedKey, stack)]),
  ];
  if (problems.length > 0) throw new ConfigError(stack, problems);
}

const sharedDeployKey = ({ name, id }: Thing, stack: string): Problem => ({
  key: "hermes:secrets.deployKey",
  found: "[secret]",
  wrong: `the DigitalOcean account has this key already, as SSH key ${name} (${id}), which is not in this stack's state`,
  allowed: "A key of its own for each stack. The file of another stack brings that stack's keys along.",
  fix: `Give this stack keys of its own: ./hermes init --stack ${stack} --rotate ${OWN_SECRETS.join(" ")}. Or, if nothing uses that SSH key, remove it in DigitalOcean's control panel (Settings, Security).`,
});

/** What a stack made from another one's file has to make for itself. */
const OWN_SECRETS = ["deployKey", "hostKey", "gatewayToken"] as const;

/** Without credentials nothing is looked up: the commands that need them say so. */
async function tailnetDevices(): Promise<TailnetDevice[]> {
  let api: TailnetApi;
  try {
    api = new TailnetApi(credentialsFrom(process.env));
  } catch {
    return [];
  }
  try {
    return await api.devices();
  } catch (error) {
    await pulumi.log.warn(`The tailnet was not searched for a node of this stack's name: ${(error as Error).message}.`);
    return [];
  }
}

/**
 * Keeps a stack from making everything a second time, in previews too: a renamed one, and one whose name another stack has.
 *
 * @throws pulumi.RunError with the way back
 */
export function refuseMoved(seen: Survey | undefined): void {
  if (seen?.state === undefined) return;
  const stack = pulumi.getStack();
  const before = madeAs(seen.state);
  if (before !== undefined && before !== stack) throw new pulumi.RunError(renamedText(before, stack));
  if (before !== undefined) return;
  const found = strays(seen.things, knownOf(seen.state), { volumes: false });
  if (found.length > 0) throw new pulumi.RunError(ownedElsewhereText(stack, found));
}

/** What of it this stack would make and its state does not know: a call whose reply was lost has acted. None in previews. */
export function straysIn(seen: Survey | undefined): Thing[] {
  if (seen?.state === undefined || pulumi.runtime.isDryRun()) return [];
  return strays(seen.things, knownOf(seen.state), { volumes: false });
}

/** @throws pulumi.RunError that names all of them. */
export function refuseStrays(found: readonly Thing[]): void {
  // The engine prints a RunError's message alone, without a stack trace.
  if (found.length > 0) throw new pulumi.RunError(straysText(pulumi.getStack(), found));
}

/**
 * The droplet's id once it is known to be the only droplet with the tag. What waits for it is not done on the wrong one:
 * of two droplets with the same user data the first one has the tailnet key.
 */
export function alone(account: Account | undefined, dropletId: pulumi.Output<string>): pulumi.Output<string> {
  if (account === undefined || pulumi.runtime.isDryRun()) return dropletId;
  return dropletId.apply(async (id) => {
    const found = await look(account, { names: resourceNames(pulumi.getStack()) }, ["droplet"]);
    refuseStrays(found.filter((one) => one.id !== id));
    return id;
  });
}

const look = (account: Account, identity: Identity, kinds: readonly (keyof typeof LISTS)[]): Promise<Thing[]> =>
  looked(async () => (await Promise.all(kinds.map((kind) => LISTS[kind](account, identity)))).flat());

/** No answer is no reason to fail an `up`: it is told, and the next one looks again. */
async function looked(list: () => Promise<Thing[]>): Promise<Thing[]> {
  try {
    return await list();
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    await pulumi.log.warn(`What is not in the state was not looked for: DigitalOcean ${error.message}.`);
    return [];
  }
}

/**
 * From the engine's own command, which takes no lock: a program is not told what is in its state, and asking through the
 * SDK would write the stack's secrets into the engine's debug messages.
 */
async function stateResources(stack: string): Promise<StateResource[] | undefined> {
  const env = { ...engineChildEnvironment(process.env), PULUMI_SKIP_UPDATE_CHECK: "true" };
  const options = { env, maxBuffer: 64 << 20, timeout: 30_000 };
  try {
    const { stdout } = await promisify(execFile)("pulumi", ["stack", "export", "--stack", stack], options);
    return (JSON.parse(stdout) as { deployment?: { resources?: StateResource[] } }).deployment?.resources ?? [];
  } catch {
    await pulumi.log.warn("What is not in the state was not looked for: pulumi stack export failed.");
    return undefined;
  }
}

async function publicKey(deployKey: pulumi.Output<string> | undefined): Promise<string | undefined> {
  try {
    return publicKeyOf(await new Promise<string>((resolve) => void pulumi.output(deployKey ?? "").apply(resolve)));
  } catch {
    return undefined;
  }
}

/** What an `up` ends with that found things of its own which it does not know. */
export function straysText(stack: string, found: readonly Thing[]): string {
  return [
    "DigitalOcean holds what carries this stack's tag or name and is not in its state:",
    ...found.map(({ kind, id, name, detail }) => `  ${kind} ${name} (${id}${detail === "" ? "" : `, ${detail}`})`),
    "  It was made by a call whose reply was lost, or by a run that was cut off.",
    `  Look at it, and remove it: ./hermes sweep --stack ${stack}`,
  ].join("\n");
}
