import { randomBytes } from "node:crypto";
import type { Context, ResourceType } from "../framework/resource";
import type { DiffRules } from "../framework/diff";
import { text, type Values } from "../framework/values";

/** What a command printed and how it ended. */
export interface Outcome {
  stdout: string;
  stderr: string;
  /** Both, as they came. */
  combined: string;
  /** Undefined: it succeeded. Else the reason, such as "exit status 3". */
  failure?: string;
}

export type Run = (
  command: string,
  inputs: Values,
  environment: Record<string, string>,
  context: Context,
  /** Told what the command prints, as it comes. */
  heard: (stream: Stream, chunk: string) => void,
) => Promise<Outcome>;

type Stream = "stdout" | "stderr";

const withoutLastNewline = (output: string): string => output.replace(/\n$/, "");

/** What a command printed the last time, for the next one; refused by many sshd, hence the switch. */
function previousOutput(state: Values | undefined, inputs: Values): Record<string, string> {
  if (state === undefined || inputs["addPreviousOutputInEnv"] === false) return {};
  return { PULUMI_COMMAND_STDOUT: text(state, "stdout"), PULUMI_COMMAND_STDERR: text(state, "stderr") };
}

/** The two kinds of Command differ in how they run; when they run is the same. */
export function commandType(idPrefix: string, run: Run, rules: DiffRules, extra: Partial<ResourceType>): ResourceType {
  const runIt = async (command: string, inputs: Values, state: Values | undefined, context: Context) => {
    const given = Object.entries((inputs["environment"] ?? {}) as Record<string, unknown>);
    const environment = Object.fromEntries(given.map(([key, value]) => [key, String(value)]));
    const shown = new ShownLines(inputs, context);
    const heard = (stream: Stream, chunk: string) => shown.take(stream, chunk);
    const outcome = await run(command, inputs, { ...previousOutput(state, inputs), ...environment }, context, heard);
    shown.end();
    if (outcome.failure !== undefined) {
      throw new Error(`${outcome.failure}: running ${JSON.stringify(command)}:\n${outcome.combined}`);
    }
    return { ...inputs, stdout: withoutLastNewline(outcome.stdout), stderr: withoutLastNewline(outcome.stderr) };
  };
  const nothing = (inputs: Values): Values => ({ ...inputs, stdout: "", stderr: "" });
  return {
    rules: { ...rules, silentElements: ["triggers"] },
    computed: ["stdout", "stderr"],
    computedByUpdate: (changed) => (changed.length > 0 ? ["stdout", "stderr"] : []),
    async create(inputs, context) {
      const id = `${idPrefix}${randomBytes(4).toString("hex")}`;
      const command = text(inputs, "create");
      return { id, outputs: command === "" ? nothing(inputs) : await runIt(command, inputs, undefined, context) };
    },
    /** Runs `update`, or `create` again where there is none. */
    async update(_id, state, inputs, context) {
      const command = text(inputs, "update") || text(inputs, "create");
      return command === "" ? nothing(inputs) : runIt(command, inputs, state, context);
    },
    async delete(_id, state, context) {
      const command = text(state, "delete");
      if (command !== "") await runIt(command, state, state, context);
    },
    ...extra,
  };
}

/** What `logging` lets people see of a running command, line by line. */
class ShownLines {
  private readonly logging: string;
  private readonly unfinished = { stdout: "", stderr: "" };

  constructor(
    inputs: Values,
    private readonly context: Context,
  ) {
    this.logging = (text(inputs, "logging") || "stdoutAndStderr").toLowerCase();
  }

  take(stream: Stream, chunk: string): void {
    if (!this.logging.includes(stream)) return;
    const lines = (this.unfinished[stream] + chunk).split("\n");
    this.unfinished[stream] = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") this.context.log(line);
  }

  end(): void {
    for (const rest of Object.values(this.unfinished)) if (rest.trim() !== "") this.context.log(rest);
  }
}
