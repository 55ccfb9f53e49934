import { isDeepStrictEqual } from "node:util";
import { exposureOf } from "./exposure";
import { valueWords, who } from "./resources";
import { stackOf, TYPE, nameOf } from "./stack";
import { code, plural, table } from "./text";
import type { PreviewDigest, PreviewStep, ResourceState } from "./types";

/** What is there and not as the state says. */
export interface Drift {
  /** What was found, resource by resource, in Markdown. */
  rows: { urn: string; what: string }[];
  /** Open to the internet, and not meant to be. */
  openNow: string[];
}

const MOST_ROWS = 30;

/**
 * The engine tells what it found only by what it would do about it: a resource that it looked at has the state's values
 * in its step `refresh`, and those that are really there in the step that puts them right.
 *
 * @param digest - of `pulumi preview --refresh --json`
 */
export function driftOf({ steps = [] }: PreviewDigest): Drift {
  const later = new Map(steps.filter(({ op }) => op !== "refresh" && op !== "same").map((step) => [step.urn, step]));
  const seen = steps.filter(({ op, urn }) => op === "refresh" && nameOf(urn).type !== TYPE.stack);
  const found = seen.flatMap((step) => lookAt(step, later.get(step.urn)));
  const asFound = found.flatMap(({ known, there }) => (there === undefined ? [] : [{ known, there }]));
  return {
    rows: found.flatMap(rowsOf),
    openNow: exposureOf(stackOf({ preview: { steps: asFound.map(({ known, there }) => update(known, there)) } }))
      .opened,
  };
}

interface Found {
  /** As the state has it. */
  known: ResourceState;
  /** As it is; absent: it is gone. */
  there: ResourceState | undefined;
  /** What would be put right; absent: the engine does not say. */
  names?: string[];
}

function lookAt({ oldState, newState }: PreviewStep, undo: PreviewStep | undefined): Found[] {
  if (oldState === undefined || oldState.outputs === undefined) return [];
  if (undo?.op === "create" || (newState ?? undefined) === undefined) return [{ known: oldState, there: undefined }];
  const names = Object.keys(undo?.detailedDiff ?? {}).map((path) => path.replace(/[.[].*$/s, ""));
  return [{ known: oldState, there: undo?.oldState ?? newState, ...(names.length > 0 ? { names } : {}) }];
}

function rowsOf({ known, there, names: meant }: Found): Drift["rows"] {
  if (there === undefined) return [{ urn: known.urn, what: "is gone" }];
  const [before, after] = [known.outputs ?? {}, there.outputs ?? {}];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => !name.startsWith("__"));
  return names
    .filter((name) => (meant?.includes(name) ?? true) && !isDeepStrictEqual(before[name] ?? null, after[name] ?? null))
    .map((name) => ({
      urn: known.urn,
      what: `${code(name)}: ${valueWords(before[name])} → ${valueWords(after[name])}`,
    }));
}

/** Outputs are what is there, inputs what was wanted. */
const update = (known: ResourceState, there: ResourceState): PreviewStep => {
  const real = ({ outputs, ...rest }: ResourceState): ResourceState => ({ ...rest, inputs: { ...outputs } });
  return { op: "update", urn: known.urn, oldState: real(known), newState: real(there) };
};

export function driftSection({ rows }: Drift): string {
  if (rows.length === 0) return "**Drift**: none. Everything is as it was deployed.";
  const shown = rows.slice(0, MOST_ROWS).map(({ urn, what }) => [who(urn), what]);
  const more = rows.length - shown.length;
  return [
    "**Drift**: what is there is not what was deployed. `pulumi up --refresh` puts it back.",
    table(["resource", "deployed → found"], shown),
    ...(more > 0 ? [`${plural(more, "more property is", "more properties are")} left out here.`] : []),
  ].join("\n\n");
}
