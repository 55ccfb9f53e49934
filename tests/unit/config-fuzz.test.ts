// Stack files as hands leave them: slips of keys, values, nesting, encoding, units. Each is a plan that the droplet carries,
// or a refusal that names the key and what to do; never a trace.
// 5,000 cases, which take some seconds of processor time: fewer have missed slips.
import fc from "fast-check";
import { formatProblems } from "../../config/problem";
import { rawConfig } from "../../config/read";
import { parseStackFile } from "../../config/stackfile";
import { UnreadableYaml } from "../../config/yaml-file";
import { planInput } from "../../config/local-model";
import { checkConfig, type Problem } from "../../config";
import { plan } from "../../planner";
import { context, hermesStack, secrets } from "./config-fixture";
import { backup, mcp, telegram } from "./config-wrong";

const CASES = 5000;

type Values = Record<string, unknown>;
type Path = string[];

/** Every key says something. */
const FULL: Values = {
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
const SECRETS: Values = {
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
const PATHS = pathsOf(FULL);

/** The value at a path replaced, and its key renamed; undefined removes it. */
function edited(
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

const text = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
type Edit = (key: string, value: unknown) => [string, unknown];

const values: Record<string, (value: unknown) => unknown> = {
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
const names: Record<string, (key: string) => string> = {
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

const slip = fc.oneof(
  fc.constantFrom(...Object.values(values)).map((change): Edit => (key, value) => [key, change(value)]),
  fc.constantFrom(...Object.values(names)).map((change): Edit => (key, value) => [change(key), value]),
  fc.tuple(fc.nat(), fc.constantFrom("", "x", "-", " ", "é", "\u0000")).map(([at, letter]): Edit => (key, value) => {
    const old = text(value);
    return [key, `${old.slice(0, at % (old.length + 1))}${letter}${old.slice((at % (old.length + 1)) + 1)}`];
  }),
);
const slips = fc.array(fc.tuple(fc.constantFrom(...PATHS), slip), { minLength: 1, maxLength: 3 });
const namespace = fc.constantFrom(
  "hermes:",
  "hermes:",
  "hermes:",
  "hermes:",
  "Hermes:",
  "hermess:",
  "herms:",
  "digitalocan:",
);

/** As the engine hands it over. */
const asEngine = (all: Values, prefix: (key: string) => string): Record<string, string> =>
  Object.fromEntries(Object.entries(all).map(([key, value]) => [`${prefix(key)}${key}`, text(value)]));

interface Verdict {
  problems: Problem[];
  carried: boolean;
}

function verdictOf(config: Record<string, string>): Verdict {
  const { raw, problems, meant } = rawConfig(config, []);
  const of = context({ secrets: SECRETS, meant });
  const result = checkConfig(raw, of);
  const all = [...problems, ...result.problems];
  // What a person gets to read is rendered too.
  formatProblems("hermes", all);
  if (all.length > 0) return { problems: all, carried: true };
  const { memory } = plan(planInput(result.config), of.catalogue);
  return { problems: [], carried: memory.spareMiB >= 0 };
}

/** Not by `expect`, which would take most of the time. */
const isInstruction = ({ key, wrong, allowed, fix }: Problem): boolean =>
  /^(hermes|digital|[A-Za-z]+:|the stack's name)/.test(key) &&
  [wrong, allowed, fix].every((words) => words.length > 4 && !/undefined|\[object|NaN/.test(words));

describe("a stack file with slips", () => {
  it("is right before them", () => {
    expect(verdictOf(asEngine(FULL, () => "hermes:"))).toEqual({ problems: [], carried: true });
  });

  it("is a plan that the droplet carries, or refused with a key and what to do, and never a trace", () => {
    let refused = 0;
    fc.assert(
      fc.property(slips, namespace, fc.nat(), (edits, prefix, at) => {
        const all = edits.reduce<Values>((done, [path, edit]) => edited(done, path, edit) as Values, FULL);
        const keys = Object.keys(all);
        const verdict = verdictOf(asEngine(all, (key) => (key === keys[at % keys.length] ? prefix : "hermes:")));
        if (verdict.problems.length > 0) refused++;
        for (const problem of verdict.problems) if (!isInstruction(problem)) throw new Error(JSON.stringify(problem));
        return verdict.carried;
      }),
      { numRuns: CASES },
    );
    // Most slips are mistakes: were they let through, nothing would be tried here.
    expect(refused).toBeGreaterThan(CASES / 2);
  });
});

describe("the text of a stack file", () => {
  const FILE = `config:\n${Object.entries(FULL)
    .map(([key, value]) => `  hermes:${key}: ${JSON.stringify(value)}\n`)
    .join("")}  hermes:secrets:\n    gatewayToken:\n      secure: v1:hunter2hunter2\n    deployKey: hunter2hunter2\n`;
  const broken: ((text: string, at: number) => Uint8Array | string)[] = [
    (all, at) => `${all.slice(0, at)}\t${all.slice(at)}`,
    (all, at) => `${all.slice(0, at)}"${all.slice(at)}`,
    (all, at) => `${all.slice(0, at)}*${all.slice(at)}`,
    (all, at) => `${all.slice(0, at)}!x ${all.slice(at)}`,
    (all, at) => `${all.slice(0, at)}\n---\n${all.slice(at)}`,
    (all, at) => `${all.slice(0, at)}\n   - ${all.slice(at)}`,
    (all, at) => all.slice(0, at),
    (all) => Buffer.from(`\ufeff${all}`, "utf16le"),
    (all) => Buffer.from(all.replace("nyc3", "nyc\xfc"), "latin1"),
  ];

  it("is read, or refused in words that quote nothing of it", () => {
    fc.assert(
      fc.property(fc.constantFrom(...broken), fc.nat(FILE.length), (change, at) => {
        try {
          parseStackFile(change(FILE, at), "Pulumi.x.yaml");
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableYaml);
          expect((error as Error).message).toMatch(/^Pulumi\.x\.yaml is not a YAML file that hermes can read: /);
          expect((error as Error).message).not.toMatch(/hunter2|nyc|gatewayToken/);
        }
      }),
      { numRuns: 300 },
    );
  });
});
