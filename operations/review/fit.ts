import { plural } from "./text";

/** A part of a report, from the whole of it to what says that it was cut. */
export interface Section {
  /** At least one; each shorter than the one before. */
  versions: readonly string[];
  /** What is cut first has the highest. */
  rank: number;
}

export const whole = (markdown: string): Section => ({ versions: [markdown], rank: 0 });

/** What fits: all parts shortened a little before any of them is shortened much. */
export function fitted(sections: readonly Section[], limit: number): string {
  const level = sections.map(() => 0);
  const texts = () => sections.map(({ versions }, i) => versions[level[i] ?? 0] ?? "").filter((text) => text !== "");
  const joined = () => `${texts().join("\n\n")}\n`;
  const deepest = Math.max(...sections.map(({ versions }) => versions.length - 1), 0);
  const leastFirst = sections.map((section, i) => ({ ...section, i })).sort((a, b) => b.rank - a.rank || b.i - a.i);
  for (let depth = 1; depth <= deepest; depth++) {
    for (const { versions, i } of leastFirst) {
      if (joined().length <= limit) return joined();
      level[i] = Math.min(depth, versions.length - 1);
    }
  }
  return joined().length <= limit ? joined() : begun(texts(), limit);
}

const CUT = "The rest is cut here: `./hermes report` on your machine shows all.";

/** What fits of parts that cannot be shortened. */
function begun(texts: readonly string[], limit: number): string {
  const kept: string[] = [];
  for (const text of texts) {
    if ([...kept, text, CUT].join("\n\n").length >= limit) break;
    kept.push(text);
  }
  return `${[...kept, CUT].join("\n\n")}\n`;
}

/** The first lines, and how many more there are. */
export function headOf(lines: readonly string[], most: number): { lines: readonly string[]; cut: string | undefined } {
  const more = lines.length - most;
  if (more <= 0) return { lines, cut: undefined };
  return {
    lines: lines.slice(0, most),
    cut: `${plural(more, "more line is", "more lines are")} cut here: \`./hermes report\` on your machine shows all.`,
  };
}
