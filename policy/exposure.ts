import type { FirewallRules, InboundRule } from "../components/firewall-rules";

/** Ports that are never reachable from outside: OpenClaw's gateway and Ollama. */
export const PRIVATE_PORTS = [18789, 11434];

/** What is wrong with inbound rules; empty when nothing is. */
export function exposures(rules: InboundRule[]): string[] {
  return rules.flatMap((rule) => [...exposedPorts(rule), ...worldSources(rule)]);
}

/**
 * Stops the program when its own rules would expose the gateway: the last gate, whatever made the rules.
 *
 * @throws Error that names each rule.
 */
export function assertPrivate(rules: FirewallRules): void {
  const found = exposures(rules.inboundRules);
  if (found.length > 0) throw new Error(`the firewall would expose the droplet:\n  ${found.join("\n  ")}`);
}

function exposedPorts(rule: InboundRule): string[] {
  if (rule.protocol === "icmp") return [];
  const [low, high] = portBounds(rule.portRange);
  return PRIVATE_PORTS.filter((port) => low <= port && port <= high).map(
    (port) =>
      `${rule.protocol} ${rule.portRange ?? "all"} is open to ${rule.sourceAddresses.join(", ")}: it covers ${port}`,
  );
}

/** "all", "0", "*" and nothing all mean every port; what can't be read counts as every port too. */
function portBounds(range: string | undefined): [number, number] {
  const match = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(range ?? "all");
  if (match === null || match[1] === undefined || Number(match[1]) === 0) return [1, 65535];
  return [Number(match[1]), Number(match[2] ?? match[1])];
}

function worldSources(rule: InboundRule): string[] {
  return rule.sourceAddresses
    .filter((source) => /\/0+$/.test(source.trim()))
    .map((source) => `${rule.protocol} ${rule.portRange ?? "all"} is open to the whole internet (${source})`);
}
