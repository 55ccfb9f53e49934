import type { Access } from "../config/types";
import { sourceText } from "./files";
import type { PrivateTarget } from "./private-targets";

export interface NftablesInput {
  access: Access;
  /**
   * Places in private ranges or on the tailnet that MCP servers are declared to need. Open to the gateway's user only,
   * never to the account of the agent's commands.
   */
  mcpPrivateTargets: PrivateTarget[];
}

/**
 * /etc/hermes/nftables.nft: the whole table `inet hermes`, replaced as one transaction when loaded. The rules are those
 * of `files/nftables.nft`; only SSH from the operator's ranges (ssh mode) and the MCP servers' targets are put in.
 *
 * @throws when an address is not made of an address's characters, or a port is none, or one of the gateway's.
 */
export function renderNftables(input: NftablesInput): string {
  const admin = input.access.mode === "ssh" ? input.access.adminCidrs.map(adminRule) : [];
  const mcp = input.mcpPrivateTargets.map(mcpRule);
  return sourceText("nftables.nft")
    .split("\n")
    .flatMap((line) => insertion(line, "admin", admin) ?? insertion(line, "mcp", mcp) ?? [line])
    .join("\n");
}

/** The rules in place of the line that marks where they belong. */
function insertion(line: string, mark: string, rules: string[]): string[] | undefined {
  return line.trim() === `# @${mark}` ? rules.map((rule) => `    ${rule}`) : undefined;
}

function adminRule(cidr: string): string {
  return `${family(cidr)} saddr ${cidr} tcp dport 22 accept`;
}

function mcpRule(target: PrivateTarget): string {
  if (!Number.isInteger(target.port) || target.port < 1 || target.port > 65535) {
    throw new Error(`${target.port} is not a TCP port`);
  }
  return `meta skuid 2101 ${family(target.address)} daddr ${target.address} tcp dport ${target.port} accept`;
}

/** The configuration's checks come first; this only makes sure that nothing but an address gets into the rules. */
function family(address: string): "ip" | "ip6" {
  if (/^\d{1,3}(\.\d{1,3}){3}(\/\d{1,2})?$/.test(address)) return "ip";
  if (/^[0-9a-fA-F:]*:[0-9a-fA-F:.]*(\/\d{1,3})?$/.test(address)) return "ip6";
  throw new Error(`${JSON.stringify(address)} is not an address or CIDR`);
}
