import { grouped } from "../../planner/budget";
import type { Budget } from "../../planner/types";
import { apportion, barOf, letterOf, type Kind } from "./bar";
import { WIDTH, type Ink } from "./format";

/** Patterns, so that the bar can be read without colour; of several, neighbours have them in turns. */
const PATTERN: Readonly<Record<Kind, string>> = {
  system: "░",
  gateway: "▒",
  "local model": "█▓",
  free: "·",
  headroom: "-",
};

const pattern = (kind: Kind, index: number): string => PATTERN[kind][index % PATTERN[kind].length]!;

const INDENT = "     ";
const BAR_WIDTH = WIDTH - INDENT.length - 2;

/** Table and bar of what a droplet's memory is for. */
export function picture(budget: Budget, ink: Ink): string[] {
  return [...memoryTable(budget, ink), "", ...memoryBar(budget, ink)];
}

function memoryTable({ lines, totalMiB, memTotalMiB, headroomMiB }: Budget, ink: Ink): string[] {
  const spare = memTotalMiB - totalMiB;
  const rows: [letter: string, what: string, mib: number, kind?: Kind][] = [
    ...lines.map(({ what, mib, part }, index): [string, string, number, Kind] => [letterOf(index), what, mib, part]),
    [" ", "sum", totalMiB],
    [" ", "MemTotal, what Linux will report (estimate)", memTotalMiB],
    spare < 0 ? [" ", "missing", -spare] : [" ", "spare", spare, "free"],
  ];
  if (headroomMiB > 0) rows.push([" ", "headroom that has to stay spare", headroomMiB, "headroom"]);
  const widest = Math.max(...rows.map(([, what]) => what.length));
  return rows.map(([letter, what, mib, kind], index) => {
    const text = `  ${letter}  ${what.padEnd(widest)}  ${grouped(mib).padStart(7)}`;
    return kind === undefined ? text : `${text}  ${ink(kind, pattern(kind, index).repeat(2))}`;
  });
}

/** Three rows: where each line begins, the bar, the scale. */
export function memoryBar(budget: Budget, ink: Ink, width = BAR_WIDTH): string[] {
  const { segments, wholeMiB } = barOf(budget);
  const cells = apportion(
    segments.map(({ mib }) => mib),
    width,
  );
  const letters = segments.map(({ letter = "" }, index) => letter.slice(0, cells[index]).padEnd(cells[index]!));
  const blocks = segments.map(({ kind }, index) => ink(kind, pattern(kind, index).repeat(cells[index]!)));
  return [letters.join("").trimEnd(), blocks.join(""), scale(budget, wholeMiB, width)].map((row) => `${INDENT}${row}`);
}

/** 0, MemTotal where it lies, and the sum where that is beyond it. */
function scale({ memTotalMiB, totalMiB }: Budget, wholeMiB: number, width: number): string {
  const label = `MemTotal ${grouped(memTotalMiB)}`;
  if (totalMiB <= memTotalMiB) return `0${`${label} ▲`.padStart(width - 1)}`;
  const position = Math.min(width - 1, Math.round((memTotalMiB * width) / wholeMiB));
  const right = `sum ${grouped(totalMiB)}`;
  const after = `▲ ${label}`;
  const fitsAfter = position + after.length + right.length + 2 <= width;
  const left = fitsAfter ? "0".padEnd(position) + after : `0${`${label} ▲`.padStart(position)}`;
  return left.length + right.length + 2 <= width ? left + right.padStart(width - left.length) : left;
}
