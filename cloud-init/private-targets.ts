import type { McpServerConfig } from "../config/types";
import { isLocalName, parseAddress } from "../config/urls";

/** A place in a private range or on the tailnet that the gateway may connect to. */
export interface PrivateTarget {
  /** Address or CIDR, IPv4 or IPv6. */
  address: string;
  /** TCP port. */
  port: number;
}

/** All addresses of a tailnet, where a name without a public address is. */
const TAILNET = ["100.64.0.0/10", "fd7a:115c:a1e0::/48"];

/** Ranges that the firewall closes to the gateway. Loopback is not among them. */
const CLOSED = ["private", "carrierGradeNat", "uniqueLocal"];

/**
 * Where declared MCP servers are that the firewall would keep the gateway from: those at a private address, at that
 * address; those with a name of the tailnet or the local network, anywhere on the tailnet. The port is the URL's. Pure.
 */
export function privateTargets(servers: Record<string, McpServerConfig>): PrivateTarget[] {
  const all = Object.values(servers).flatMap((server) => ("url" in server ? targetsOf(new URL(server.url)) : []));
  const byText = new Map(all.map((target) => [`${target.address} ${target.port}`, target]));
  return [...byText.keys()].sort().flatMap((key) => byText.get(key) ?? []);
}

function targetsOf({ hostname, port, protocol }: URL): PrivateTarget[] {
  const target = (address: string): PrivateTarget => ({
    address,
    port: port === "" ? (protocol === "http:" ? 80 : 443) : Number(port),
  });
  const address = parseAddress(hostname);
  if (address !== undefined) return CLOSED.includes(address.range()) ? [target(address.toString())] : [];
  return isLocalName(hostname) ? TAILNET.map(target) : [];
}
