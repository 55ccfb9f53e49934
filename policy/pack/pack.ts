// The rules as a policy pack: pulumi preview --policy-pack policy/pack
import { PolicyPack, type Policies, type PolicyConfigSchema, type PolicyResourceOptions } from "@pulumi/policy";
import { findingsOn, findingsOver, RULES, strictSettings, type PolicyResource, type PolicySettings } from "..";
import { dependenciesOf } from "./dependencies";
import { knownProps } from "./props";

/** What an organisation may set, by rule (`--policy-pack-config`). */
interface PackConfig {
  allowPaid?: boolean;
  maxMonthlyUsd?: number;
  sandbox?: boolean;
}

const CONFIG: Readonly<Record<string, PolicyConfigSchema>> = {
  "no-paid-model": { properties: { allowPaid: { type: "boolean", default: false } } },
  "monthly-budget": { properties: { maxMonthlyUsd: { type: "number", minimum: 0 } } },
  "protected-volume": { properties: { sandbox: { type: "boolean", default: false } } },
};

const settings = ({ allowPaid, maxMonthlyUsd, sandbox }: PackConfig): PolicySettings => ({
  ...strictSettings(),
  allowPaidModels: allowPaid === true,
  maxMonthlyUsd,
  sandbox: sandbox === true,
});

interface Judged {
  urn: string;
  type: string;
  name: string;
  props: Record<string, unknown>;
  opts: PolicyResourceOptions;
}

const judged = ({ urn, type, name, props, opts }: Judged): PolicyResource => ({
  ...{ urn, type, name, protect: opts.protect },
  props: knownProps(props),
});

const policies: Policies = RULES.map((rule) => ({
  name: rule.name,
  description: rule.says,
  ...(CONFIG[rule.name] === undefined ? {} : { configSchema: CONFIG[rule.name] }),
  // Before a resource is made, also where the preview was skipped.
  validateResource: (args, report) => {
    for (const { message, resource } of findingsOn(rule, judged(args), settings(args.getConfig())))
      report(message, resource);
  },
  // At the end, on all of them.
  validateStack: (args, report) => {
    // The engine gives them in any order; only what a resource depends on is surely made before it.
    const resources = args.resources.map((each) => ({ ...judged(each), after: dependenciesOf(each).map(judged) }));
    for (const { message, resource } of findingsOver(rule, resources, settings(args.getConfig())))
      report(message, resource);
  },
}));

new PolicyPack("hermes", { enforcementLevel: "mandatory", policies });
