import type { InboundRule } from "../../components/firewall-rules";
import { isMap } from "../../lib/maps";
import { find, TYPE, type Stack } from "./stack";
import type { ResourceState } from "./types";

/** What answers from the internet. */
interface Exposure {
  /** "tcp 22 from 198.51.100.7/32", sorted; empty: nothing. */
  open: string[];
}

export interface ExposureChange {
  before: Exposure;
  after: Exposure;
  /** Open after and not before. */
  opened: string[];
  closed: string[];
  /** There is no firewall in what is known: nothing can be said. */
  unknown: boolean;
}

export function exposureOf(stack: Stack): ExposureChange {
  const [before, after] = [exposed([...stack.before.values()].map(asFound)), exposed([...stack.after.values()])];
  return {
    before,
    after,
    opened: after.open.filter((each) => !before.open.includes(each)),
    closed: before.open.filter((each) => !after.open.includes(each)),
    unknown: !stack.whole && find(stack.after.values(), TYPE.firewall) === undefined,
  };
}

/**
 * With its rules and tags as they are. A refresh puts those that it finds into the outputs; of the inputs it keeps as many
 * entries as there were, so that a rule which somebody added by hand is not in them.
 */
function asFound(resource: ResourceState): ResourceState {
  const { inputs, outputs } = resource;
  const found = ["inboundRules", "tags", "dropletIds"].filter((name) => Array.isArray(outputs?.[name]));
  return { ...resource, inputs: { ...inputs, ...Object.fromEntries(found.map((name) => [name, outputs?.[name]])) } };
}

function exposed(all: readonly ResourceState[]): Exposure {
  const firewalls = all.filter(({ type }) => type === TYPE.firewall);
  const rules = firewalls.flatMap(rulesOf);
  const bare =
    firewalls.length === 0 ? [] : all.filter((one) => one.type === TYPE.droplet && !isCovered(one, firewalls));
  const without = bare.map(
    ({ inputs }) => `every port of droplet ${String(inputs?.["name"])}, which no firewall covers`,
  );
  return { open: [...new Set([...openings(rules), ...without])].sort() };
}

/** Each rule and each of its sources: "tcp 22 from 198.51.100.7/32". */
export const openings = (rules: readonly InboundRule[]): string[] =>
  rules.flatMap(({ protocol, portRange, sourceAddresses }) =>
    sourceAddresses.map((source) => `${[protocol, portRange].filter(Boolean).join(" ")} from ${source}`),
  );

/** Rules as the provider takes them, from what the state or a preview has. */
export function rulesOf({ inputs, outputs }: Pick<ResourceState, "inputs" | "outputs">): InboundRule[] {
  const rules = inputs?.["inboundRules"] ?? outputs?.["inboundRules"];
  return (Array.isArray(rules) ? rules : []).filter(isMap).map((rule) => {
    const { protocol, portRange, sourceAddresses, sourceTags, sourceDropletIds } = rule;
    const sources = [sourceAddresses, sourceTags, sourceDropletIds].flatMap((some): unknown[] =>
      Array.isArray(some) ? some : [],
    );
    return {
      protocol: String(protocol),
      ...(typeof portRange === "string" && portRange !== "" ? { portRange } : {}),
      sourceAddresses: sources.length === 0 ? ["nowhere"] : sources.map(String),
    };
  });
}

const isCovered = ({ id, inputs }: ResourceState, firewalls: readonly ResourceState[]): boolean =>
  firewalls.some(({ inputs: own }) => {
    const [tags, ids] = [listOf(own?.["tags"]), listOf(own?.["dropletIds"])];
    return (id !== undefined && ids.includes(id)) || listOf(inputs?.["tags"]).some((tag) => tags.includes(tag));
  });

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
