// Every message for a wrong input, in one snapshot, grouped by key; and whoever does what one says has a right input.
import { failureOf } from "../../cli/failure";
import { logNamed } from "../../cli/local";
import { checkConfig, type CheckContext, type Problem } from "../../config";
import { formatProblem } from "../../config/problem";
import { checkFlags, checkInit, type InitOptions } from "../../operations/init/input";
import { refuseWrongFile } from "../../operations/sandboxes/check";
import { sandboxFile } from "../../operations/sandboxes/file";
import { readSettings, templateOf } from "../../operations/sandboxes/template";
import { shippedCatalogue } from "../../planner";
import { violations } from "../../policy";
import { OFFENCES } from "../fixtures/offences";
import { resource, SETTINGS } from "../fixtures/policy";
import { corrected, Terminal, WRONG_COMMANDS } from "./cli-wrong";
import { applied, type Input } from "./config-advice";
import { context, hermesStack, secrets } from "./config-fixture";
import { WRONG_INPUTS } from "./config-wrong";

const inputs = WRONG_INPUTS.map(([what, changes, , more = {}]): [string, Input] => [what, inputOf(changes, more)]);

function inputOf(changes: Record<string, unknown>, more: Partial<CheckContext>): Input {
  const values = Object.fromEntries(
    Object.entries({ ...hermesStack(), ...changes }).filter(([, value]) => value !== undefined),
  );
  return { values: structuredClone(values), context: context(more) };
}

const problemsOf = ({ values, context: of }: Input): Problem[] => checkConfig(values, of).problems;

function failureIn(attempt: () => unknown): { code: number; message: string } | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

/** As `hermes sandbox create` looks at it before there is a stack. */
function sandboxOf(set: Record<string, unknown>, options: Record<string, string>): void {
  const config = Object.fromEntries(Object.entries(hermesStack()).map(([key, value]) => [`hermes:${key}`, value]));
  const lifetime = { expires: new Date("2026-12-01T00:00:00Z"), origin: "0123abcd" };
  const stack = "sandbox-x";
  const file = sandboxFile({ config }, { of: "hermes", stack, lifetime, set });
  refuseWrongFile({ stack, file, secrets: secrets as Record<string, string>, catalogue: shippedCatalogue(), options });
}

