// The last gate: no secret leaves in a report, however it is dressed.

/** Shorter than that, a text is in too many words to mean anything. */
const SHORTEST = 8;
/** A line of a key; shorter ones and those around it ("-----BEGIN") are nobody's secret. */
const SHORTEST_LINE = 20;
/** Letters and figures alone that are enough to know a secret by. */
const SHORTEST_BARE = 10;

/** Names of the secrets that are too short to be looked for. */
export function tooShort(secrets: Readonly<Record<string, string>>): string[] {
  return Object.keys(secrets).filter((name) => piecesOf(secrets[name] ?? "").length === 0);
}

/**
 * Names of the secrets that occur in a text: as they are, or as JSON, Markdown, HTML, a URL, a picture or base64 has
 * them, also broken over lines; of a secret of several lines any line. Never a value.
 */
export function secretsIn(text: string, secrets: Readonly<Record<string, string>>): string[] {
  const read = readings(text);
  const bares = [...new Set(read.map(bare))];
  const has = (piece: string): boolean => {
    const plain = bare(piece);
    if (read.some((each) => each.includes(piece))) return true;
    if (plain.length >= SHORTEST_BARE && bares.some((each) => each.includes(plain))) return true;
    return base64(piece).some((form) => text.includes(form));
  };
  return Object.keys(secrets).filter((name) => piecesOf(secrets[name] ?? "").some(has));
}

/** What of a secret is looked for. */
function piecesOf(value: string): string[] {
  const text = value.trim();
  if (text.length < SHORTEST) return [];
  const lines = text.split(/[\r\n]+/).map((line) => line.trim());
  const long = lines.filter((line) => line.length >= SHORTEST_LINE && !line.startsWith("--"));
  return [...new Set([text, ...(lines.length > 1 ? long : [])])];
}

/** A text, and what it says to whoever undoes what Markdown, HTML, Mermaid, JSON or a URL make of one. */
function readings(text: string): string[] {
  const once = [text, fromMarkup(text), fromCode(text)];
  const json = once.flatMap((each) => [fromShown(each), fromJson(each), fromJson(fromJson(each))]);
  return [...new Set([...once, ...json, ...[...once, ...json].map(fromUrl)])];
}

/** Letters and figures: what is put between them to make a text harmless, or to break a line, does not count. */
const bare = (text: string): string => text.normalize("NFKC").replace(/[^\p{L}\p{N}]/gu, "");

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** Without backslashes before marks, and without HTML's and Mermaid's characters by number or name. */
const fromMarkup = (text: string): string =>
  text.replace(
    /\\([!-/:-@[-`{-~])|&?#(?:x([0-9a-f]{1,6})|(\d{1,7}));|&(amp|lt|gt|quot|apos|nbsp);/gi,
    (_, mark?: string, hex?: string, digits?: string, name?: string) =>
      mark ?? (name === undefined ? charOf(hex, digits) : (NAMED[name.toLowerCase()] ?? "")),
  );

/** HTML's code only: in a sentence a secret may begin within and end without, in Markdown's code, which stays as it is. */
const fromCode = (text: string): string =>
  text.replace(/<code>(.*?)<\/code>/gs, (_, inner: string) => fromMarkup(inner));

const SHORT: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };

const fromJson = (text: string): string =>
  text.replace(/\\(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|(.))/gi, (_, braced?: string, four?: string, one?: string) =>
    one === undefined ? charOf(braced ?? four) : (SHORT[one] ?? one),
  );

/** What the report writes for what is unseen, and nothing else: a backslash before it may be the secret's own. */
const fromShown = (text: string): string => text.replace(/\\u\{([0-9a-f]{1,6})\}/gi, (_, hex: string) => charOf(hex));

/** `%C3%BC`, and a form's plus for a blank. */
const fromUrl = (text: string): string =>
  text
    .replaceAll("+", " ")
    .replace(/(?:%[0-9a-f]{2})+/gi, (found) => Buffer.from(found.replaceAll("%", ""), "hex").toString("utf8"));

function charOf(hex?: string, digits?: string): string {
  const code = hex === undefined ? Number(digits) : parseInt(hex, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : "";
}

/** Also where it stands in the middle of what was encoded: what its neighbours change at either end is left out. */
function base64(piece: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(piece)]);
    const encoded = bytes.toString("base64").replace(/=+$/, "");
    const middle = encoded.slice(offset === 0 ? 0 : offset + 1, bytes.length % 3 === 0 ? undefined : -1);
    return middle.length < SHORTEST ? [] : [middle, middle.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
