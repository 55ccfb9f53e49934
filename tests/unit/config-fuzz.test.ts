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
import { context } from "./config-fixture";
import { edited, FULL, NAME_SLIPS, PATHS, SECRETS, text, VALUE_SLIPS, type Edit, type Values } from "./config-slips";

const CASES = 5000;

const slip = fc.oneof(
  fc.constantFrom(...Object.values(VALUE_SLIPS)).map((change): Edit => (key, value) => [key, change(value)]),
  fc.constantFrom(...Object.values(NAME_SLIPS)).map((change): Edit => (key, value) => [change(key), value]),
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
  it.each([
    ["hello", "it is not a map of keys to values"],
    ["- config:\n    hermes:region: nyc3", "it is not a map of keys to values"],
    ["config: hunter2", "its config is not a map of keys to values"],
    ["config:\n  - hermes:region: hunter2", "its config is not a map of keys to values"],
  ])("that holds no map is refused: %j", (text, wrong) => {
    const read = (): unknown => parseStackFile(text, "Pulumi.x.yaml");
    expect(read).toThrow(`Pulumi.x.yaml is not a YAML file that hermes can read: ${wrong}; nothing was changed`);
    expect(read).not.toThrow(/hunter2/);
  });

  it.each(["", "# nothing yet\n", "config:\n", "config: {}\n", "encryptionsalt: v1:x\n"])(
    "that holds nothing yet is read: %j",
    (text) => expect(parseStackFile(text)).toMatchObject({ order: [], plainSecrets: [], twice: [] }),
  );

  it.each(['*hun"ter2', '*hunter2"', '!hun"ter2', '!hun"t>er2 x', "!<hunter2 x", '!h!hun"ter2', "!hun[ter2"])(
    "is not quoted where a value begins with an alias or a tag: %s",
    (value) => {
      const read = (): unknown =>
        parseStackFile(`config:\n  hermes:secrets:\n    gatewayToken: ${value}\n`, "Pulumi.x.yaml");
      expect(read).toThrow(
        /^Pulumi\.x\.yaml is not a YAML file that hermes can read: line [34]: [a-z ]+; nothing was changed/,
      );
      expect(read).not.toThrow(/hun|ter2/);
    },
  );

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
