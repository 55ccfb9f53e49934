import { isDeepStrictEqual } from "node:util";
import { isMap } from "../../lib/maps";
import { bornOf } from "./droplet-outcome";
import { openings, rulesOf } from "./exposure";
import { ACTIONS, nameOf, SECRET, TYPE, UNKNOWN, type Action, type Change, type Stack } from "./stack";
import { clip, code, listed, plural, table } from "./text";

const LONGEST_VALUE = 60;
const MOST_PROPERTIES = 6;

const VERBS: Readonly<Record<Action, string>> = {
  delete: "**delete**",
  replace: "**replace**",
  create: "create",
  update: "update",
};
const DONE: Readonly<Record<Action, string>> = {
  delete: "to delete",
  replace: "to replace",
  create: "to create",
  update: "to update",
};

/** What hermes' commands are, by the end of their names; see components/. */
const COMMANDS: Readonly<Record<string, string>> = {
  slot: "name in the tailnet",
  "host-key": "SSH host key of the droplet",
  program: "`hermes-apply`",
  config: "configuration on the droplet",
  secrets: "secrets on the droplet",
  activate: "activation on the droplet",
  "local-model": "local model on the droplet",
};

/** A resource for people. */
export function who(urn: string): string {
  const { type, name } = nameOf(urn);
  const kind = type.split(":").at(-1) ?? type;
  if (type !== TYPE.command && type !== TYPE.local) return `${code(kind)} ${code(name)}`;
  const command = Object.keys(COMMANDS).find((suffix) => name.endsWith(`-${suffix}`));
  const what =
    command === undefined ? (type === TYPE.local ? "wait for the tailnet node" : undefined) : COMMANDS[command];
  return what === undefined ? `${code(kind)} ${code(name)}` : `${what} ${code(name)}`;
}

/** "2 to create, 1 to update" */
export function counts({ changes }: Pick<Stack, "changes">): string {
  const words = ACTIONS.map((action) => [changes.filter((one) => one.action === action).length, DONE[action]] as const);
  return words
    .filter(([count]) => count > 0)
    .map(([count, verb]) => `${count} ${verb}`)
    .join(", ");
}

export function resourceTable(stack: Stack, most: number): string {
  const sorted = ACTIONS.flatMap((action) => stack.changes.filter((one) => one.action === action).sort(byWeight));
  const rows = sorted.slice(0, most).map((change) => [VERBS[change.action], who(change.urn), reasons(stack, change)]);
  const cut = sorted.length - rows.length;
  return [
    table(["", "resource", "what changes, and why"], rows),
    ...(cut > 0 ? [`\n${plural(cut, "more resource is", "more resources are")} left out here.`] : []),
  ].join("\n");
}

/** The machine and what holds the state first; then what is made for them; then the steps of a deployment, in their order. */
const FIRST: readonly string[] = [TYPE.droplet, TYPE.volume, TYPE.firewall];
const STEPS = Object.keys(COMMANDS);
const byWeight = (a: Change, b: Change): number => weightOf(a) - weightOf(b) || (a.urn < b.urn ? -1 : 1);

function weightOf({ type, name }: Change): number {
  if (FIRST.includes(type)) return FIRST.indexOf(type);
  if (type !== TYPE.command && type !== TYPE.local) return type === TYPE.stash ? 100 : 10;
  const step = STEPS.findIndex((suffix) => name.endsWith(`-${suffix}`));
  // The one without a suffix waits for the node: after the slot, before everything on the droplet.
  return 20 + (step === -1 ? 0.5 : step);
}

/** What somebody would ask of a new one. */
const FACTS: Readonly<Record<string, readonly string[]>> = {
  [TYPE.droplet]: ["size", "region", "image"],
  [TYPE.volume]: ["size", "region"],
  [TYPE.firewall]: ["inboundRules"],
};

const facts = ({ type, after }: Change): string =>
  (FACTS[type] ?? []).map((name) => `${code(name)}: ${valueWords(after?.inputs?.[name])}`).join("; ");

function reasons(stack: Stack, change: Change): string {
  if (change.action === "create") return facts(change);
  if (change.action === "delete") return "";
  const why = change.action === "replace" ? because(stack, change) : "";
  // What made the droplet another one made all of this anew; only what else changes is worth a word.
  const shown = pathsOf(change).filter((path) => why === "" || !isConsequence(change, path));
  const words = shown.slice(0, MOST_PROPERTIES).map((path) => propertyWords(change, path));
  const more = shown.length > words.length ? [`${shown.length - words.length} more`] : [];
  return [...new Set([...words, ...more, why])].filter((each) => each !== "").join("; ");
}

const isConsequence = ({ type, after }: Change, path: string): boolean =>
  type === TYPE.stash || path.startsWith("triggers") || holdsUnknown(valueAt(after?.inputs, path));

