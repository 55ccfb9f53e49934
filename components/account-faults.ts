import { isBotTag } from "../config/sandbox";
import { type Entry } from "../lib/digitalocean/account";
import { apiRules, ruleDifferences, texts, type Rule } from "../lib/digitalocean/firewall-text";
import { isMap } from "../lib/maps";

/** What a stack declares of the resources whose update may fail and then look done. */
export interface Declared {
  droplet: { id: string; size: string; region: string; image: string; tags: string[] };
  firewall: { id: string; tags: string[]; inbound: Rule[]; outbound: Rule[] };
  /** Absent: the stack has none. */
  volume?: { id: string; sizeGiB: number };
}

/** The same things as the account has them; undefined where one is gone. */
export interface InAccount {
  droplet?: Entry | undefined;
  firewall?: Entry | undefined;
  volume?: Entry | undefined;
}

/** What is not as declared, in words; empty when all is. */
export function accountFaults(declared: Declared, found: InAccount): string[] {
  const { droplet, firewall, volume } = declared;
  return [
    ...(found.droplet === undefined ? [`droplet ${droplet.id} is gone`] : dropletFaults(droplet, found.droplet)),
    ...(found.firewall === undefined ? [`firewall ${firewall.id} is gone`] : firewallFaults(firewall, found.firewall)),
    ...(volume === undefined ? [] : volumeFaults(volume, droplet.id, found.volume)),
  ];
}

function dropletFaults({ id, size, region, image, tags }: Declared["droplet"], found: Entry): string[] {
  const has = texts(found["tags"]).map(lower);
  const wanted = tags.map(lower);
  const foundRegion = isMap(found["region"]) ? String(found["region"]["slug"]) : region;
  const foundImage = imageOf(found["image"], image);
  return [
    ...differs("its size", String(found["size_slug"]), size, "hermes:size"),
    ...differs("its region", foundRegion, region, "hermes:region"),
    ...differs("its image", foundImage, image, "hermes:image"),
    ...wanted.filter((tag) => !has.includes(tag)).map((tag) => `it lacks the tag ${tag}`),
    // A bot's tag that is left over says something wrong about the droplet. Other tags may be somebody's own.
    ...has.filter((tag) => isBotTag(tag) && !wanted.includes(tag)).map((tag) => `it still has the tag ${tag}`),
  ].map((fault) => `droplet ${String(found["name"])} (${id}): ${fault}`);
}

/** Slugs move on to newer builds, and images are deleted: then the API does not tell what the droplet was made from. */
function imageOf(found: unknown, wanted: string): string {
  if (!isMap(found)) return wanted;
  const told = (/^\d+$/.test(wanted) ? found["id"] : found["slug"]) as string | number | null | undefined;
  return told === undefined || told === null || told === "" ? wanted : String(told);
}

const lower = (tag: string): string => tag.toLowerCase();

const differs = (what: string, found: string, wanted: string, key: string): string[] =>
  found === wanted ? [] : [`${what} is ${found}, and ${key} is ${wanted}`];

function firewallFaults({ id, tags, inbound, outbound }: Declared["firewall"], found: Entry): string[] {
  const has = texts(found["tags"]).map(lower);
  return [
    ...tags.filter((tag) => !has.includes(lower(tag))).map((tag) => `it does not cover the tag ${tag}`),
    ...ruleDifferences("inbound", inbound, apiRules(found, "inbound_rules")),
    ...ruleDifferences("outbound", outbound, apiRules(found, "outbound_rules")),
  ].map((fault) => `firewall ${String(found["name"])} (${id}): ${fault}`);
}

function volumeFaults({ id, sizeGiB }: NonNullable<Declared["volume"]>, droplet: string, found?: Entry): string[] {
  if (found === undefined) return [`volume ${id} is gone`];
  const size = Number(found["size_gigabytes"]);
  return [
    ...(size === sizeGiB ? [] : [sizeFault(size, sizeGiB)]),
    ...(texts(found["droplet_ids"]).includes(droplet) ? [] : [`it is not attached to droplet ${droplet}`]),
  ].map((fault) => `volume ${String(found["name"])} (${id}): ${fault}`);
}

const sizeFault = (found: number, wanted: number): string =>
  `it has ${found} GiB, and hermes:volumeGiB is ${wanted}${found > wanted ? `; write ${found}, a volume cannot shrink` : ""}`;

/** What an `up` ends with. */
export function notAsDeclaredText(stack: string, faults: readonly string[]): string {
  return [
    `DigitalOcean does not have what stack ${stack} declares, though Pulumi's state says so:`,
    ...faults.map((fault) => `  ${fault}`),
    "  An earlier change of it failed, or it was changed outside of Pulumi. The configuration on the droplet was left as it is.",
    `  Read what is there, and make the change again: pulumi up --refresh --stack ${stack}`,
  ].join("\n");
}
