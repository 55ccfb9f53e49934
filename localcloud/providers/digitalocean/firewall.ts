import { PartialFailure, type Context, type ResourceType } from "../framework/resource";
import { compact, texts, UNKNOWN, type Values } from "../framework/values";
import { api, doing, find, object } from "./api";
import { lowerCaseSet } from "./simple";

type Side = "source" | "destination";

/** Rules in the API's words. */
function toApi(rules: unknown, side: Side): Values[] | null {
  if (!Array.isArray(rules) || rules.length === 0) return null;
  return (rules as Values[]).map((rule) => ({
    protocol: rule["protocol"],
    ...(rule["protocol"] === "icmp" ? {} : { ports: rule["portRange"] }),
    [`${side}s`]: compact({
      addresses: rule[`${side}Addresses`],
      tags: rule[`${side}Tags`],
      droplet_ids: rule[`${side}DropletIds`],
    }),
  }));
}

/** Rules in the SDK's words; the API's "0" reads "all". */
function fromApi(rules: unknown, side: Side): Values[] {
  return ((rules ?? []) as Values[]).map((rule) => {
    const target = (rule[`${side}s`] ?? {}) as Values;
    const ports = rule["ports"];
    return compact({
      protocol: rule["protocol"],
      portRange: rule["protocol"] === "icmp" ? undefined : ports === "0" ? "all" : ports,
      [`${side}Addresses`]: target["addresses"],
      [`${side}Tags`]: target["tags"],
      [`${side}DropletIds`]: target["droplet_ids"],
    });
  });
}

const sorted = (value: unknown): unknown => (Array.isArray(value) ? texts(value).sort() : value);

/** Rules are a set, and so are their addresses. */
function ruleSet(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const rules = (value as unknown[]).map((rule) =>
    rule === UNKNOWN
      ? rule
      : Object.fromEntries(
          Object.entries(rule as Values)
            .map(([key, entry]): [string, unknown] => [key, sorted(entry)])
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        ),
  );
  return rules.map((rule) => JSON.stringify(rule)).sort();
}

const body = (inputs: Values): Values => ({
  name: inputs["name"],
  inbound_rules: toApi(inputs["inboundRules"], "source"),
  outbound_rules: toApi(inputs["outboundRules"], "destination"),
  droplet_ids: inputs["dropletIds"] ?? null,
  tags: inputs["tags"] ?? [],
});

const outputs = (firewall: Values): Values => ({
  name: firewall["name"],
  status: firewall["status"],
  createdAt: firewall["created_at"],
  inboundRules: fromApi(firewall["inbound_rules"], "source"),
  outboundRules: fromApi(firewall["outbound_rules"], "destination"),
  dropletIds: firewall["droplet_ids"] ?? [],
  tags: firewall["tags"] ?? [],
  pendingChanges: firewall["pending_changes"] ?? [],
});

async function readFirewall(id: string, context: Context): Promise<Values | undefined> {
  const firewall = await find(`/v2/firewalls/${id}`, "firewall", context);
  return firewall === undefined ? undefined : outputs(firewall);
}

export const firewall: ResourceType = {
  rules: {
    normalise: { inboundRules: ruleSet, outboundRules: ruleSet, tags: lowerCaseSet, dropletIds: sorted },
  },
  bridged: {},
  imported: ["name", "inboundRules", "outboundRules", "tags", "dropletIds"],
  computed: ["createdAt", "pendingChanges", "status"],
  validate(inputs) {
    const none = (key: string) => Array.isArray(inputs[key]) === false || (inputs[key] as unknown[]).length === 0;
    const unknown = inputs["inboundRules"] === UNKNOWN || inputs["outboundRules"] === UNKNOWN;
    if (!unknown && none("inboundRules") && none("outboundRules")) {
      throw new Error("At least one rule must be specified");
    }
  },
  async create(inputs, context) {
    const reply = await doing("Error creating firewall", () => api("POST", "/v2/firewalls", context, body(inputs)));
    const made = object(reply, "firewall");
    const id = String(made["id"]);
    try {
      return { id, outputs: (await readFirewall(id, context)) ?? outputs(made) };
    } catch (error) {
      throw new PartialFailure(id, outputs(made), error instanceof Error ? error.message : String(error));
    }
  },
  read: (id, _state, context) => readFirewall(id, context),
  async update(id, _state, inputs, context) {
    await doing("Error updating firewall", () => api("PUT", `/v2/firewalls/${id}`, context, body(inputs)));
    const current = await readFirewall(id, context);
    if (current === undefined) throw new Error(`firewall ${id} is gone`);
    return current;
  },
  async delete(id, _state, context) {
    await doing("Error deleting firewall", () => api("DELETE", `/v2/firewalls/${id}`, context));
  },
};
