// The last gate: no secret leaves in a report, however it is dressed.
import { htmlCode, label, visible } from "./text";

/** Shorter than that, a text is in too many words to mean anything. */
const SHORTEST = 8;
/** A line of a key; shorter ones and those around it ("-----BEGIN") are nobody's secret. */
const SHORTEST_LINE = 20;

/** Names of the secrets that are too short to be looked for. */
export function tooShort(secrets: Readonly<Record<string, string>>): string[] {
  return Object.keys(secrets).filter((name) => piecesOf(secrets[name] ?? "").length === 0);
}

/**
 * Names of the secrets that occur in a text: as they are, or as JSON, Markdown, HTML, a URL, a picture or base64 has
 * them; of a secret of several lines any line. Never a value.
 */
export function secretsIn(text: string, secrets: Readonly<Record<string, string>>): string[] {
  const texts = [...new Set([text, unescaped(text), joined(text)])];
  return Object.keys(secrets).filter((name) =>
    piecesOf(secrets[name] ?? "").some((piece) =>
      dressed(piece).some((form) => texts.some((each) => each.includes(form))),
    ),
  );
}

/** What of a secret is looked for. */
function piecesOf(value: string): string[] {
  const text = value.trim();
  if (!/[\r\n]/.test(text)) return text.length < SHORTEST ? [] : [text];
  const lines = text.split(/[\r\n]+/).map((line) => line.trim());
  const long = lines.filter((line) => line.length >= SHORTEST_LINE && !line.startsWith("--"));
  return long.length > 0 ? [text, ...long] : text.length < SHORTEST ? [] : [text];
}

const json = (text: string): string => JSON.stringify(text).slice(1, -1);
const html = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** Each way a text may be written; those that are used within another are applied twice. */
function dressed(piece: string): string[] {
  const inside = [piece, json(piece), json(json(piece)), url(piece), visible(piece)];
  const around = inside.flatMap((form) => [
    form,
    json(form),
    html(form),
    html(form).replaceAll("'", "&#39;"),
    visible(form),
  ]);
  const all = [...around, htmlCode(piece), label(piece, Infinity), url(json(piece)), form(piece), ...base64(piece)];
  return [...new Set(all)].filter((each) => each.length >= SHORTEST);
}

/** `%20` and its like; half a character has none. */
const url = (text: string): string => encodeURIComponent(Buffer.from(text).toString());
const form = (text: string): string =>
  url(text)
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** Also where it stands in the middle of what was encoded: what the neighbours spoil at both ends is left out. */
function base64(piece: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), Buffer.from(piece)])
      .toString("base64")
      .replace(/=+$/, "");
    const middle = encoded.slice(
      offset === 0 ? 0 : offset + 1,
      Buffer.byteLength(piece) % 3 === 0 && offset === 0 ? undefined : -1,
    );
    return [middle, middle.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

/** Without Markdown's backslashes and HTML's numbers and names. */
function unescaped(text: string): string {
  const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };
  return text
    .replace(
      /&#(x?)([0-9a-f]{1,6});|#(\d{1,7});/gi,
      (whole, hex: string, digits: string | undefined, mermaid: string | undefined) => {
        const code = mermaid === undefined ? parseInt(digits ?? "", hex === "" ? 10 : 16) : Number(mermaid);
        return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
      },
    )
    .replace(/&(amp|lt|gt|quot|apos|nbsp);/g, (_, name: string) => named[name] ?? "")
    .replace(/\\([!-/:-@[-`{-~])/g, "$1");
}

/** The lines of a diff or a quote as one text, so that a secret over several lines is seen whole. */
const joined = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.replace(/^[ +>-]/, ""))
    .join("\n");
