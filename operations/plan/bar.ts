import type { Budget, MemoryLine } from "../../planner/types";

/** What a stretch of the bar is; the last two are memory that nothing takes. */
export type Kind = MemoryLine["part"] | "free" | "headroom";

/** A stretch of the bar. */
interface Segment {
  kind: Kind;
  /** Ties it to its line in the table; absent where there is no line. */
  letter?: string;
  /** MiB. */
  mib: number;
}

/** Memory as a bar: the lines, what is free, and of that what has to stay free beside a local model. */
export interface Bar {
  segments: Segment[];
  /** What the whole bar stands for, MiB: MemTotal, or the sum where that is more. */
  wholeMiB: number;
}

/** The letter of the nth line. */
export const letterOf = (index: number): string => String.fromCharCode(0x61 + index);

export function barOf({ lines, totalMiB, memTotalMiB, headroomMiB }: Budget): Bar {
  const spare = Math.max(0, memTotalMiB - totalMiB);
  const headroom = Math.min(spare, headroomMiB);
  const taken = lines.map(({ part, mib }, index): Segment => ({ kind: part, letter: letterOf(index), mib }));
  return {
    segments: [...taken, { kind: "free", mib: spare - headroom }, { kind: "headroom", mib: headroom }],
    wholeMiB: Math.max(totalMiB, memTotalMiB),
  };
}

/**
 * Whole numbers in the parts' proportion that add up to the width, each less than one off (largest remainders).
 */
export function apportion(parts: readonly number[], width: number): number[] {
  const sum = parts.reduce((total, part) => total + part, 0);
  if (sum === 0) return parts.map(() => 0);
  const exact = parts.map((part) => (part * width) / sum);
  const cells = exact.map(Math.floor);
  const missing = width - cells.reduce((total, count) => total + count, 0);
  const remainder = (index: number): number => exact[index]! - cells[index]!;
  const byRemainder = [...exact.keys()].sort((a, b) => remainder(b) - remainder(a));
  for (const index of byRemainder.slice(0, missing)) cells[index]! += 1;
  return cells;
}
