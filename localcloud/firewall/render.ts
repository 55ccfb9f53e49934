import { isIP } from "node:net";
import { ADDRESSES } from "../addresses";
import { INTERFACES } from "../network/namespaces";
import type { DropletFirewall, FirewallRule } from "../substrate";

/** The one table of the cloud firewall, in the lab's namespace. */
const FIREWALL_TABLE = "inet hermes_cloud";

type Direction = "inbound" | "outbound";

/**
 * The cloud firewall as a script for `nft -f`: loads all of it or nothing, and replaces what was there.
 *
 * Whatever a droplet sends or is sent passes the lab's router, also from droplet to droplet (their bridge ports are
 * isolated), and services of the lab are reached through its input hook; so both hooks ask for the sender's outbound
 * rules, the forward hook for the receiver's inbound rules too. The lab's own connections to droplets pass no hook.
 * Connections that stand keep standing when rules change, as on DigitalOcean.
 */
export function renderFirewall(policies: DropletFirewall[]): string {
  const covered = [...policies].filter((policy) => policy.covered).sort((a, b) => a.dropletId - b.dropletId);
  const bridge = INTERFACES.bridge;
  return lines([
    `table ${FIREWALL_TABLE}`,
    `delete table ${FIREWALL_TABLE}`,
    `table ${FIREWALL_TABLE} {`,
    ...covered.flatMap((policy) => [...chain(policy, "inbound"), ...chain(policy, "outbound")]),
    // A link-local address leads nowhere but to the lab's own services, past the rules of its droplet.
    ...block("chain from_droplets", ["ip6 saddr fe80::/10 drop", ...jumps(covered, "outbound")]),
    ...block("chain to_droplets", jumps(covered, "inbound")),
    ...block("chain forwarded", [
      "type filter hook forward priority filter; policy accept;",
      ...ALWAYS,
      `iifname "${bridge}" jump from_droplets`,
      `oifname "${bridge}" jump to_droplets`,
    ]),
    ...block("chain received", [
      "type filter hook input priority filter; policy accept;",
      ...ALWAYS,
      `ip daddr ${ADDRESSES.metadata.v4} accept`,
      `iifname "${bridge}" jump from_droplets`,
    ]),
    "}",
  ]);
}

/** Replies, errors about them, and what IPv6 needs to find its neighbours. */
const ALWAYS = [
  "ct state established,related accept",
  "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept",
];

const chainName = (policy: DropletFirewall, direction: Direction): string => `${direction}_${policy.dropletId}`;

/** What a rule allows goes back to the caller, where the other side may still have a say; the rest is dropped. */
function chain(policy: DropletFirewall, direction: Direction): string[] {
  const matches = policy[direction].flatMap((rule) => ruleMatches(rule, direction));
  return block(`chain ${chainName(policy, direction)}`, [...matches.map((match) => `${match} return`), "drop"]);
}

function jumps(policies: DropletFirewall[], direction: Direction): string[] {
  const side = direction === "inbound" ? "daddr" : "saddr";
  return policies.flatMap((policy) => {
    const target = `jump ${chainName(policy, direction)}`;
    const v4 = [`ip ${side} ${policy.ipv4} ${target}`];
    return policy.ipv6 === undefined ? v4 : [...v4, `ip6 ${side} ${policy.ipv6} ${target}`];
  });
}

function ruleMatches(rule: FirewallRule, direction: Direction): string[] {
  rule.addresses.forEach(check);
  const side = direction === "inbound" ? "saddr" : "daddr";
  return ([4, 6] as const).flatMap((family) => {
    const addresses = rule.addresses.filter((address) => familyOf(address) === family);
    if (addresses.length === 0) return [];
    const peers = addresses.map((address) => `${family === 4 ? "ip" : "ip6"} ${side} ${address}`);
    return peers.map((peer) => `${peer} ${protocolMatch(rule, family)}`);
  });
}

function protocolMatch(rule: FirewallRule, family: 4 | 6): string {
  if (rule.protocol === "icmp") return `meta l4proto ${family === 4 ? "icmp" : "icmpv6"}`;
  const ports = rule.ports ?? "0";
  if (ports === "0" || ports === "all") return `meta l4proto ${rule.protocol}`;
  if (!/^\d{1,5}(-\d{1,5})?$/.test(ports)) throw new Error(`"${ports}" is no port or range of ports`);
  return `${rule.protocol} dport ${ports}`;
}

const familyOf = (address: string): number => isIP(address.split("/")[0] ?? "");

/** Nothing but an address goes into the script. */
function check(address: string): void {
  if (familyOf(address) === 0 || !/^[0-9a-fA-F:.]+(\/\d{1,3})?$/.test(address)) {
    throw new Error(`"${address}" is no address or CIDR`);
  }
}

const block = (head: string, body: string[]): string[] => [`  ${head} {`, ...body.map((line) => `    ${line}`), "  }"];

const lines = (all: string[]): string => all.map((line) => `${line}\n`).join("");
