import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { ADDRESSES } from "../addresses";
import type { Lab } from "../lab";
import { run, tryRun } from "./run";

/**
 * Not /run/netns: the first `ip netns add` of any other program makes that a mount of its own. What was mounted there before
 * is below it then, where nothing can unmount it.
 */
const NAMESPACES = "/run/hermes-netns";

/** Interface names inside the lab's namespace. */
export const INTERFACES = { bridge: "br0", outside: "to-outside", operator: "to-operator" } as const;

/** Where nsenter finds a namespace. */
export const namespacePath = (ns: string): string => `${NAMESPACES}/${ns}`;

/**
 * The command line that runs a command in a network namespace; everything else (files, cgroups, /sys) stays the
 * host's. `ip netns exec` would remount /sys, and systemd-nspawn then finds no cgroups.
 */
export function inNamespace(ns: string, command: string[]): string[] {
  return ["nsenter", `--net=${namespacePath(ns)}`, "--", ...command];
}

/** What makes one namespace: sysctls under /proc/sys/net, then lines for `ip -batch`. Pure, so that it can be read. */
export interface NamespacePlan {
  ns: string;
  sysctls: Record<string, string>;
  ip: string[];
}

const COMMON_SYSCTLS = {
  "net.ipv4.conf.all.rp_filter": "0",
  "net.ipv4.conf.default.rp_filter": "0",
  // Addresses must work at once; nobody else is on these links.
  "net.ipv6.conf.all.accept_dad": "0",
  "net.ipv6.conf.default.accept_dad": "0",
  "net.ipv6.conf.all.accept_ra": "0",
  "net.ipv6.conf.default.accept_ra": "0",
  "net.ipv6.conf.all.disable_ipv6": "0",
  "net.ipv6.conf.default.disable_ipv6": "0",
};

/** In order: the lab's own namespace goes first, for it makes the links and pushes their other ends out. */
export function networkPlan(lab: Lab): NamespacePlan[] {
  return [labPlan(lab), edgePlan(lab.ns.outside, ADDRESSES.outside), edgePlan(lab.ns.operator, ADDRESSES.operator)];
}

function labPlan(lab: Lab): NamespacePlan {
  const { droplets, outside, operator } = ADDRESSES;
  const { bridge } = INTERFACES;
  return {
    ns: lab.ns.lab,
    sysctls: { ...COMMON_SYSCTLS, "net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1" },
    ip: [
      "link set lo up",
      `link add ${bridge} type bridge forward_delay 0 mcast_snooping 0`,
      `addr add ${droplets.v4Gateway}/${droplets.v4Prefix} dev ${bridge}`,
      `addr add ${droplets.v6Gateway}/${droplets.v6Prefix} dev ${bridge} nodad`,
      `addr add ${ADDRESSES.metadata.v4}/32 dev ${bridge}`,
      `link set ${bridge} up`,
      ...linkTo(INTERFACES.outside, lab.ns.outside, outside),
      ...linkTo(INTERFACES.operator, lab.ns.operator, operator),
      // On loopback: a kernel without dummy interfaces is common in nested machines.
      ...serviceAddresses().map((address) => `addr add ${address} dev lo`),
    ],
  };
}

function serviceAddresses(): string[] {
  const { internet, digitalocean, tailscaleApi, headscale, privateProbe } = ADDRESSES;
  const v4 = [internet, digitalocean, tailscaleApi, headscale, privateProbe].map((service) => `${service.v4}/32`);
  return [...v4, `${internet.v6}/128 nodad`];
}

type Edge = (typeof ADDRESSES)["outside"] | (typeof ADDRESSES)["operator"];

function linkTo(name: string, ns: string, edge: Edge): string[] {
  return [
    `link add ${name} type veth peer name eth0 netns ${namespacePath(ns)}`,
    `addr add ${edge.lab4}/${edge.prefix4} dev ${name}`,
    `addr add ${edge.lab6}/64 dev ${name} nodad`,
    `link set ${name} up`,
  ];
}

function edgePlan(ns: string, edge: Edge): NamespacePlan {
  return {
    ns,
    sysctls: COMMON_SYSCTLS,
    ip: [
      "link set lo up",
      `addr add ${edge.peer4}/${edge.prefix4} dev eth0`,
      `addr add ${edge.peer6}/64 dev eth0 nodad`,
      "link set eth0 up",
      `route add default via ${edge.lab4}`,
      `route add ::/0 via ${edge.lab6} dev eth0`,
    ],
  };
}

