import * as pulumi from "@pulumi/pulumi";
import { covers } from "../../config/cidrs";
import { ConfigError, type Problem } from "../../config/problem";
import type { HermesConfig } from "../../config/types";
import { addressSeenBy } from "../../lib/ssh/operator-address";
import { publicKeyOf } from "../../lib/ssh/public-key";
import type { StateResource, Survey } from "../sweep";

/** A change of the ranges that the droplet itself does not know of yet. */
export interface PendingRanges {
  /** Public IPv4 address of the droplet. */
  host: string;
  /** What nftables on the droplet lets in. */
  before: string[];
  wanted: string[];
}

/**
 * With `access: ssh` the ranges are in two places: DigitalOcean's firewall, which Pulumi changes first, and nftables on the
 * droplet, which is changed over the connection that they let through. Refuses ranges without the address that this machine
 * comes from. Where the droplet does not answer here, that address is not known: then it warns of what is ahead.
 *
 * @returns what to say if the droplet still does not answer once DigitalOcean's firewall is changed
 * @throws ConfigError
 */
export async function refuseLockout(
  seen: Survey | undefined,
  config: HermesConfig,
  secrets: Record<string, pulumi.Output<string>>,
): Promise<string | undefined> {
  const pending = pendingRanges(seen?.state ?? [], config);
  if (pending === undefined) return undefined;
  const [privateKey, hostKey] = await plain([secrets["deployKey"], secrets["hostKey"]]);
  if (privateKey === undefined || hostKey === undefined) return undefined;
  const address = await addressSeenBy({ host: pending.host, privateKey, hostKey: publicKeyOf(hostKey) });
  if (address === undefined) {
    await pulumi.log.warn(lockedOutText(pending, config));
    return lockedOutText(pending, config);
  }
  if (!covers(pending.wanted, address)) throw new ConfigError(config.stack, [lockout(pending.wanted, address)]);
  return undefined;
}

const plain = (values: (pulumi.Output<string> | undefined)[]): Promise<(string | undefined)[]> =>
  new Promise(
    (resolve) => void pulumi.all(values.map((value) => value ?? "")).apply((all) => resolve(all.map(orNone))),
  );

const orNone = (value: string): string | undefined => (value === "" ? undefined : value);

/** Pure. @returns undefined if the droplet has these ranges already, if there is no droplet, or if it opens port 22 to none */
export function pendingRanges(state: readonly StateResource[], config: HermesConfig): PendingRanges | undefined {
  if (config.access.mode !== "ssh") return undefined;
  const of = (type: string, end = ""): Record<string, unknown> | undefined =>
    state.find((one) => one.type === type && one.urn.endsWith(end))?.outputs;
  const host = of("digitalocean:index/droplet:Droplet")?.["ipv4Address"];
  const before = rangesIn(of("command:remote:Command", "-config")?.["stdin"]);
  const wanted = config.access.adminCidrs;
  // None: the droplet is reached by the tailnet alone, and is replaced.
  if (typeof host !== "string" || before.length === 0) return undefined;
  return [...before].sort().join() === [...wanted].sort().join() ? undefined : { host, before, wanted };
}

/** From the rules in the configuration that the droplet was given last. */
function rangesIn(bundle: unknown): string[] {
  try {
    const { files } = JSON.parse(String(bundle)) as { files?: Record<string, { text?: unknown }> };
    const text = files?.["/etc/hermes/nftables.nft"]?.text;
    const lines: unknown[] = Array.isArray(text) ? text : [];
    return lines.flatMap((line) => /saddr (\S+) tcp dport 22 accept/.exec(String(line))?.[1] ?? []);
  } catch {
    return [];
  }
}

const lockout = (wanted: readonly string[], address: string): Problem => ({
  key: "hermes:adminCidrs",
  found: wanted.join(", "),
  wrong: `it does not contain ${address}, the address from which this machine reaches the droplet`,
  allowed: "Ranges that contain the machine that runs pulumi: it configures the droplet through them.",
  fix: `Add ${address}/${isIPv6(address) ? 128 : 32}. To hand the droplet over to another address, add that one too, run pulumi up from there, and then remove this one.`,
});

const isIPv6 = (address: string): boolean => address.includes(":");

export function lockedOutText({ host, before, wanted }: PendingRanges, { tailnet, volumeGiB }: HermesConfig): string {
  const rules = wanted.map(
    (range) => `nft insert rule inet hermes input ${isIPv6(range) ? "ip6" : "ip"} saddr ${range} tcp dport 22 accept`,
  );
  return [
    `Port 22 of the droplet (${host}) does not answer this machine, and hermes:adminCidrs changes from ${before.join(", ")} to ${wanted.join(", ")}.`,
    "  `up` changes DigitalOcean's firewall, but nftables on the droplet still lets in the old ranges alone. Ways in:",
    "  - Run pulumi up from an address in the old ranges, with both in hermes:adminCidrs.",
    `  - From a machine on the tailnet, which nftables lets in: ssh root@${tailnet.hostname} '${rules.join("; ")}'; then pulumi up here.`,
    `  - If neither is possible, raise hermes:bootstrapRevision by one, for a new droplet: ${
      volumeGiB > 0 ? "the volume and its state stay." : "without a volume ALL STATE IS LOST."
    }`,
  ].join("\n");
}
