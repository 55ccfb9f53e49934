import { load } from "js-yaml";
import { nearest } from "../lib/nearest";
import { hidesCredential } from "./credentials";
import type { Problem } from "./problem";
import { readByYaml11 } from "./yaml";

export interface TextRule {
  /** Used when nothing stands there; without it the value is required. */
  default?: string | undefined;
  /** What the text must match. */
  pattern?: RegExp;
  /** What is checked of it later: a text that fails this is not suggested. */
  isValid?: (text: string) => boolean;
  /** The text is a key, which is renamed. */
  isKey?: boolean;
  /** Whether an empty text is one. */
  empty?: boolean;
  /** Whether blanks at its start and end belong to it. */
  blanks?: boolean;
  /** What is allowed, a full sentence. */
  allowed: string;
  /** What to do, a full sentence. */
  fix: string;
}

export interface ListRule {
  /** A list that is right here, as it is written in the file. */
  example: string;
  /** Whether a single text is an entry: it is then suggested as a list of one. */
  isEntry?: (text: string) => boolean;
}

export interface IntegerRule {
  default?: number;
  min: number;
  max: number;
  allowed: string;
  fix: string;
}

/** Reads plain values out of what YAML and the engine made of the stack's file, and collects what is wrong. */
export class Reader {
  readonly problems: Problem[] = [];
  /** Keys whose value is of the wrong kind, or stands under a misspelt name: nothing is known of what is below them. */
  readonly #unread: string[] = [];

  /** What was told of keys where a number or boolean stands in the place of a text. */
  readonly #converted = new Map<string, Problem>();

  /**
   * @param secrets values that must never be printed, whatever key they were found under
   * @param spelling what the file has at a key; YAML makes 3.1 of 3.10, and 18 of 022
   */
  constructor(
    private readonly secrets: readonly string[] = [],
    private readonly spelling: (key: string) => string | undefined = () => undefined,
  ) {}

  add(key: string, wrong: string, allowed: string, fix: string): void {
    if (/^is (missing|empty)\b/.test(wrong) && this.isUnread(key)) return;
    this.problems.push({ key, wrong, allowed, fix });
  }

  /** A key whose value could not be read, which was told: that it is missing is not told then. */
  setUnread(key: string): void {
    this.#unread.push(key);
  }

  /** Whether the value of this key, or of one above or below it, could not be read. */
  isUnread(key: string): boolean {
    const isIn = (inner: string, outer: string): boolean => inner === outer || /^[.[]/.test(inner.slice(outer.length));
    return this.#unread.some((unread) =>
      unread.length > key.length
        ? unread.startsWith(key) && isIn(unread, key)
        : key.startsWith(unread) && isIn(key, unread),
    );
  }

  /** Takes back that YAML made a number or boolean of a key's text; false where that was not told. */
  withdrawConverted(key: string): boolean {
    const told = this.#converted.get(key);
    const at = told === undefined ? -1 : this.problems.indexOf(told);
    if (at >= 0) this.problems.splice(at, 1);
    return at >= 0;
  }

  /** A problem with a value that stands there. */
  reject(key: string, value: unknown, wrong: string, allowed: string, fix: string): void {
    this.problems.push({ key, found: this.show(value), wrong, allowed, fix });
  }

  /** A value as it may be printed: short, on one line, without secrets. */
  show(value: unknown): string {
    const text = JSON.stringify(value) ?? "nothing";
    if (this.holdsSecret(text) || hidesCredential(value)) return "[secret]";
    return text.length > 100 ? `${text.slice(0, 97)}…` : text;
  }

  holdsSecret(text: string): boolean {
    return this.secrets.some((secret) => secret.length >= 8 && text.includes(JSON.stringify(secret).slice(1, -1)));
  }

  /** A map; one that is absent is empty. Keys beyond `allowedKeys` (where given) are refused. */
  map(key: string, value: unknown, allowedKeys?: readonly string[]): Record<string, unknown> {
    if (isAbsent(value)) return {};
    if (typeof value !== "object" || Array.isArray(value)) {
      const wrong = Array.isArray(value) ? "it is a list, and a map is expected" : "it is not a map";
      const quoted = this.#written(value);
      const isMap = quoted !== undefined && typeof quoted.value === "object" && !Array.isArray(quoted.value);
      const fix = isMap ? withoutQuotes(quoted.text) : mapFix(key, allowedKeys?.[0] ?? "name");
      this.setUnread(key);
      this.reject(key, value, wrong, "A map of keys to values is expected.", fix);
      return {};
    }
    const map = value as Record<string, unknown>;
    if (allowedKeys) for (const name of Object.keys(map)) this.knownKey(`${key}.${name}`, name, allowedKeys, map);
    return map;
  }

