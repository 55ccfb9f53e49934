import ipaddr from "ipaddr.js";
import { addresses, parseCidr, WIDEST, type Cidr, type Family } from "../config/cidrs";
import { asMap } from "../lib/maps";
import { PRIVATE_PORTS } from "../lib/private-ports";
import { isUnknown, listOf, UNKNOWN, type Finding, type PolicyResource, type Rule } from "./types";

const FIREWALL = "digitalocean:index/firewall:Firewall";
const LOAD_BALANCER = "digitalocean:index/loadBalancer:LoadBalancer";

/** One inbound rule of a firewall, with its place for people. */
interface Inbound {
  place: string;
  rule: Record<string, unknown>;
}

export const closedPorts: Rule = {
  name: "closed-ports",
  says: `${PRIVATE_PORTS.slice(0, -1).join(", ")} and ${PRIVATE_PORTS.at(-1)} are in no inbound rule, and no load balancer leads there.`,
  one: (resource) => [
    ...inboundOf(resource).flatMap(exposedPorts),
    ...(resource.type === LOAD_BALANCER ? listOf(resource.props["forwardingRules"]).flatMap(forwardedPorts) : []),
  ],
};

export const noOpenWorld: Rule = {
  name: "no-open-world",
  says: "No inbound rule is open to the internet, a wide part of it, or a load balancer.",
  one: (resource) => [
    ...inboundOf(resource).flatMap(({ place, rule }) => [...throughBalancer(place, rule), ...unreadable(place, rule)]),
    ...tooWide(inboundOf(resource)),
  ],
  // Firewalls on one droplet add up.
  all: (resources) => {
    const firewalls = resources.filter((each) => each.type === FIREWALL);
    if (firewalls.some((each) => tooWide(inboundOf(each)).length > 0)) return [];
    const last = firewalls.at(-1);
    return last === undefined
      ? []
      : tooWide(firewalls.flatMap(inboundOf)).map((finding) => ({ ...finding, resource: last.urn }));
  },
};

function inboundOf({ type, props }: PolicyResource): Inbound[] {
  if (type !== FIREWALL) return [];
  return listOf(props["inboundRules"])
    .map((rule, i) => ({ place: `inboundRules[${i}]`, rule: asMap(rule) }))
    .filter(({ rule }) => rule["action"] !== "deny");
}

function exposedPorts({ place, rule }: Inbound): Finding[] {
  const range = rule["portRange"];
  if (rule["protocol"] === "icmp" || range === UNKNOWN) return [];
  const [low, high] = portBounds(range);
  const covered = PRIVATE_PORTS.filter((port) => low <= port && port <= high);
  if (covered.length === 0) return [];
  return [
    {
      found: `${place} opens ${what(rule)} to ${sources(rule)}, which covers ${covered.join(" and ")}`,
      fix: "Take it out: the gateway is reached through SSH and a tunnel, Ollama by the gateway alone.",
    },
  ];
}

/** "all", "0", "*" and nothing all mean every port; what can't be read counts as every port too. */
function portBounds(range: unknown): [number, number] {
  const match = /^\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*$/.exec(
    String((range as string | number | null | undefined) ?? "all"),
  );
  if (match === null || match[1] === undefined || Number(match[1]) === 0) return [1, 65535];
  const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
  return [Math.min(from, to), Math.max(from, to)];
}

function forwardedPorts(forwarding: unknown, index: number): Finding[] {
  const rule = asMap(forwarding);
  return ["entryPort", "targetPort"]
    .filter((name) => PRIVATE_PORTS.includes(Number(rule[name])))
    .map((name) => ({
      found: `forwardingRules[${index}].${name} is ${String(rule[name])}, for everyone who reaches the load balancer`,
      fix: "Take it out: the gateway is reached through SSH and a tunnel, Ollama by the gateway alone.",
    }));
}

