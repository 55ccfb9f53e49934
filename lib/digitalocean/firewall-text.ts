import { isMap } from "../maps";
import { type Entry } from "./account";

/** A firewall rule as text, the same for the API's rules and the provider's: "tcp 22 198.51.100.7". */
export type Rule = string;

/** Rules as DigitalOcean's API lists them. */
export const apiRules = (firewall: Entry, key: "inbound_rules" | "outbound_rules"): Rule[] =>
  maps(firewall[key]).map((rule) => {
    const { addresses, ...others } = asMap(rule[key === "inbound_rules" ? "sources" : "destinations"]);
    return ruleText(rule["protocol"], rule["ports"], addresses, others);
  });

/** Rules as the provider takes and keeps them. */
export const providerRules = (rules: unknown, side: "sourceAddresses" | "destinationAddresses"): Rule[] =>
  maps(rules).map((rule) => ruleText(rule["protocol"], rule["portRange"], rule[side], {}));

/** In words: what one list has that the other lacks. */
export function ruleDifferences(side: "inbound" | "outbound", wanted: Rule[], found: Rule[]): string[] {
  const more = found.filter((rule) => !wanted.includes(rule)).map((rule) => `${side} has more: ${rule}`);
  return [...more, ...wanted.filter((rule) => !found.includes(rule)).map((rule) => `${side} lacks: ${rule}`)];
}

/** Sources other than addresses (tags, load balancers) are never ours: they show. */
function ruleText(protocol: unknown, ports: unknown, addresses: unknown, others: Entry): Rule {
  const port = ["", "0", "all", "1-65535", "undefined"].includes(String(ports)) ? "all" : String(ports);
  const more = Object.entries(others).flatMap(([kind, ids]) => texts(ids).map((id) => `${kind} ${id}`));
  return `${String(protocol)} ${port} ${[...texts(addresses).sort(), ...more].join(" ")}`.trim();
}

const asMap = (value: unknown): Entry => (isMap(value) ? value : {});
export const maps = (value: unknown): Entry[] => (Array.isArray(value) ? value.map(asMap) : []);
export const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
