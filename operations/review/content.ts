import { structuredPatch } from "diff";
import { linesOf, fileChanges, type Bundles, type FileChange } from "./bundle";
import { headOf, type Section } from "./fit";
import { block, clip, code, folded, htmlCode } from "./text";

const CONTEXT = 3;

/** A file, what becomes of it, and the lines that say how. */
export interface ContentDiff {
  /** By how code is written where it stands. */
  heading: (as: (value: string) => string) => string;
  /** What stands in place of a diff; mostly nothing. */
  words: string;
  /** Of a diff. */
  lines: string[];
  added: number;
  removed: number;
}

export function contentDiffs(bundles: Bundles): ContentDiff[] {
  if (bundles.before === undefined || bundles.after === undefined) return [];
  return [...fileChanges(bundles).map(diffOf), ...restDiff(bundles)];
}

function diffOf(change: FileChange): ContentDiff {
  const { before, after, path, agent } = change;
  const [old, now] = [linesOf(before), linesOf(after)];
  const verb = before === undefined ? "new: " : after === undefined ? "removed: " : "";
  const heading: ContentDiff["heading"] = (as) =>
    `${verb}${as(path)}${agent === undefined ? "" : ` of agent ${as(agent)}`}`;
  if (old === undefined || now === undefined)
    return { heading, words: "Not text: its content is not shown.", lines: [], added: 0, removed: 0 };
  if (before !== undefined && after !== undefined && old.join("\n") === now.join("\n")) {
    const meta = [before, after].map(({ mode, owner }) => code(`${mode} ${owner}`)).join(" → ");
    return { heading, words: `Same content; ${meta}.`, lines: [], added: 0, removed: 0 };
  }
  return { heading, words: "", ...patch(old, now) };
}

/** openclaw, node, ollama: what is to be installed. */
function restDiff({ before, after }: Bundles): ContentDiff[] {
  const text = (bundle: typeof before): string[] => JSON.stringify(bundle?.rest ?? {}, null, 2).split("\n");
  const [old, now] = [text(before), text(after)];
  if (old.join("\n") === now.join("\n")) return [];
  return [{ heading: () => "what is installed", words: "", ...patch(old, now) }];
}

function patch(before: string[], after: string[]): Pick<ContentDiff, "lines" | "added" | "removed"> {
  const { hunks } = structuredPatch("", "", before.join("\n"), after.join("\n"), "", "", { context: CONTEXT });
  const lines = hunks.flatMap((hunk) => [
    `@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`,
    ...hunk.lines,
  ]);
  const count = (sign: string): number => lines.filter((line) => line.startsWith(sign)).length;
  // A lone hunk's place tells nobody anything.
  return { lines: hunks.length === 1 ? lines.slice(1) : lines, added: count("+"), removed: count("-") };
}

/** Open at once is only what is short, so that the report stays one screen. */
const OPEN_LINES = 12;

export function contentSections(diffs: readonly ContentDiff[]): Section[] {
  return diffs.map(({ heading, lines, words, added, removed }, index) => {
    const size = added + removed === 0 ? "" : ` (+${added} −${removed})`;
    const isOpen = index === 0 && added + removed <= OPEN_LINES;
    const version = (most: number): string => {
      const head = headOf(lines, most);
      const body = [
        words,
        lines.length === 0
          ? ""
          : block(
              "diff",
              head.lines.map((line) => clip(line, 1000)),
            ),
        head.cut ?? "",
      ];
      const text = body.filter((part) => part !== "").join("\n\n");
      return isOpen ? `**${heading(code)}**${size}\n\n${text}` : folded(`${heading(htmlCode)}${size}`, text);
    };
    return {
      versions: [
        version(500),
        version(40),
        `${heading(code)}${size}: cut here, \`./hermes report\` on your machine shows it.`,
      ],
      rank: 4,
    };
  });
}
