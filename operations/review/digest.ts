import { createHash } from "node:crypto";
import type { PreviewDigest, PreviewStep } from "./types";

/** What would become of one resource, short enough to be kept, and the same whoever looks. */
interface PlannedStep {
  op: string;
  /** Names of the properties that change, sorted. */
  properties: string[];
  /** Of what it is and what it becomes; two that differ here differ in some value. */
  content: string;
}

/** What a preview comes to: two previews of one digest make the same changes. */
export interface PlanDigest {
  /** SHA-256, hexadecimal. */
  digest: string;
  /** By type and name. */
  steps: Record<string, PlannedStep>;
}

/** Left as it is, or only looked at. */
const IDLE = ["same", "refresh", "read", "read-discard"];

/**
 * What `up` would do, without what differs from run to run: no time, no secret (the engine shows `[secret]`), nothing of
 * the machine that looked. Pure.
 */
export function planDigest(preview: PreviewDigest): PlanDigest {
  const planned = (preview.steps ?? []).filter(({ op }) => !IDLE.includes(op));
  const entries = planned.map((step): [string, PlannedStep] => [nameOf(step.urn), plannedStep(step)]);
  const steps = Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  return { digest: sha256(canonical(steps)), steps };
}

/** A plan that changes nothing; every stack's is the same. */
export const isIdle = ({ steps }: PlanDigest): boolean => Object.keys(steps).length === 0;

/** One line for each resource that was reviewed otherwise than it would be done; none when the plans are the same. */
export function differences(reviewed: PlanDigest["steps"], now: PlanDigest["steps"]): string[] {
  const names = [...new Set([...Object.keys(reviewed), ...Object.keys(now)])].sort();
  return names.flatMap((name) => {
    const [was, is] = [reviewed[name], now[name]];
    if (was === undefined) return [`${name}: ${told(is)}, and nothing of it was reviewed`];
    if (is === undefined) return [`${name}: ${told(was)} was reviewed, and nothing of it would be done`];
    if (told(was) !== told(is)) return [`${name}: ${told(is)}, and ${told(was)} was reviewed`];
    return was.content === is.content ? [] : [`${name}: ${told(is)} as reviewed, but with other values`];
  });
}

const told = (step: PlannedStep | undefined): string =>
  step === undefined
    ? "nothing"
    : `${step.op}${step.properties.length === 0 ? "" : ` (${step.properties.join(", ")})`}`;

function plannedStep(step: PreviewStep): PlannedStep {
  const paths = [...Object.keys(step.detailedDiff ?? {}), ...(step.diffReasons ?? []), ...(step.replaceReasons ?? [])];
  // A path into a property names it up to its first dot or bracket.
  const properties = [...new Set(paths.map((path) => path.split(/[.[]/, 1)[0] as string))].filter(
    (name) => name !== "",
  );
  const kinds = Object.entries(step.detailedDiff ?? {}).map(([path, { kind }]) => [path, kind]);
  const before = step.op === "create" ? undefined : step.oldState?.inputs;
  const after = step.op === "delete" ? undefined : step.newState?.inputs;
  return {
    op: step.op,
    properties: properties.sort(),
    content: sha256(canonical({ kinds: kinds.sort(), before: portable(before), after: portable(after) })).slice(0, 16),
  };
}

/** Type and name, with the types of its parents: what a URN has beside the stack and the project. */
const nameOf = (urn: string): string => urn.split("::").slice(2).join("::");

/** Files of the program are their contents, wherever they lie. */
function portable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(portable);
  if (typeof value !== "object" || value === null) return value;
  const fields = value as Record<string, unknown>;
  if (typeof fields["hash"] === "string" && ASSETS.includes(String(fields[SIGNATURE]))) return { hash: fields["hash"] };
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, portable(field)]));
}

const SIGNATURE = "4dabf18193072939515e22adb298388d";
/** Marks of an asset and of an archive. */
const ASSETS = ["c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"];

/** JSON with sorted names. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) =>
    typeof field === "object" && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