const holdsUnknown = (value: unknown): boolean => value !== undefined && JSON.stringify(value).includes(UNKNOWN);

/** Properties that differ: those that replace first. */
function pathsOf(change: Change): string[] {
  const { step } = change;
  const detailed = Object.keys(step.detailedDiff ?? {});
  const told = [...replacing(change), ...(detailed.length > 0 ? detailed : (step.diffReasons ?? []))];
  // A replacement for another's sake comes without reasons.
  const all = told.length > 0 ? told : differing(change);
  const shown = all
    .filter((path) => !path.startsWith("__"))
    .map((path) => (isInList(change, path) ? rootOf(path) : path));
  return [...new Set(shown)];
}

const rootOf = (path: string): string => path.replace(/[.[].*$/s, "");

/** Tags, rules and volumes are sets: a place in one says nothing, and a refresh shifts the places. */
function isInList({ type, before, after }: Change, path: string): boolean {
  if (type === TYPE.command || type === TYPE.local) return false;
  return [before?.outputs, before?.inputs, after?.inputs].some((values) => Array.isArray(values?.[rootOf(path)]));
}

/** Those that cannot be changed in place. */
function replacing({ step }: Change): string[] {
  const detailed = Object.entries(step.detailedDiff ?? {}).filter(([, { kind }]) => kind.endsWith("-replace"));
  return [...new Set([...detailed.map(([path]) => path), ...(step.replaceReasons ?? [])])];
}

/** What is given at birth and not looked at later is left out. */
function differing({ before, after }: Change): string[] {
  const [old, now] = [before?.inputs ?? {}, after?.inputs ?? {}];
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])];
  return names.filter((name) => !["userData", "sshKeys"].includes(name) && !isDeepStrictEqual(old[name], now[name]));
}

/** What goes to the droplet is told by what it is: its text is above, hidden, or nothing to read. */
const ON_STDIN: Readonly<Record<string, string>> = {
  "host-key": "is checked again",
  program: "another version of it",
  config: "files, see above",
  secrets: "hidden",
  activate: "what was staged becomes what runs",
};

function propertyWords(change: Change, path: string): string {
  const { before, after, type, name } = change;
  if ((type === TYPE.command || type === TYPE.local) && path === "stdin") {
    const kind = Object.keys(ON_STDIN).find((suffix) => name.endsWith(`-${suffix}`));
    return kind === undefined ? code(path) : (ON_STDIN[kind] ?? "");
  }
  if (type === TYPE.command && path.startsWith("connection")) return "logs in anew";
  const [old, now] = isInList(change, path)
    ? [before?.outputs?.[path] ?? before?.inputs?.[path], after?.inputs?.[path]]
    : [before, after].map((state) => valueAt(state?.inputs, path));
  return old === undefined && now === undefined ? code(path) : `${code(path)}: ${valueWords(old)} → ${valueWords(now)}`;
}

const ruleWords = (rules: readonly string[] = []): string =>
  rules.length === 0
    ? "nothing"
    : listed(rules.slice(0, MOST_PROPERTIES).map((rule) => code(clip(rule, LONGEST_VALUE))));

/** Why a resource cannot stay. */
function because(stack: Stack, change: Change): string {
  const { type, name } = change;
  const isNewDroplet = stack.changes.some((one) => one.type === TYPE.droplet && one.action === "replace");
  const isSlot = type === TYPE.local && name.endsWith("-slot");
  if (isNewDroplet && (type === TYPE.command || type === TYPE.local) && !isSlot) return "the droplet is a new one";
  if (isNewDroplet && type === TYPE.key) return "a key works once, and the old droplet spent it";
  if (isNewDroplet && type === TYPE.stash) return "keeps what the droplet was given";
  const born = bornOf(stack);
  if (born.length > 0 && !isSlot) return `given at birth only: ${listed(born.map(code))}`;
  const own = replacing(change);
  return own.length > 0 ? `${listed(own.map(code))} cannot be changed in place` : "";
}

/** `a.b[0]["c d"]` into a value. */
function valueAt(value: unknown, path: string): unknown {
  const parts = [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(
    ([, quoted, index, name]) => quoted ?? index ?? name ?? "",
  );
  return parts.reduce<unknown>(
    (at, part) => (Array.isArray(at) ? at[Number(part)] : isMap(at) ? at[part] : undefined),
    value,
  );
}

export function valueWords(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (value === SECRET) return "a secret";
  if (value === UNKNOWN) return "known afterwards";
  if (holdsUnknown(value)) return "known afterwards";
  const rules = Array.isArray(value) ? openings(rulesOf({ inputs: { inboundRules: value } })) : [];
  if (rules.length > 0 && !rules.some((rule) => rule.endsWith("from nowhere"))) return ruleWords(rules);
  if (Array.isArray(value) && value.length === 0) return "nothing";
  return code(clip(typeof value === "string" ? value : JSON.stringify(value), LONGEST_VALUE));
}
