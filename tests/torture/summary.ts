import { ACTS, ALL_KINDS, type Case, type Kind } from "./cases";
import type { Result } from "./course";

export interface Finished {
  id: string;
  case: Pick<Case, "act" | "stack" | "kind" | "call">;
  result: Result;
}

export interface RunFacts {
  /** ISO date. */
  date: string;
  seed: number;
  /** Cases that the enumeration has in all. */
  enumerated: number;
}

const BEGIN = "<!-- torture:begin -->";
const END = "<!-- torture:end -->";

/** How a case came to its end, in the order of what it asks of a person. */
export type Way = "by itself" | "cancel" | "sweep" | "not";

export function wayOf({ ok, moves }: Pick<Result, "ok" | "moves">): Way {
  if (!ok) return "not";
  if (moves.some((move) => move.startsWith("sweep"))) return "sweep";
  return moves.includes("cancel") ? "cancel" : "by itself";
}

/** A Markdown table by command and kind of failure, and a line for each case that did not converge. */
export function summary(finished: readonly Finished[], facts: RunFacts): string {
  const rows = ACTS.flatMap((act) =>
    ALL_KINDS.map((kind) => row(act, kind, finished)).filter((line) => line !== undefined),
  );
  const failed = finished.filter(({ result }) => !result.ok);
  const left = finished.filter(({ result }) => result.leftKeys > 0).length;
  return [
    `${facts.date}: ${finished.length} of ${facts.enumerated} cases run, seed ${facts.seed}; ` +
      `${finished.length - failed.length} converged, ${failed.length} did not. ` +
      `Orphans: none but an unspent auth key (ends within the hour) in ${left}.`,
    "",
    "| command | failure | cases | same command again | after `pulumi cancel` | after `./hermes sweep` | not |",
    "| --- | --- | --: | --: | --: | --: | --: |",
    ...rows,
    ...(failed.length === 0
      ? []
      : ["", "Not converged:", "", ...failed.map(({ id, result }) => `- ${id}: ${result.differences[0] ?? "?"}`)]),
  ].join("\n");
}

function row(act: Case["act"], kind: Kind, finished: readonly Finished[]): string | undefined {
  const here = finished.filter((each) => each.case.act === act && each.case.kind === kind);
  if (here.length === 0) return undefined;
  const count = (way: Way): number => here.filter(({ result }) => wayOf(result) === way).length;
  const counts = (["by itself", "cancel", "sweep", "not"] as const).map(count);
  return `| ${[act, kind, here.length, ...counts].join(" | ")} |`;
}

/** The document with its marked part replaced. @throws Error where it has no such part */
export function withSummary(document: string, text: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the document has no ${BEGIN} … ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${document.slice(end)}`;
}
