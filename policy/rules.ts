import { monthlyBudget } from "./budget";
import { firewallFirst, taggedDroplet } from "./droplet";
import { closedPorts, noOpenWorld } from "./exposure";
import { browserOff, gatewayLoopback, noPaidModel } from "./openclaw";
import { tailnetKey } from "./tailnet-key";
import type { Finding, PolicyResource, PolicySettings, Rule, Violation } from "./types";
import { oneSecretInUserData, smallUserData } from "./user-data";
import { protectedVolume } from "./volume";

/** In the order in which violations are told. */
export const RULES: readonly Rule[] = [
  closedPorts,
  noOpenWorld,
  taggedDroplet,
  firewallFirst,
  oneSecretInUserData,
  smallUserData,
  tailnetKey,
  protectedVolume,
  gatewayLoopback,
  browserOff,
  noPaidModel,
  monthlyBudget,
];

/**
 * All that is wrong with resources, by the rules' order.
 * @param resources in the order in which they are made, where they do not say themselves what they come after
 */
export function violations(resources: readonly PolicyResource[], settings: PolicySettings): Violation[] {
  return RULES.flatMap((rule) => [
    ...resources.flatMap((resource) => findingsOn(rule, resource, settings)),
    ...findingsOver(rule, resources, settings),
  ]);
}

/** What one rule finds wrong with one resource by itself. */
export function findingsOn(rule: Rule, resource: PolicyResource, settings: PolicySettings): Violation[] {
  return (rule.one?.(resource, settings) ?? []).map((finding) => violation(rule, resource.urn, finding));
}

/** What one rule finds wrong with all of them together. */
export function findingsOver(rule: Rule, resources: readonly PolicyResource[], settings: PolicySettings): Violation[] {
  return (rule.all?.(resources, settings) ?? []).map((finding) => violation(rule, finding.resource, finding));
}

const violation = ({ name }: Rule, resource: string, { found, fix }: Finding): Violation => ({
  rule: name,
  resource,
  message: `${clipped(found)}. ${fix}`.replace(/\p{Cc}+/gu, " "),
});

const LONGEST = 600;

const clipped = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
