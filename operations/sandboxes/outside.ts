import { leaseOf, leaseTag, type Lease } from "../../config/sandbox";
import { AccountError, accountFrom, type Account } from "../../lib/digitalocean/account";
import { CommandError, EXIT } from "../../lib/output";
import { credentialsFrom, TailnetApi } from "../../lib/tailnet/api";
import { idleTags, inventoryOf } from "../sweep/inventory";
import { remove } from "../sweep/remove";
import type { Inventory, SandboxThing } from "../sweep/sandboxes";
import { providerConfig } from "../sweep/sweep";

/** What hermes asks beside the engine. */
export interface Outside {
  account: Account;
  /** Absent: no credentials. */
  tailnet?: TailnetApi;
  /** What cannot be looked at, and why. */
  notLookedAt: string[];
}

/** Many at once may meet the limit of 250 calls a minute: whoever does waits. */
const PATIENCE = { patienceMs: 70_000 };

/**
 * @param of the stack whose file may hold the token
 * @throws CommandError without a token
 */
export async function outsideOf(of: string | undefined): Promise<Outside> {
  const account =
    accountFrom(process.env, undefined, PATIENCE) ??
    (of === undefined ? undefined : accountFrom({}, await providerConfig(of), PATIENCE));
  if (account === undefined)
    throw new CommandError("There is no DigitalOcean token. Set DIGITALOCEAN_TOKEN.", EXIT.input);
  try {
    return { account, tailnet: new TailnetApi(credentialsFrom(process.env)), notLookedAt: [] };
  } catch (error) {
    return { account, notLookedAt: [`tailnet: ${(error as Error).message}`] };
  }
}

/** @throws CommandError where either does not answer */
export async function inventory({ account, tailnet, notLookedAt }: Outside): Promise<Inventory> {
  return { ...(await inventoryOf(account, tailnet).catch(asCloudError)), notLookedAt };
}

function asCloudError(error: unknown): never {
  if (error instanceof AccountError) throw new CommandError(`DigitalOcean ${error.message}`, EXIT.cloud);
  throw new CommandError(`the tailnet's API: ${(error as Error).message}`, EXIT.cloud);
}

/** Before anything is made: from now on its time is known wherever it is looked for. */
export async function takeLease(account: Account, lease: Lease): Promise<void> {
  await account.post("/v2/tags", { name: leaseTag(lease) }).catch(asCloudError);
}

/** A droplet that was booting joins the tailnet after its node was looked for; a call under way makes what was not there. */
const ROUNDS = 4;

/**
 * Everything of one sandbox, by its tags and names: in rounds, until nothing is found. Its lease goes last.
 *
 * @throws CommandError that names what is left, or what could not be looked at
 */
export async function removeThings(name: string, outside: Outside, say: (text: string) => void): Promise<void> {
  const { account, tailnet } = outside;
  for (let round = 1; ; round++) {
    const found = (await inventory(outside)).things.filter(({ sandbox }) => sandbox === name);
    const leases = found.filter(isLease);
    const rest = found.filter((one) => !isLease(one));
    if (rest.length === 0) {
      if (outside.notLookedAt.length > 0)
        throw new CommandError(`not looked at: ${outside.notLookedAt.join("; ")}`, EXIT.cloud);
      await remove(leases, { account, tailnet, say: () => undefined }).catch(asCloudError);
      for (const tag of await idleTags(account).catch(asCloudError)) await account.remove(`/v2/tags/${tag}`);
      return;
    }
    if (round > ROUNDS) throw new CommandError(`still there:\n${rest.map(lineOf).join("\n")}`, EXIT.cloud);
    await remove(rest, { account, tailnet, say }).catch(asCloudError);
  }
}

const isLease = ({ kind, id }: SandboxThing): boolean => kind === "tag" && leaseOf(id) !== undefined;

export const lineOf = ({ kind, name, id, detail }: SandboxThing): string =>
  `${kind.padEnd(14)}${name} (${id}${detail === "" ? "" : `, ${detail}`})`;
