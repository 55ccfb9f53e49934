import type { Access, HermesConfig } from "../config/types";

/** One rule of a DigitalOcean firewall, as its provider takes it. */
export interface InboundRule {
  protocol: string;
  portRange?: string;
  sourceAddresses: string[];
}

interface OutboundRule {
  protocol: string;
  portRange?: string;
  destinationAddresses: string[];
}

export interface FirewallRules {
  inboundRules: InboundRule[];
  outboundRules: OutboundRule[];
}

const EVERYWHERE = ["0.0.0.0/0", "::/0"];

/**
 * The cloud firewall of one hermes. Inbound: nothing on a tailnet, SSH from the listed addresses else. Outbound: web,
 * DNS, and any UDP (WireGuard, STUN and NTP use ports that cannot be known), and the ports of the MCP servers' URLs.
 */
export function firewallRules(config: Pick<HermesConfig, "access" | "mcpServers" | "tailnet">): FirewallRules {
  const tcp = [...new Set(["53", "80", "443", ...urlPorts(config)])];
  return {
    inboundRules: inbound(config.access),
    outboundRules: [
      ...tcp.map((portRange) => ({ protocol: "tcp", portRange, destinationAddresses: EVERYWHERE })),
      // "all" and not "1-65535": the API answers "0", which the provider reads back as "all".
      { protocol: "udp", portRange: "all", destinationAddresses: EVERYWHERE },
      { protocol: "icmp", destinationAddresses: EVERYWHERE },
    ],
  };
}

function inbound(access: Access): InboundRule[] {
  if (access.mode === "tailnet") return [];
  return [{ protocol: "tcp", portRange: "22", sourceAddresses: access.adminCidrs }];
}

function urlPorts(config: Pick<HermesConfig, "mcpServers" | "tailnet">): string[] {
  const urls = Object.values(config.mcpServers).flatMap((server) => ("url" in server ? [server.url] : []));
  if (config.tailnet.loginServer !== undefined) urls.push(config.tailnet.loginServer);
  return urls.map((url) => new URL(url).port).filter((port) => port !== "");
}
