/** Shorter than that, a text is in too many words. */
const SHORTEST = 6;
/** Letters and digits that are no coincidence. */
const TELLING = 12;

/**
 * Names of the secrets that a text holds: as they are, however Markdown, HTML, JSON or a diff wrote their punctuation,
 * cut by line breaks, in base64 or in a URL. Pure; the last look at what goes to where others read.
 */
export function leaks(text: string, secrets: Record<string, string>): string[] {
  const [plain, bare] = [text.normalize("NFKC"), skeleton(text)];
  return Object.entries(secrets)
    .filter(([, value]) => pieces(value).some((piece) => holds(plain, bare, piece)))
    .map(([name]) => name);
}

function holds(plain: string, bare: string, piece: string): boolean {
  const forms = [piece, encodeURIComponent(piece), base64(piece)].map((form) => form.normalize("NFKC"));
  if (forms.some((form) => plain.includes(form))) return true;
  const bones = skeleton(piece);
  return bones.length >= TELLING && bare.includes(bones);
}

/** A key of several lines shows by any of them; "-----BEGIN …" is nobody's secret. */
function pieces(value: string): string[] {
  const lines = value.split(/\r?\n/).filter((line) => line.length >= 20 && !line.startsWith("--"));
  return [value.trim(), ...lines].filter((piece) => piece.length >= SHORTEST);
}

/** The middle of it: what stands before and after shifts the ends. */
const base64 = (piece: string): string =>
  Buffer.from(piece)
    .toString("base64")
    .replace(/.{0,3}=*$/, "");

/** Letters and digits alone, what stands for a character put back. */
const skeleton = (text: string): string =>
  text
    .normalize("NFKC")
    .replace(/&#x([0-9a-f]{1,6});/gi, (_, code: string) => character(parseInt(code, 16)))
    .replace(/&#(\d{1,7});/g, (_, code: string) => character(Number(code)))
    .replace(/\\u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
    .replace(/&(amp|lt|gt|quot|apos|nbsp);|<\/?[a-z][^>]{0,40}>|\\[nrt]/gi, " ")
    .replace(/[^\p{L}\p{N}]/gu, "");

const character = (code: number): string => (code <= 0x10ffff ? String.fromCodePoint(code) : " ");

/** Variables that carry a secret, by what they are called. */
export function secretVariables(env: Record<string, string | undefined>): Record<string, string> {
  const entries = Object.entries(env).filter(
    (entry): entry is [string, string] => /TOKEN|SECRET|PASSPHRASE|PASSWORD|API_KEY/.test(entry[0]) && !!entry[1],
  );
  // A name of a file, or of a client, is none.
  return Object.fromEntries(entries.filter(([name]) => !/_FILE$|_URL$|CLIENT_ID$/.test(name)));
}
