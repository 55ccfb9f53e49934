import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { diffInputs, type Change } from "./diff";
import type { Failure, ResourceType } from "./resource";
import { DEFAULTS, markDefaults, texts, UNKNOWN, withoutDefaults, type Values } from "./values";

/** The pure half of a provider: what Check, Diff and previews answer. */

export function checkInputs(
  type: ResourceType,
  urn: string,
  olds: Values,
  news: Values,
): { inputs: Values; failures: Failure[] } {
  const failures = type.check?.(withoutDefaults(news)) ?? [];
  if (type.bridged === undefined) return { inputs: news, failures };
  const added: Values = {};
  if (news["name"] === undefined) added["name"] = olds["name"] ?? autoName(urn);
  for (const [key, value] of Object.entries(type.bridged.defaults ?? {})) {
    if (news[key] === undefined) added[key] = value;
  }
  const inputs = markDefaults(withoutDefaults(news)) as Values;
  return { inputs: { ...inputs, ...added, [DEFAULTS]: Object.keys(added).sort() }, failures };
}

const autoName = (urn: string): string =>
  `${urn.split("::").pop() ?? "x"}-${randomBytes(4).toString("hex").slice(0, 7)}`;

export interface DiffAnswer {
  changes: Change[];
  /** Inputs named as reasons for a replacement. */
  replaces: string[];
  deleteBeforeReplace: boolean;
}

/** A given name can't be taken twice, so the bridge deletes first; only when something replaces, as there. */
export function diffResource(
  type: ResourceType,
  token: string,
  state: Values,
  oldInputs: Values,
  news: Values,
): DiffAnswer {
  type.validate?.(withoutDefaults(news), withoutDefaults(oldInputs));
  const differing = diffInputs(token, type.rules, oldInputs, news);
  // The bridge compares with what the state holds, which after a failed update is not what the old inputs say.
  const isHeld = ({ property }: Change): boolean => type.bridged !== undefined && holds(type, state, news, property);
  const changes = differing.filter((change) => !isHeld(change));
  const invalid = type.replaceReason?.(state, news);
  const replaces = [
    ...new Set([
      ...changes.filter((c) => c.reason).map((c) => c.property),
      ...(invalid === undefined ? [] : [invalid]),
    ]),
  ];
  const replacing = replaces.length > 0 || changes.some((change) => change.replace);
  const named = type.bridged !== undefined && !texts(news[DEFAULTS]).includes("name");
  return { changes, replaces, deleteBeforeReplace: replacing && named };
}

function holds({ rules }: ResourceType, state: Values, news: Values, property: string): boolean {
  const normalise = rules.normalise?.[property] ?? ((value: unknown) => value);
  const wanted = withoutDefaults(news[property]);
  return wanted !== undefined && isDeepStrictEqual(normalise(withoutDefaults(state[property])), normalise(wanted));
}

export function previewOfCreate(type: ResourceType, inputs: Values): Values {
  type.validate?.(withoutDefaults(inputs), undefined);
  return { ...Object.fromEntries(type.computed.map((key) => [key, UNKNOWN])), ...withoutDefaults(inputs) };
}

export function previewOfUpdate(type: ResourceType, state: Values, inputs: Values): Values {
  const fresh = withoutDefaults(inputs);
  const changed = Object.keys(fresh).filter((key) => !isDeepStrictEqual(fresh[key], state[key]));
  const unknown = type.computedByUpdate?.(changed) ?? [];
  return { ...state, ...fresh, ...Object.fromEntries(unknown.map((key) => [key, UNKNOWN])) };
}

/** The inputs that the resource, as it was found, would have been given: how drift becomes a difference. */
export function inputsAfterRead(type: ResourceType, inputs: Values, outputs: Values): Values {
  if (Object.keys(inputs).length === 0) return inputsOfImport(type, outputs);
  const kept = { ...inputs };
  for (const key of Object.keys(inputs)) {
    if (key === DEFAULTS || type.unread?.includes(key) === true || outputs[key] === undefined) continue;
    const normalise = type.rules.normalise?.[key] ?? ((value: unknown) => value);
    if (isDeepStrictEqual(normalise(withoutDefaults(inputs[key])), normalise(outputs[key]))) continue;
    kept[key] = type.bridged === undefined ? outputs[key] : markDefaults(outputs[key]);
  }
  return kept;
}

/** A resource that is taken into the state was made by no program: its inputs are what the read told. */
function inputsOfImport(type: ResourceType, outputs: Values): Values {
  const isTold = (value: unknown): boolean =>
    ![undefined, null, "", false].includes(value as null) && !(Array.isArray(value) && value.length === 0);
  const told = (type.imported ?? []).filter((key) => isTold(outputs[key]));
  const inputs = Object.fromEntries(told.map((key) => [key, markDefaults(outputs[key])]));
  return { ...inputs, ...(type.bridged === undefined ? {} : { [DEFAULTS]: [] }) };
}