describe("the messages", () => {
  const all = inputs.flatMap(([, input]) => problemsOf(input));

  it("read like this", () => {
    const groups = new Map<string, Set<string>>();
    for (const problem of all) {
      const group = /^hermes:\w+|^[^.[]+/.exec(problem.key)?.[0] ?? "";
      groups.set(group, (groups.get(group) ?? new Set()).add(formatProblem(problem)));
    }
    const text = [...groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([group, messages]) => [`# ${group}`, ...messages].join("\n\n"));
    expect(text.join("\n\n\n")).toMatchSnapshot();
  });

  it("of command-line flags read like this", () => {
    const flags: Partial<InitOptions>[] = [
      { access: "foo" },
      { access: "ssh" },
      { access: "ssh", adminCidr: ["0.0.0.0/0"] },
      { adminCidr: ["198.51.100.7/32"] },
      { telegramOwner: "@me" },
      { stack: "Bad_Name" },
      { rotate: ["foo"] },
      { rotate: ["gatewayTokn"] },
      { rotate: ["telegramBotToken"] },
      { rotate: ["backupKey"] },
    ];
    const refusal = (options: InitOptions): string => {
      try {
        checkFlags(options);
        checkInit(options, {});
      } catch (error) {
        return (error as Error).message;
      }
      return "not refused";
    };
    const text = flags.map((each) => `$ ${JSON.stringify(each)}\n${refusal({ stack: "hermes", ...each })}`);
    expect(text.join("\n\n")).toMatchSnapshot();
    expect(text.join("\n")).not.toContain("not refused");
  });

  it("of what is typed read like this", async () => {
    const terminal = new Terminal();
    try {
      const text: string[] = [];
      for (const { args, flag, code } of WRONG_COMMANDS) {
        const typed = await terminal.type(args);
        expect({ args, ...typed }).toEqual({ args, code, said: expect.stringMatching(flag) as string });
        expect(typed.said).not.toMatch(/^ +at |hunter2|ghp_0123/m);
        const line = args.map((arg) => (/^[\w./:=@-]+$/.test(arg) ? arg : `"${arg}"`)).join(" ");
        text.push(`$ hermes ${line}\n${typed.said}`);
      }
      expect(text.join("\n\n")).toMatchSnapshot();
    } finally {
      terminal.close();
    }
  });

  it("of a sandbox's values, of Pulumi.sandbox.yaml and of the lab's logs read like this", () => {
    const attempts: [string, () => unknown][] = [
      ["--size s-1vcpu-1gb", () => sandboxOf({ size: "s-1vcpu-1gb" }, { size: "--size" })],
      ["--size S-2VCPU-4GB", () => sandboxOf({ size: "S-2VCPU-4GB" }, { size: "--size" })],
      ...["regoin=fra1", "models.primary=gpt-5", "swapGiB='4 GiB'", "ipv6=yes", "agents.main.workspace=/etc"].map(
        (setting): [string, () => unknown] => {
          const set = readSettings([setting]);
          const named = Object.keys(set).map((path) => [path, `--set ${path}`]);
          return [`--set ${setting}`, () => sandboxOf(set, Object.fromEntries(named) as Record<string, string>)];
        },
      ),
      ...[
        { ttl: 4 },
        { ttl: "4 hours" },
        { maxcount: 3 },
        { owner: "me" },
        { maxMonthlyUsd: "$50" },
        { maxCount: -1 },
      ].map((sandbox): [string, () => unknown] => [JSON.stringify({ sandbox }), () => templateOf({ sandbox })]),
      ["local logs daemn", () => logNamed("daemn", ["daemon.log", "dns.log"])],
      ["local logs daemon", () => logNamed("daemon", [])],
    ];
    const text = attempts.map(([what, attempt]) => {
      const failed = failureIn(attempt);
      expect({ what, code: failed?.code }).toEqual({ what, code: 1 });
      return `# ${what}\n${failed?.message ?? ""}`;
    });
    expect(text.join("\n\n")).toMatchSnapshot();
  });

  it("of the policy read like this, rule by rule", () => {
    const groups = new Map<string, Set<string>>();
    for (const { rule, type, props, name } of OFFENCES)
      for (const each of violations([resource(type, props, name)], SETTINGS))
        if (each.rule === rule) groups.set(rule, (groups.get(rule) ?? new Set()).add(each.message));
    const text = [...groups].map(([rule, messages]) => [`# ${rule}`, ...messages].join("\n\n")).join("\n\n\n");
    expect(text).toMatchSnapshot();
    // What was found, and what to do: two sentences at least.
    for (const message of [...groups.values()].flatMap((all) => [...all])) expect(message).toMatch(/\. [A-Z]/);
    expect(new Set(OFFENCES.map(({ rule }) => rule))).toEqual(new Set(groups.keys()));
  });

  it("show no secret", () => {
    const text = all.map(formatProblem).join("\n");
    for (const word of ["hunter2", "sk-ant-api03", "ghp_0123", "AGE-SECRET-KEY-1Y", secrets["gatewayToken"] as string])
      expect(text).not.toContain(word);
  });
});

describe("what a message about a flag says to write", () => {
  let terminal: Terminal;
  beforeAll(() => (terminal = new Terminal()));
  afterAll(() => terminal.close());

  it.each(WRONG_COMMANDS.filter(({ at }) => at !== undefined))("is not refused: $args", async (wrong) => {
    const { said } = await terminal.type(wrong.args);
    const args = corrected(wrong, said);
    expect(args).toBeDefined();
    const next = await terminal.type(args ?? []);
    // What comes afterwards has nothing to do with it: no droplet is there.
    expect(next.said).not.toMatch(new RegExp(`(^|: )${wrong.flag}(?: [\\w.]+)? is |there is no stack`));
  });
});

describe("what a message says to do", () => {
  it.each(inputs)("leads to a right input: %s", (_, wrong) => {
    let input = wrong;
    const done: string[] = [];
    // Each of several problems is solved by its own words.
    for (const problem of problemsOf(wrong)) {
      done.push(`${problem.key}: ${problem.fix}`);
      input = applied(input, problem);
    }
    expect({ done, left: problemsOf(input).map(formatProblem) }).toEqual({ done, left: [] });
  });
});