/**
 * Droplets reach one another through the lab's router, never along the bridge (their ports are isolated), so that one
 * set of rules sees all their traffic. These make the router answer for the neighbours.
 */
const BRIDGE_SYSCTLS = {
  [`net.ipv4.conf.${INTERFACES.bridge}.proxy_arp_pvlan`]: "1",
  [`net.ipv4.conf.${INTERFACES.bridge}.send_redirects`]: "0",
  "net.ipv4.conf.all.send_redirects": "0",
  [`net.ipv6.conf.${INTERFACES.bridge}.proxy_ndp`]: "1",
  [`net.ipv4.neigh.${INTERFACES.bridge}.proxy_delay`]: "0",
  [`net.ipv6.neigh.${INTERFACES.bridge}.proxy_delay`]: "0",
};

/**
 * What the router must not say on the bridge: that an IPv6 address is taken, to the droplet that is about to use it
 * (which asks from "::"), for it would answer for all addresses; and that a neighbour could be reached directly.
 */
const NEIGHBOUR_RULES = `table inet hermes_network {
  chain received {
    type filter hook input priority raw; policy accept;
    iifname "${INTERFACES.bridge}" ip6 saddr :: icmpv6 type nd-neighbor-solicit drop
  }
  chain sent {
    type filter hook output priority raw; policy accept;
    oifname "${INTERFACES.bridge}" icmpv6 type nd-redirect drop
  }
}
`;

/**
 * Makes the lab's three namespaces and all links, addresses and routes in them. Nothing appears in the machine's own
 * namespace. Fine to call again: a complete network is left alone, a half-made one is made anew.
 */
export async function createNetwork(lab: Lab): Promise<void> {
  if (await isComplete(lab)) return;
  await destroyNetwork(lab);
  for (const ns of Object.values(lab.ns)) await createNamespace(ns);
  for (const plan of networkPlan(lab)) {
    await setSysctls(plan.ns, plan.sysctls);
    await run(inNamespace(plan.ns, ["ip", "-batch", "-"]), { input: `${plan.ip.join("\n")}\n` });
  }
  await setSysctls(lab.ns.lab, BRIDGE_SYSCTLS);
  await run(inNamespace(lab.ns.lab, ["nft", "--file", "-"]), { input: NEIGHBOUR_RULES });
  // The mark of a complete network: the last thing that is set.
  await run(inNamespace(lab.ns.lab, ["ip", "link", "set", INTERFACES.bridge, "alias", "complete"]));
}

/** Removes the namespaces, whatever is in them. Processes that still run there keep theirs alive, unnamed, until they end. */
export async function destroyNetwork(lab: Lab): Promise<void> {
  for (const ns of Object.values(lab.ns)) await destroyNamespace(ns);
  try {
    rmdirSync(NAMESPACES);
  } catch {
    // Other labs have theirs there, or it never was.
  }
}

async function isComplete(lab: Lab): Promise<boolean> {
  if (!Object.values(lab.ns).every((ns) => isNamespace(ns))) return false;
  const shown = await tryRun(inNamespace(lab.ns.lab, ["ip", "link", "show", INTERFACES.bridge]));
  return shown.code === 0 && shown.stdout.includes("alias complete");
}

/** A leftover file that holds no namespace is not one. */
function isNamespace(ns: string): boolean {
  return mountPoints().includes(namespacePath(ns));
}

function mountPoints(): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines.map((line) => line.split(" ")[4] ?? "");
}

async function createNamespace(ns: string): Promise<void> {
  mkdirSync(NAMESPACES, { recursive: true });
  writeFileSync(namespacePath(ns), "");
  await run(["unshare", `--net=${namespacePath(ns)}`, "true"]);
}

async function destroyNamespace(ns: string): Promise<void> {
  const path = namespacePath(ns);
  for (const mounted of mountPoints().filter((point) => point === path)) await tryRun(["umount", "--lazy", mounted]);
  if (existsSync(path)) rmSync(path);
}

async function setSysctls(ns: string, sysctls: Record<string, string>): Promise<void> {
  const settings = Object.entries(sysctls).map(([name, value]) => `${name}=${value}`);
  await run(inNamespace(ns, ["sysctl", "--quiet", "--write", ...settings]));
}