  /** Refuses a key that does not exist; its value is not printed, it may be anything. */
  knownKey(key: string, name: string, known: readonly string[], map: Readonly<Record<string, unknown>>): void {
    if (known.includes(name)) return;
    const meant = nearest(name, known);
    const isTwice = meant !== undefined && Object.hasOwn(map, meant);
    if (meant !== undefined && !isTwice) this.setUnread(`${key.slice(0, -name.length)}${meant}`);
    const list: unknown = map[name];
    const [entry] = Array.isArray(list) && list.length === 1 ? (list as unknown[]) : [];
    // tags: [tag:hermes], where one text is wanted.
    const isOne = meant === name.replace(/s$/, "") && typeof entry === "string" && !this.isHidden(entry);
    const renamed = isOne ? `Write ${meant}: ${asYaml(entry)} in its place.` : `Rename it to ${meant}.`;
    const fix = meant === undefined ? "Remove it." : isTwice ? `Remove it: ${meant} is there, too.` : renamed;
    this.add(key, "is not a key that hermes knows", `Known here: ${known.join(", ")}.`, fix);
  }

  list(key: string, value: unknown, { example, isEntry }: ListRule): unknown[] {
    if (isAbsent(value)) return [];
    if (Array.isArray(value)) return value as unknown[];
    const [entry, quoted] = [typeof value === "string" ? value.trim() : "", this.#written(value)];
    const fix =
      quoted !== undefined && Array.isArray(quoted.value)
        ? withoutQuotes(quoted.text)
        : entry !== "" && isEntry?.(entry) === true && !this.isHidden(entry)
          ? `Write a list: [${JSON.stringify(entry)}].`
          : `Write a list, such as ${example}.`;
    this.setUnread(key);
    this.reject(key, value, "it is not a list", "A list is expected.", fix);
    return [];
  }

  /** The list or map that stands in a text, unless it holds a credential. */
  #written(value: unknown): { text: string; value: unknown } | undefined {
    if (typeof value !== "string") return undefined;
    const text = value.trim().replace(/^(["'])([[{].*[\]}])\1$/s, "$2");
    if (!/^[[{]/.test(text) || this.isHidden(text)) return undefined;
    try {
      const written = JSON.parse(text) as unknown;
      return hidesCredential(written) ? undefined : { text, value: written };
    } catch {
      return undefined;
    }
  }

  /** A text, or undefined when it is wrong (which is then on the list). */
  text(key: string, value: unknown, rule: TextRule): string | undefined {
    if (value === "" && rule.empty === true) return value;
    if (isAbsent(value) || value === "") {
      if (rule.default !== undefined) return rule.default;
      this.add(key, value === "" ? "is empty" : "is missing", rule.allowed, rule.fix);
      return undefined;
    }
    if (typeof value !== "string") {
      const kind = Array.isArray(value) ? "list" : typeof value === "object" ? "map" : typeof value;
      const plain = typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
      const scalar = plain === undefined ? undefined : (this.spelling(key) ?? plain);
      const quoted = scalar !== undefined && isRight(scalar, rule);
      const fix = quoted ? `Put it in quotes: ${key.endsWith("]") ? "" : `${lastName(key)}: `}"${scalar}".` : rule.fix;
      const found = scalar === plain ? value : scalar;
      this.reject(key, found, `YAML reads it as a ${kind}, and a text is expected`, rule.allowed, fix);
      const told = this.problems.at(-1);
      if (told !== undefined) this.#converted.set(key, told);
      return undefined;
    }
    if (/\p{Cc}/u.test(value)) {
      this.reject(key, value, "it holds a line break or another control character", rule.allowed, rule.fix);
      return undefined;
    }
    if (hasForm(value, rule)) return value;
    const meant = plainForms(value).find((form) => form !== "" && isRight(form, rule));
    const wrong = value === value.trim() ? "it does not have the right form" : "it has blanks at its start or end";
    this.reject(
      key,
      value,
      wrong,
      rule.allowed,
      meant === undefined || this.isHidden(meant)
        ? rule.fix
        : `${rule.isKey === true ? "Rename it to" : "Write"} ${asYaml(meant)}.`,
    );
    return undefined;
  }

  /** Whether a text may not be printed. */
  isHidden(text: string): boolean {
    return this.show(text) === "[secret]";
  }

  /** A name that ends up in YAML, file names and host names: also nothing that YAML 1.1 reads as another thing. */
  name(key: string, value: unknown, rule: TextRule): string | undefined {
    const isValid = (name: string): boolean => readByYaml11(name) === undefined && (rule.isValid?.(name) ?? true);
    const text = this.text(key, value, { ...rule, isValid });
    const read = text === undefined ? undefined : readByYaml11(text);
    if (read === undefined) return text;
    this.reject(key, text, `a YAML 1.1 reader takes it for ${read}`, rule.allowed, "Choose another name.");
    return undefined;
  }

  integer(key: string, value: unknown, rule: IntegerRule): number | undefined {
    if (isAbsent(value)) {
      if (rule.default !== undefined) return rule.default;
      this.add(key, "is missing", rule.allowed, rule.fix);
      return undefined;
    }
    // The engine hands top-level values over as text.
    const number = typeof value === "string" && /^-?(0|[1-9]\d*)$/.test(value) ? Number(value) : value;
    if (typeof number === "number" && Number.isInteger(number) && number >= rule.min && number <= rule.max)
      return number;
    const wrong = Number.isInteger(number) ? "it is out of range" : "it is not a whole number";
    const meant = wholeNumberIn(value, rule.max);
    const fits = meant !== undefined && meant >= rule.min && meant <= rule.max;
    this.reject(key, value, wrong, rule.allowed, fits ? `Write ${meant}.` : rule.fix);
    return undefined;
  }

  boolean(key: string, value: unknown, fallback: boolean): boolean | undefined {
    if (isAbsent(value)) return fallback;
    if (value === true || value === "true") return true;
    if (value === false || value === "false") return false;
    const meant = BOOLEANS.get(bare(typeof value === "string" ? value : JSON.stringify(value)).toLowerCase());
    this.reject(key, value, "it is not a boolean", "true or false, without quotes.", `Write ${meant ?? fallback}.`);
    return undefined;
  }
}

/** Words that other programs take for booleans. */
const BOOLEANS = new Map(
  Object.entries<boolean>({
    ...{ true: true, yes: true, y: true, on: true, "1": true, enable: true, enabled: true },
    ...{ false: false, no: false, n: false, off: false, "0": false, disable: false, disabled: false },
    ...{ none: false, never: false },
  }),
);

/** Whether a word says that something is not wanted. */
export const isNegative = (value: unknown): boolean => BOOLEANS.get(bare(String(value)).toLowerCase()) === false;

const QUOTED = /^["'`“”„‟‘’‚‛«»‹›](.*)["'`“”„‟‘’‚‛«»‹›]$/s;

/** Without blanks and quotes around it, also those of word processors and telephones, however many. */
export function bare(text: string): string {
  const inner = QUOTED.exec(text.trim())?.[1];
  return inner === undefined ? text.trim() : bare(inner);
}

/** Without blanks, then without quotes around it, then in lower case. */
const plainForms = (text: string): string[] => [text.trim(), bare(text), bare(text).toLowerCase()];

/** Below it nobody counts in thousands: `8k` is no port. */
const THOUSANDS = 100_000;

/** The number in `4`, `"4"`, `04`, `4,00`, `1,000`, `4 GiB`, `$20`, `64k`, and 0 for `none`. */
function wholeNumberIn(value: unknown, max: number): number | undefined {
  if (typeof value !== "string") return undefined;
  if (isNegative(value)) return 0;
  const pattern = /^[$€]?\s*(\d{1,9})(?:[.,]0{1,2})?\s*(k|g|gb|gi|gib|usd|eur|dollars?)?$/i;
  const grouped = /^(\D*)(\d{1,3}(?:[.,_']\d{3})+)(?!\d)/;
  const plain = bare(value).replace(grouped, (_, before: string, number: string) => before + number.replace(/\D/g, ""));
  const [, count, unit = ""] = pattern.exec(plain) ?? [];
  if (count === undefined || (unit.toLowerCase() === "k" && max < THOUSANDS)) return undefined;
  return Number(count) * (unit.toLowerCase() === "k" ? 1024 : 1);
}

export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function lastName(key: string): string {
  return key.replace(/\[\d+\]$/, "").replace(/^.*[.:]/, "");
}

const hasForm = (text: string, { pattern, blanks }: TextRule): boolean =>
  (blanks === true || text === text.trim()) && (pattern?.test(text) ?? true);

const isRight = (text: string, rule: TextRule): boolean => hasForm(text, rule) && (rule.isValid?.(text) ?? true);

/** In quotes where YAML would read it as another thing than this text. */
function asYaml(text: string): string {
  try {
    if ((load(`key: ${text}`) as { key: unknown }).key === text) return text;
  } catch {
    // In quotes it is one.
  }
  return JSON.stringify(text);
}

const withoutQuotes = (text: string): string => `Write it without quotes: ${text}.`;

function mapFix(key: string, example: string): string {
  return `Write “${lastName(key)}:” and below it, indented, “${example}: …”.`;
}