/** It takes connections from everywhere, so what is open to it is open to all. */
function throughBalancer(place: string, rule: Record<string, unknown>): Finding[] {
  const balancers = [...listOf(rule["sourceLoadBalancerUids"]), ...listOf(rule["sourceKubernetesIds"])];
  if (balancers.length === 0) return [];
  return [
    {
      found: `${place} opens ${what(rule)} to ${sources(rule)}, and through it to the internet`,
      fix: "Take it out, or list the addresses that may connect in sourceAddresses.",
    },
  ];
}

function unreadable(place: string, rule: Record<string, unknown>): Finding[] {
  return listOf(rule["sourceAddresses"]).flatMap((source) => {
    const range = rangeOf(source);
    if (!("wrong" in range)) return [];
    return [
      {
        found: `${place} opens ${what(rule)} to ${String(source).trim()}: ${range.wrong}, so it counts as the internet`,
        fix: "Write a plain range such as 198.51.100.7/32 or 2001:db8::7/128.",
      },
    ];
  });
}

/** Two halves of the internet are the internet: what all rules let in together is what counts. */
function tooWide(inbound: readonly Inbound[]): Finding[] {
  const places = inbound.map(({ place, rule }) => ({
    place: `${place} opens ${what(rule)} to ${sources(rule)}`,
    ranges: listOf(rule["sourceAddresses"]).map(rangeOf).filter(isRange),
  }));
  const all = places.flatMap(({ ranges }) => ranges);
  return (["ipv4", "ipv6"] as const)
    .filter((family) => addresses(family, all) > WIDEST[family])
    .map((family) => {
      const blamed = places.filter(({ ranges }) => ranges.some((range) => range.family === family));
      return {
        found: `${blamed.map(({ place }) => place).join(", ")}: together ${share(family, addresses(family, all))}`,
        fix: "List your own addresses, at most a /8 of IPv4 and a /32 of IPv6 in all, or none and use the tailnet.",
      };
    });
}

function share(family: Family, covered: bigint): string {
  const name = family === "ipv4" ? "IPv4" : "IPv6";
  const whole = family === "ipv4" ? 1n << 32n : 1n << 128n;
  return covered === whole ? `all of ${name}` : `a wide part of ${name}`;
}

type Unreadable = { wrong: string };
const isRange = (range: Cidr | Unreadable): range is Cidr => !("wrong" in range);

/** A bare address is itself; bits beyond the prefix, which DigitalOcean ignores, are ignored. */
function rangeOf(source: unknown): Cidr | Unreadable {
  const text = String(source).trim();
  if (/\/0+$/.test(text)) return whole(text);
  const cidr = parseCidr(text);
  if (!("wrong" in cidr) || cidr.suggestion === undefined) return cidr;
  return parseCidr(cidr.suggestion);
}

/** However its address is spelt, nothing is left of it. */
function whole(text: string): Cidr | Unreadable {
  const [address = ""] = text.split("/");
  if (!ipaddr.isValid(address)) return { wrong: "it is no address" };
  return parseCidr(ipaddr.parse(address).kind() === "ipv4" ? "0.0.0.0/0" : "::/0");
}

const what = (rule: Record<string, unknown>): string =>
  rule["protocol"] === "icmp" ? "icmp" : `${shown(rule["protocol"] ?? "any")} ${shown(rule["portRange"] ?? "all")}`;

/** Where it lets in from, for people. */
function sources(rule: Record<string, unknown>): string {
  const named = (key: string, noun: string) => listOf(rule[key]).map((each) => `${noun}${shown(each)}`);
  const all = [
    ...named("sourceAddresses", ""),
    ...named("sourceTags", "tag "),
    ...named("sourceDropletIds", "droplet "),
    ...named("sourceLoadBalancerUids", "load balancer "),
    ...named("sourceKubernetesIds", "Kubernetes cluster "),
  ];
  if (Object.values(rule).some(isUnknown)) all.push("what is not known yet");
  return all.length === 0 ? "nobody yet" : all.join(", ");
}

const shown = (value: unknown): string => (value === UNKNOWN ? "what is not known yet" : String(value).trim());
