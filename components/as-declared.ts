import type * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";
import { endProgram } from "../config/report";
import { AccountError, type Account, type Entry } from "../lib/digitalocean/account";
import { providerRules } from "../lib/digitalocean/firewall-text";
import { isMap } from "../lib/maps";
import { accountFaults, notAsDeclaredText, type Declared, type InAccount } from "./account-faults";
import type { FirewallRules } from "./firewall-rules";

export interface AsDeclaredArgs {
  /** Absent (no token): nothing is looked at. */
  account: Account | undefined;
  firewall: digitalocean.Firewall;
  volume: digitalocean.Volume | undefined;
  /** What the program asks for: the state may say the same of a change that failed. */
  wanted: {
    size: string;
    region: string;
    image: string;
    volumeGiB: number;
    rules: FirewallRules;
    firewallTag: string;
    tags: pulumi.Input<string>[];
  };
}

/**
 * The id of the droplet, once DigitalOcean is known to have what the stack declares. The official provider keeps the wanted
 * values of an update that failed, so the next `up` has nothing to change and would end well. What depends on this id, such
 * as memory limits for a larger size, is not done on a droplet that is not as declared.
 */
export function asDeclared(args: AsDeclaredArgs, dropletId: pulumi.Output<string>): pulumi.Output<string> {
  const { account, wanted } = args;
  if (account === undefined || pulumi.runtime.isDryRun()) return dropletId;
  return pulumi
    .all([dropletId, args.firewall.id, args.volume?.id ?? "", pulumi.all(wanted.tags)])
    .apply(async ([id, firewall, volume, tags]) => {
      const { size, region, image, volumeGiB, rules, firewallTag } = wanted;
      await refuseFaults(account, {
        droplet: { id, size, region, image, tags },
        firewall: {
          id: firewall,
          tags: [firewallTag],
          inbound: providerRules(rules.inboundRules, "sourceAddresses"),
          outbound: providerRules(rules.outboundRules, "destinationAddresses"),
        },
        ...(volume === "" ? {} : { volume: { id: volume, sizeGiB: volumeGiB } }),
      });
      return id;
    });
}

/** No answer is no reason to fail an `up`: it is told, and the next one looks again. */
async function refuseFaults(account: Account, declared: Declared): Promise<void> {
  let found: InAccount;
  try {
    found = await lookUp(account, declared);
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    await pulumi.log.warn(`The account was not compared with what the stack declares: DigitalOcean ${error.message}.`);
    return;
  }
  const faults = accountFaults(declared, found);
  if (faults.length > 0) await endProgram(notAsDeclaredText(pulumi.getStack(), faults));
}

async function lookUp(account: Account, { droplet, firewall, volume }: Declared): Promise<InAccount> {
  const one = async (path: string, key: string): Promise<Entry | undefined> => {
    const entry = (await account.find(path))?.[key];
    return isMap(entry) ? entry : undefined;
  };
  const [foundDroplet, foundFirewall, foundVolume] = await Promise.all([
    one(`/v2/droplets/${droplet.id}`, "droplet"),
    one(`/v2/firewalls/${firewall.id}`, "firewall"),
    volume === undefined ? undefined : one(`/v2/volumes/${volume.id}`, "volume"),
  ]);
  return { droplet: foundDroplet, firewall: foundFirewall, volume: foundVolume };
}
