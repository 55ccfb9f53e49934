import { hidesCredential } from "./credentials";

/** One thing that is wrong in the configuration, said so that the reader can mend it. */
export interface Problem {
  /** Full key path, for example `hermes:adminCidrs[1]`. */
  key: string;
  /** What stands there, as it may be printed; absent when nothing stands there. */
  found?: string;
  /** What is wrong with it; ends the first line, without a full stop. */
  wrong: string;
  /** What is allowed; a full sentence. */
  allowed: string;
  /** What to do; a full sentence. */
  fix: string;
}

/** Every problem of one configuration; its message is ready to be shown to a person. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(stack: string, problems: readonly Problem[]) {
    super(formatProblems(stack, problems));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** The problems as text: one headline, then three lines for each. */
export function formatProblems(stack: string, problems: readonly Problem[]): string {
  const count = problems.length === 1 ? "one error" : `${problems.length} errors`;
  return [
    `The configuration of stack ${stack} has ${count}; nothing was changed.`,
    ...problems.map(formatProblem),
  ].join("\n\n");
}

/** Three lines: what is wrong, what is allowed, what to do. */
export function formatProblem(problem: Problem): string {
  const first =
    problem.found === undefined
      ? `${problem.key} ${problem.wrong}.`
      : `${problem.key} is ${problem.found}: ${problem.wrong}.`;
  const text = [first, `  ${problem.allowed}`, `  ${problem.fix}`].join("\n");
  return credentialsIn(problem.key).reduce((rest, part) => rest.replaceAll(part, "[hidden]"), text);
}

/** Parts of a key that are a credential, pasted where a name belongs. */
const credentialsIn = (key: string): string[] => key.split(/[.:](?=\S)/).filter(hidesCredential);
