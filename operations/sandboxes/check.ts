// A sandbox's file by the rules of the configuration, before there is a stack that would have to be removed again.
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkConfig, formatProblems, readWorkspace, type Problem } from "../../config";
import { hermesKey } from "../../config/stackfile";
import { CommandError, EXIT } from "../../lib/output";
import type { Catalogue } from "../../planner/catalogue";
import { projectFolder } from "../stack/project";
import type { StackFile } from "./file";

export interface FileCheck {
  stack: string;
  file: StackFile;
  secrets: Record<string, string>;
  catalogue: Catalogue;
  /** Paths that were set on the command line, each with the option that set it. */
  options: Readonly<Record<string, string>>;
}

/** @throws CommandError with everything that the preview would refuse */
export function refuseWrongFile(request: FileCheck): void {
  const { stack, secrets, catalogue } = request;
  const program = programFolder();
  const workspace = (folder: string) => readWorkspace(program, folder, secrets);
  refuse(request, checkConfig(rawOf(request.file), { stack, catalogue, secrets, workspace }).problems);
}

/**
 * By the rules of another commit's program, which has keys of its own. One whose rules cannot be asked is judged by its `up`.
 *
 * @param program folder of that program
 * @throws CommandError with everything that its preview would refuse
 */
export async function refuseWrongFileThere(request: FileCheck, program: string): Promise<void> {
  const { stack, secrets, catalogue } = request;
  const asked = JSON.stringify({ raw: rawOf(request.file), stack, secrets, catalogue });
  const problems = await askThere(program, asked);
  if (problems !== undefined) refuse(request, problems);
}

/** An import that hangs must not keep the other sandboxes of this command waiting. */
const ASK_MS = 60_000;

function askThere(program: string, asked: string): Promise<Problem[] | undefined> {
  const loader = join(__dirname, "..", "..", "scripts", "typescript.js");
  const child = spawn(process.execPath, ["--require", loader, join(__dirname, "check-there.ts"), program], {
    stdio: ["pipe", "pipe", "ignore"],
    timeout: ASK_MS,
  });
  let answer = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (answer += text));
  child.stdin.on("error", () => undefined).end(asked);
  return new Promise((resolve) => {
    child.once("error", () => resolve(undefined));
    child.once("close", (code) => resolve(code === 0 ? problemsIn(answer) : undefined));
  });
}

/** That program may print lines of its own before. */
function problemsIn(answer: string): Problem[] | undefined {
  try {
    const said: unknown = JSON.parse(answer.trim().split("\n").at(-1) ?? "");
    return Array.isArray(said) ? (said as Problem[]) : undefined;
  } catch {
    return undefined;
  }
}

function rawOf({ config = {} }: StackFile): Record<string, unknown> {
  const raw: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    const name = hermesKey(key);
    if (name !== undefined && name !== "secrets") raw[name] = value;
  }
  return raw;
}

function refuse({ stack, options }: FileCheck, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  throw new CommandError(
    formatProblems(
      stack,
      problems.map((problem) => asOption(problem, options)),
    ),
    EXIT.input,
  );
}

/** Where the program looks for workspaces: beside itself. */
function programFolder(): string {
  const program = join(projectFolder(), "index.ts");
  return existsSync(program) ? dirname(realpathSync(program)) : projectFolder();
}

/** Named as it was typed. */
function asOption(problem: Problem, options: FileCheck["options"]): Problem {
  const path = problem.key.replace(/^hermes:/, "");
  const set = Object.keys(options).find(
    (each) => path === each || path.startsWith(`${each}.`) || path.startsWith(`${each}[`),
  );
  if (set === undefined) return problem;
  // An option is there to replace what the file has.
  const fix = problem.fix.replace(/^Remove it: (hermes:\S+) is there, too\.$/, "Rename it to $1.");
  return { ...problem, key: `${options[set] ?? ""}${path.slice(set.length)}`, fix };
}
