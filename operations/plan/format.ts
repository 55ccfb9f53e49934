import { styleText } from "node:util";
import type { Kind } from "./bar";

/** Output is made for a terminal of 80 columns. */
export const WIDTH = 80;

/** Colours a text by what it stands for. */
export type Ink = (kind: Kind, text: string) => string;

export const noInk: Ink = (_, text) => text;

const COLOURS = {
  system: "yellow",
  gateway: "cyan",
  "local model": "magenta",
  free: "gray",
  headroom: "green",
} as const satisfies Record<Kind, string>;

/** The stream was looked at before, by {@link inkFor}. */
export const colourInk: Ink = (kind, text) => styleText(COLOURS[kind], text, { validateStream: false });

/** Colour for people at a terminal who have not asked for none (https://no-color.org). */
export function inkFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): Ink {
  return stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb" ? colourInk : noInk;
}

/** $12.00 */
export const dollars = (value: number): string => `$${value.toFixed(2)}`;

/** Lines of at most `width` characters; a word that is longer stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A label and its text, wrapped beside it. */
export function field(label: string, text: string, indent = 15): string[] {
  return wrap(text, WIDTH - indent).map((line, index) => (index === 0 ? label : "").padEnd(indent) + line);
}

/** Aligned columns, the numbers' to the right. */
export function columns(rows: readonly (readonly string[])[], right: readonly number[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}
