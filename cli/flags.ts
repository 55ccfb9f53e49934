// Checks every flag and argument of a command before it runs.
import type { Argument, Command } from "commander";
import type { CommandError } from "../lib/output";
import { matching, wrongValue } from "../operations/stack/input";

const STACK = /^([\w.-]+\/){0,2}[\w.-]{1,100}$/;

/** @throws CommandError when no stack can be called so */
function stackReference(flag: string, value: string): string {
  const [, ofFile] = /^(?:.*\/)?Pulumi\.(.+)\.ya?ml$/.exec(value) ?? [];
  if (ofFile === undefined)
    return matching(flag, value, {
      pattern: STACK,
      allowed: "A stack's name, with or without its organisation and project: stack, organisation/project/stack.",
      fix: "Write hermes, or another name that pulumi stack ls shows.",
    });
  const wrong = "it is the name of a file, and a stack's name is expected";
  throw wrongValue(flag, value, { wrong, allowed: "A stack's name.", fix: `Write ${ofFile}.` });
}

/**
 * Refuses empty values and values that look like flags, for every flag of a command. An unset shell variable leaves an empty
 * value, and an empty `--stack` would otherwise mean the selected stack.
 *
 * @throws CommandError
 */
export function refuseMissingValues(command: Command): void {
  for (let each: Command | null = command; each !== null; each = each.parent) checkOptions(each);
  // What runs on the droplet is not for hermes to judge.
  const isOwn = (argument: Argument): boolean => !(argument.variadic && argument.name() === "command");
  for (const [index, argument] of command.registeredArguments.entries())
    for (const value of isOwn(argument) ? [command.processedArgs[index] as unknown].flat() : [])
      if (typeof value === "string") refuseEmpty(`<${argument.name()}>`, value, argument.description);
}

function checkOptions(command: Command): void {
  for (const option of command.options) {
    const { long, description } = option;
    const name = option.attributeName();
    if (typeof long !== "string" || command.getOptionValueSource(name) !== "cli") continue;
    for (const value of [command.getOptionValue(name) as unknown].flat()) {
      if (typeof value !== "string") continue;
      refuseEmpty(long, value, description);
      if (value.startsWith("--"))
        throw missing(long, value, "it looks like a flag, and the value is missing", description);
      if (STACK_FLAGS.some((usage) => option.flags === usage)) stackReference(long, value);
    }
  }
}

const STACK_FLAGS = ["--stack <name>", "--from <stack>"];

function refuseEmpty(flag: string, value: string, description: string): void {
  if (value.trim() === "") throw missing(flag, value, "it is empty, as an unset variable leaves it", description);
}

const missing = (flag: string, value: string, wrong: string, description: string): CommandError =>
  wrongValue(flag, value, {
    wrong,
    allowed: description === "" ? "A text that is not empty." : `${description.replace(/^./, (c) => c.toUpperCase())}.`,
    fix: flag.startsWith("--") ? `Write a value after ${flag}, or leave the flag out.` : "Write a value in its place.",
  });
