// Slips of hands: what people type in place of a value or a key.
import { hermesStack, secrets } from "./config-fixture";
import { backup, mcp, telegram } from "./config-wrong";

export type Values = Record<string, unknown>;
export type Path = string[];

/** Every key says something. */
export const FULL: Values = {
  ...hermesStack(),
  ...mcp({ command: "npx", args: ["-y", "server"], env: { LEVEL: "info", TOKEN: { secret: "tracker" } } }),
  ...telegram,
  ...backup({ schedule: "daily", keep: 7 }),
  growDisk: false,
  ipv6: true,
  adminCidrs: [],
  ollama: "off",
  localModel: { contextTokens: 65536 },
  policy: { maxMonthlyUsd: 40 },
};
export const SECRETS: Values = {
  ...secrets,
  telegramBotToken: "123456789:AAF0f_abcdefghijklmnopqrst",
  backupS3KeyId: "key-id",
  backupS3Secret: "secret-of-the-bucket",
  tracker: "token-of-the-tracker",
};

function pathsOf(value: unknown, at: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [at];
  const inner = Object.entries(value).flatMap(([key, each]) => pathsOf(each, [...at, key]));
  return at.length === 0 ? inner : [at, ...inner];
}
export const PATHS = pathsOf(FULL);

/** The value at a path replaced, and its key renamed; undefined removes it. */
export function edited(
  value: unknown,
  [first, ...rest]: Path,
  edit: (key: string, value: unknown) => [string, unknown],
): unknown {
  if (first === undefined || typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, each]): [string, unknown][] => {
    if (key !== first) return [[key, each]];
    const [name, now] = rest.length === 0 ? edit(key, each) : [key, edited(each, rest, edit)];
    return now === undefined ? [] : [[name, now]];
  });
  return Array.isArray(value) ? entries.map(([, each]) => each) : Object.fromEntries(entries);
}

export const text = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
export type Edit = (key: string, value: unknown) => [string, unknown];

export const VALUE_SLIPS: Record<string, (value: unknown) => unknown> = {
  upper: (value) => text(value).toUpperCase(),
  blank: (value) => `${text(value)} `,
  quoted: (value) => `"${text(value)}"`,
  unit: (value) => `${text(value)} GiB`,
  dollar: (value) => `$${text(value)}`,
  bom: (value) => `\ufeff${text(value)}`,
  crlf: (value) => `${text(value)}\r\n`,
  utf16: (value) => Buffer.from(text(value), "utf16le").toString("latin1"),
  number: () => 7,
  huge: () => 1e21,
  negative: () => -1,
  half: () => 0.5,
  boolean: () => true,
  nothing: () => null,
  empty: () => "",
  list: (value) => [value],
  map: (value) => ({ value }),
  word: () => "yes",
  proto: () => JSON.parse('{"__proto__": {"x": 1}, "constructor": 1}') as unknown,
  long: (value) => text(value).repeat(40),
  without: () => undefined,
  comma: (value) => `${text(value)},${text(value)}`,
  placeholder: () => "<your-value-here>",
  variable: () => "${HOME}",
  url: () => "http://user:pass@x.example.com/?token=abc",
};
export const NAME_SLIPS: Record<string, (key: string) => string> = {
  upper: (key) => key.toUpperCase(),
  lower: (key) => key.toLowerCase(),
  snake: (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  dashed: (key) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  blank: (key) => `${key} `,
  plural: (key) => `${key}s`,
  short: (key) => key.slice(0, -1),
  swapped: (key) => key.replace(/^(.)(.)(.)/, "$1$3$2"),
  doubled: (key) => key.replace(/^(.)/, "$1$1"),
  dotted: (key) => `x.${key}`,
};
