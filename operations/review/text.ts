// What strangers wrote, made harmless for Markdown and for Mermaid. Nothing reaches a report but through here.

/** Controls, marks of direction, what has no width, line separators, halves of characters: nobody sees them, or sees what is not there. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;

/** Such characters as `\u{…}`, so that a reader sees that they are there. */
export function visible(text: string, keep = ""): string {
  return text.replace(UNSEEN, (found) => (keep.includes(found) ? found : `\\u{${found.codePointAt(0)?.toString(16)}}`));
}

/** What is longer is no name, and no value that a sentence could hold. */
const LONGEST_CODE = 160;

/** A text on one line, as code: nothing in it is Markdown, HTML, a mention, a link or a formula. */
export function code(value: string): string {
  const line = oneLine(value);
  // A bar would end the cell of a table, in Markdown's code too.
  if (line.includes("|")) return htmlCode(value);
  const fence = "`".repeat(longestRun(line) + 1);
  const pad = /^`|`$|^ .* $/.test(line) ? " " : "";
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** The same where there is HTML around, in which Markdown counts for nothing. */
export const htmlCode = (value: string): string => `<code>${entities(oneLine(value))}</code>`;

/** Every character that could mean something as a number. */
const entities = (text: string): string => text.replace(/[^\p{L}\p{N} /,-]/gu, (char) => `&#${char.codePointAt(0)};`);

const oneLine = (value: string): string => {
  const line = visible(
    clip(value, LONGEST_CODE)
      .replace(/\s*\r?\n\s*/g, " ⏎ ")
      .replaceAll("\t", " "),
  );
  return line.trim() === "" ? "(empty)" : line;
};

/** Lines as they are, in a fence that they cannot end. */
export function block(language: "" | "diff" | "mermaid", lines: readonly string[]): string {
  const clean = lines.flatMap((line) => visible(line, "\t\n").split("\n"));
  const fence = "`".repeat(Math.max(3, ...clean.map((line) => longestRun(line) + 1)));
  return [`${fence}${language}`, ...clean, fence].join("\n");
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}

/** Our own Markdown, with {@link code} in it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `| ${head.map(() => "---").join(" | ")} |`, ...rows.map(line)].join("\n");
}

/** Folded away below a line that says what is in it. The summary is HTML: our own words and {@link htmlCode}. */
export function folded(summary: string, body: string): string {
  return `<details><summary>${summary}</summary>\n\n${body}\n\n</details>`;
}

/** A label in a picture: whatever is no plain word becomes a character by number, which Mermaid shows as it is. */
export function label(value: string, longest = 48): string {
  const line = visible(value.replace(/\s+/g, " "));
  const short = Array.from(line).length > longest ? `${Array.from(line).slice(0, longest).join("")}…` : line;
  const chars = Array.from(short);
  const isPlain = (char: string | undefined): boolean => char !== undefined && /[A-Za-z0-9]/.test(char);
  return chars
    .map((char, index) => {
      if (isPlain(char) || char === " ") return char;
      // Between letters and figures these mean nothing.
      const inside = isPlain(chars[index - 1]) && isPlain(chars[index + 1]);
      return inside && /[-_.:/]/.test(char) ? char : `#${char.codePointAt(0)};`;
    })
    .join("");
}

/** "a", "a and b", "a, b and c", "a, b, c, d, e and 7 more" */
export function listed(all: readonly string[], most = 6): string {
  if (all.length > most) return `${all.slice(0, most - 1).join(", ")} and ${all.length - most + 1} more`;
  return all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} and ${all.at(-1)}`;
}

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** A word that is nothing but a word, with what may stand around it in a sentence. */
const WORD =
  /^([("']*)((?:\p{L}\p{M}*|\p{N})+(?:['’/-](?:\p{L}\p{M}*|\p{N})+)*|\p{N}+(?:[.,]\p{N}+)*|[→–—−×])?([)"'.,;:!?…]*)$/u;
/** Of such words those that a forge makes a link of, or that begin a list. */
const LINKED = /^(?:\p{L}+-\p{N}+|\p{N}+|[0-9a-f]{7,64})$/iu;

/**
 * A sentence that somebody else wrote: words as they are, all the rest of it as code, a command of
 * hermes in one piece.
 */
export function prose(text: string): string {
  const words = text.match(/\.\/hermes [a-z]+\S*|\S+/g) ?? [];
  return words
    .map((word, index) => {
      const match = WORD.exec(word);
      const bare = match?.[2];
      if (bare !== undefined && (!LINKED.test(bare) || (index > 0 && /^\p{N}{1,6}$/u.test(bare)))) return word;
      const [, before = "", inner = word, after = ""] = /^([("']*)(.*?)([)"'.,;:!?]*)$/su.exec(word) ?? [];
      return inner === "" ? code(word) : `${before}${code(inner)}${after}`;
    })
    .join(" ");
}

/** At most so many characters, cut between words: half a word may be half a secret. */
export function clip(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const kept = text
    .slice(0, longest + 1)
    .replace(/\S*$/, "")
    .trimEnd();
  return `${kept}${kept === "" ? "" : " "}… (${text.length} characters)`;
}

/** Broken between words, each line as far in as the first. */
export function wrapped(line: string, width: number): string[] {
  const indent = /^ */.exec(line)?.[0] ?? "";
  const lines: string[] = [];
  for (const word of line.trim().split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${indent}${word}`);
  }
  return lines;
}
