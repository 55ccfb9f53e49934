import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { engineChildEnvironment } from "../config/child-environment";
import { resourceNames } from "../config/names";
import { publicKeyOf } from "../config/public-key";
import { AccountError, type Account } from "../digitalocean/account";
import { knownOf, strays, type StateResource } from "./strays";
import { LISTS, type Identity, type Thing, type ThingKind } from "./things";

/** Of these a second one cannot be made, or costs money. A tag is taken as it is; nodes are the tailnet commands' matter. */
const GUARDED = ["droplet", "volume", "firewall", "ssh key"] as const satisfies ThingKind[];

/** One look at the account, and at the state where there is something to compare. */
export interface Survey {
  things: Thing[];
  /** Absent: nothing was found, or the state could not be read. */
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
  const things = await look(account, identity, GUARDED);
  return { things, state: things.length === 0 ? undefined : await stateResources(pulumi.getStack()) };
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

/** No answer is no reason to fail an `up`: it is told, and the next one looks again. */
async function look(account: Account, identity: Identity, kinds: readonly (keyof typeof LISTS)[]): Promise<Thing[]> {
  try {
    return (await Promise.all(kinds.map((kind) => LISTS[kind](account, identity)))).flat();
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
    `  Look at it, and remove it: hermes sweep --stack ${stack}`,
  ].join("\n");
}
