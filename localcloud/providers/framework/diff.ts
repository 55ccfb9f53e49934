import { isDeepStrictEqual } from "node:util";
import table from "../diff-table.json";
import { DEFAULTS, isObject, withoutDefaults, type Values } from "./values";

type Kind = "add" | "delete" | "update";

/** One changed place in the inputs. */
export interface Change {
  property: string;
  /** "sshKeys[0]", "environment.A": what a preview shows. */
  path: string;
  kind: Kind;
  replace: boolean;
  /** Whether the property is named as a reason for the replacement (elements of `triggers` are not). */
  reason: boolean;
}

/** What of a type's inputs the table cannot say. */
export interface DiffRules {
  /** Values that stand for an absent input. Such a property never shows as added or deleted. */
  defaults?: Values;
  /** Inputs that the API fills in itself: they never show as added or deleted either. */
  computed?: string[];
  /** Brings equal values to one form before they are compared. */
  normalise?: Record<string, (value: unknown) => unknown>;
  /** Secret objects, shown as changed in one piece. */
  whole?: string[];
  /** Inputs whose changed elements replace without being named as the reason. */
  silentElements?: string[];
  /** The plugin framework of the tailscale provider gives no paths. */
  plain?: boolean;
  /** A last word on the changes. */
  adjust?: (changes: Change[], olds: Values, news: Values) => Change[];
}

type Recorded = { op: string };
const TABLE = table.types as Record<string, { changes: Record<string, Recorded> }>;

/** What the official provider does when this input changes, as recorded; an unknown input is updated. */
function recordedOp(type: string, property: string, removed: boolean): string {
  const changes = TABLE[type]?.changes ?? {};
  return ((removed ? changes[`${property}-removed`] : undefined) ?? changes[property])?.op ?? "update";
}

/** Compares old and new inputs of a resource the way the official provider was seen to. */
export function diffInputs(type: string, rules: DiffRules, oldInputs: Values, newInputs: Values): Change[] {
  const olds = withoutDefaults(oldInputs);
  const news = withoutDefaults(newInputs);
  const properties = [...new Set([...Object.keys(olds), ...Object.keys(news)])]
    .filter((key) => key !== DEFAULTS)
    .sort();
  const changes = properties.flatMap((property) => diffProperty(type, rules, property, olds[property], news[property]));
  return rules.adjust === undefined ? changes : rules.adjust(changes, olds, news);
}

function diffProperty(type: string, rules: DiffRules, property: string, before: unknown, after: unknown): Change[] {
  const normalise = rules.normalise?.[property] ?? ((value: unknown) => value);
  const fallback = rules.defaults?.[property];
  const a = normalise(before ?? fallback);
  const b = normalise(after ?? fallback);
  if (isDeepStrictEqual(a, b) || (isEmpty(a) && isEmpty(b))) return [];
  const op = recordedOp(type, property, after === undefined || after === null);
  if (op === "no diff") return [];
  // What the API fills in stays what it is where the program does not say it.
  if (after === undefined && rules.computed?.includes(property) === true) return [];
  const replace = op === "replace";
  return places(rules, property, before, after).map(({ path, kind }) => {
    const silent = rules.silentElements?.includes(property) === true && path !== property;
    return { property, path, kind, replace, reason: replace && !silent };
  });
}

type Place = { path: string; kind: Kind };

function places(rules: DiffRules, property: string, before: unknown, after: unknown): Place[] {
  const whole = rules.plain === true || rules.whole?.includes(property) === true;
  const filledIn = rules.computed?.includes(property) === true || rules.defaults?.[property] !== undefined;
  if (whole || (filledIn && !isObject(after))) return [{ path: property, kind: "update" }];
  const found = structural(property, before, after);
  return filledIn ? found.map(({ path }) => ({ path, kind: "update" as const })) : found;
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0);

function structural(path: string, before: unknown, after: unknown): Place[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isEmpty(before)) return [{ path, kind: "add" }];
  if (isEmpty(after)) return [{ path, kind: "delete" }];
  if (Array.isArray(before) && Array.isArray(after)) {
    const longest = Math.max(before.length, after.length);
    return Array.from({ length: longest }, (_, i) => structural(`${path}[${i}]`, before[i], after[i])).flat();
  }
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((key) => structural(`${path}.${key}`, before[key], after[key]));
  }
  return [{ path, kind: "update" }];
}
