import { isDeepStrictEqual } from "node:util";
import { code, table } from "./text";
import { nameOf, SECRET, stackOf, TYPE, UNKNOWN } from "./stack";
import { exposureOf } from "./exposure";
import { valueWords, who } from "./resources";
import type { PreviewDigest } from "./types";

/** What is there and not as the state says. */
export interface Drift {
  rows: { urn: string; what: string }[];
  /** What is open to the internet that was not meant to be. */
  openNow: string[];
}

/** @param digest - of `pulumi preview --refresh --json` */
export function driftOf(digest: PreviewDigest): Drift {
  const seen = (digest.steps ?? []).filter(({ op, urn }) => op === "refresh" && nameOf(urn).type !== TYPE.stack);
  const rows = seen.flatMap(({ urn, oldState, newState }) => {
    if (newState === undefined || newState === null) return [{ urn, what: "is gone" }];
    const [before, after] = [oldState?.outputs ?? {}, newState.outputs ?? {}];
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
      (name) => !name.startsWith("__"),
    );
    return names
      .filter((name) => !isDeepStrictEqual(before[name] ?? null, after[name] ?? null))
      .map((name) => ({ urn, what: `${code(name)}: ${valueWords(before[name])} → ${valueWords(after[name])}` }));
  });
  const asFound = seen.map((step) => ({
    ...step,
    op: "update",
    oldState: outputsAsInputs(step.oldState),
    newState: outputsAsInputs(step.newState),
  }));
  const { opened } = exposureOf(stackOf({ preview: { steps: asFound.filter(hasBoth) } }));
  return { rows, openNow: opened };
}

type State = NonNullable<PreviewDigest["steps"]>[number]["oldState"];
const outputsAsInputs = (state: State): NonNullable<State> | undefined =>
  state === undefined ? undefined : { ...state, inputs: { ...state.inputs, ...state.outputs } };
const hasBoth = <T extends { oldState: State; newState: State }>(
  step: T,
): step is T & { oldState: NonNullable<State>; newState: NonNullable<State> } =>
  step.oldState !== undefined && step.newState !== undefined;

export function driftSection({ rows }: Drift): string {
  if (rows.length === 0) return "**Drift**: none, everything is as it was deployed.";
  return `**Drift**: not as last deployed; \`up --refresh\` puts it back.\n\n${table(
    ["resource", "state → found"],
    rows.map(({ urn, what }) => [who(urn), what]),
  )}`;
}
void [SECRET, UNKNOWN];
