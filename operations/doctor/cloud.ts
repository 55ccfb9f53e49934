import { AccountError, type Account, type Entry } from "../../lib/digitalocean/account";
import { apiRules, maps, providerRules, ruleDifferences, texts, type Rule } from "../../lib/digitalocean/firewall-text";
import { isMap } from "../../lib/maps";
import { fail, ok, warn, type Check } from "./checks";

/** What the stack's state says of its resources. */
export interface Declared {
  dropletId: string;
  size: string;
  volumeIds: string[];
  firewall: { id: string; tags: string[]; inbound: Rule[]; outbound: Rule[] };
}

/** @param exported - what `pulumi stack export` prints @returns undefined when there is no droplet or firewall in it */
export function declared(exported: string): Declared | undefined {
  const { deployment } = JSON.parse(exported) as {
    deployment?: { resources?: { type: string; id?: string; outputs?: Entry; delete?: boolean }[] };
  };
  const of = (type: string) => deployment?.resources?.find((each) => each.type === type && each.delete !== true);
  const droplet = of("digitalocean:index/droplet:Droplet");
  const firewall = of("digitalocean:index/firewall:Firewall");
  if (droplet === undefined || firewall === undefined) return undefined;
  return {
    dropletId: String(droplet.id),
    size: String(droplet.outputs?.["size"]),
    volumeIds: texts(droplet.outputs?.["volumeIds"]),
    firewall: {
      id: String(firewall.id),
      tags: texts(firewall.outputs?.["tags"]),
      inbound: providerRules(firewall.outputs?.["inboundRules"], "sourceAddresses"),
      outbound: providerRules(firewall.outputs?.["outboundRules"], "destinationAddresses"),
    },
  };
}

/** Looks at the account with the token of the environment. No answer is a warning. */
export async function cloudChecks(wanted: Declared, account: Account): Promise<Check[]> {
  try {
    const droplet = (await account.find(`/v2/droplets/${wanted.dropletId}`))?.["droplet"];
    if (!isMap(droplet)) throw new AccountError(`has no droplet ${wanted.dropletId}`);
    return [dropletCheck(wanted, droplet), firewallCheck(wanted, droplet, await account.list("firewalls"))];
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    const fix = "is the token valid, and may it read droplets and firewalls?";
    return [warn("cloud", `could not be checked: DigitalOcean ${error.message}`, fix)];
  }
}

const HEAL = "pulumi up --refresh brings back what is declared";

function dropletCheck(wanted: Declared, droplet: Entry): Check {
  const name = "cloud droplet";
  const volumes = texts(droplet["volume_ids"]);
  const faults = [
    ...(droplet["status"] === "active" ? [] : [`it is ${String(droplet["status"])}`]),
    ...(droplet["size_slug"] === wanted.size
      ? []
      : [`its size is ${String(droplet["size_slug"])}, not ${wanted.size}`]),
    ...wanted.volumeIds.filter((id) => !volumes.includes(id)).map((id) => `volume ${id} is not attached`),
  ];
  if (faults.length === 0) return ok(name, `active, ${wanted.size}${volumes.length > 0 ? ", volume attached" : ""}`);
  return fail(name, faults.join("; "), HEAL);
}

/** Firewalls add up: one that somebody else put on the droplet opens what ours closes. */
function firewallCheck({ firewall }: Declared, droplet: Entry, firewalls: Entry[]): Check {
  const name = "cloud firewall";
  const tags = texts(droplet["tags"]);
  const ours = firewalls.find(({ id }) => id === firewall.id);
  if (ours === undefined) return fail(name, "the stack's firewall is gone", HEAL);
  const others = firewalls.filter(
    (each) => each !== ours && covers(each, droplet["id"], tags) && maps(each["inbound_rules"]).length > 0,
  );
  const faults = [
    ...firewall.tags
      .filter((tag) => !tags.includes(tag))
      .map((tag) => `the droplet lost its tag ${tag}: no firewall of ours`),
    ...ruleDifferences("inbound", firewall.inbound, apiRules(ours, "inbound_rules")),
    ...ruleDifferences("outbound", firewall.outbound, apiRules(ours, "outbound_rules")),
    ...others.map(
      (each) => `another firewall, ${String(each["name"])}, lets in ${apiRules(each, "inbound_rules").join(", ")}`,
    ),
  ];
  if (faults.length === 0) return ok(name, `as declared: ${firewall.inbound.join(", ") || "nothing comes in"}`);
  const fix = others.length > 0 ? `take that firewall off the droplet; ${HEAL}` : HEAL;
  return fail(name, faults.join("; "), fix);
}

const covers = (firewall: Entry, id: unknown, tags: string[]): boolean =>
  (Array.isArray(firewall["droplet_ids"]) && firewall["droplet_ids"].includes(id)) ||
  texts(firewall["tags"]).some((tag) => tags.includes(tag));
