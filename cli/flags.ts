// Checks what was typed after a flag, and reports it as the configuration does: what is wrong, what is allowed, what to do.
import { accessSync, constants, renameSync, rmSync, statSync, writeFileSync, type Stats } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Argument, Command } from "commander";
import { nearest } from "../config/nearest";
import { formatProblem, type Problem } from "../config/problem";
import { Reader } from "../config/reader";
import { readDuration, type DurationRule } from "../config/sandbox";
import { CommandError, EXIT } from "./output";

/** What is wrong with a value; see {@link Problem}. */
export type Wrong = Pick<Problem, "wrong" | "allowed" | "fix">;

/** @param flag as it is typed, such as `--port`; `<code>` for an argument */
export const wrongValue = (flag: string, value: string, wrong: Wrong, code: number = EXIT.input): CommandError =>
  new CommandError(formatProblem({ key: flag, found: shownValue(value), ...wrong }), code);

/** A forge's token has no shape of its own, but it stands before the host of an address. */
const CREDENTIAL = /[^\s/@]+@[\w.-]+(?:[:/]|$)/;

/** The value as it was typed, unless it may hold a credential. */
const shownValue = (value: string): string => (CREDENTIAL.test(value) ? "[hidden]" : new Reader().show(value));

const withoutCredential = (problem: Problem): Problem =>
  problem.found === undefined || !CREDENTIAL.test(problem.found.replaceAll('"', ""))
    ? problem
    : { ...problem, found: "[hidden]", fix: "Write it without a user name and password." };

/** @throws CommandError with what the reader found wrong */
function read<T>(by: (reader: Reader) => T | undefined): T {
  const reader = new Reader();
  const value = by(reader);
  if (value !== undefined && reader.problems.length === 0) return value;
  throw new CommandError(reader.problems.map(withoutCredential).map(formatProblem).join("\n\n"), EXIT.input);
}

export interface NumberRule {
  min: number;
  max: number;
  /** What the number is of, and its range, a full sentence. */
  allowed: string;
  /** Suggested where no number is meant. */
  such: number;
}

/** @throws CommandError when it is not a whole number in the range */
export const wholeNumber = (flag: string, value: string, { such, ...rule }: NumberRule): number =>
  read((reader) => reader.integer(flag, value, { ...rule, fix: `Write ${such}.` }));

/** In minutes. @throws CommandError when it is not a duration in the range */
export const duration = (flag: string, value: string, rule: DurationRule): number =>
  read((reader) => readDuration(reader, flag, value, rule));

/** @throws CommandError when it does not match */
export const matching = (
  flag: string,
  value: string,
  rule: { pattern: RegExp; allowed: string; fix: string },
): string => read((reader) => reader.text(flag, value, rule));

/**
 * @param more further advice after the list of allowed values, in full sentences
 * @throws CommandError when the value is not one of the names
 */
export function oneOf<N extends string>(flag: string, value: string, names: readonly N[], more = ""): N {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  const meant = nearest(value, names);
  const fix = meant === undefined ? "Choose one of them." : `Write ${meant}.`;
  const allowed = `One of ${names.join(", ")}.${more === "" ? "" : ` ${more}`}`;
  throw wrongValue(flag, value, { wrong: "it is not one of the allowed values", allowed, fix });
}

/** Why a file cannot be read; undefined: it can. */
function unreadable(path: string): string | undefined {
  try {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) return "there is no such file";
    if (!status.isFile()) return "it is not a file";
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    return `it cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`;
  }
}

/** Undefined if nothing is there, or if the path cannot be read. */
function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** @throws CommandError when there is no such file, or something else in its place */
export function fileToRead(flag: string, value: string, what: string): string {
  const wrong = unreadable(value);
  if (wrong === undefined) return value;
  throw wrongValue(flag, value, {
    wrong,
    allowed: `${what}.`,
    fix: `Write its path, absolute or from ${process.cwd()}.`,
  });
}

/** @throws CommandError when nothing can be written there: found out before the work whose result it is for */
export function fileToWrite(flag: string, value: string): string {
  const folder = dirname(resolve(value));
  const isFolder = (path: string): boolean => statusOf(path)?.isDirectory() === true;
  const wrong = isFolder(value) ? "it is a folder" : isFolder(folder) ? undefined : "its folder does not exist";
  if (wrong === undefined) return value;
  throw wrongValue(flag, value, {
    wrong,
    allowed: "The path of a file in a folder that exists.",
    fix: wrong === "it is a folder" ? "Add the file's name to it." : `Make the folder first: mkdir -p ${folder}`,
  });
}

/** As {@link fileToWrite}; nothing is overwritten. */
export function newFile(flag: string, value: string): string {
  if (statusOf(value)?.isFile() !== true) return fileToWrite(flag, value);
  const fix = "Write another name, or move that file away.";
  throw wrongValue(flag, value, {
    wrong: "it exists, and nothing is overwritten",
    allowed: "The path of a file that does not exist yet.",
    fix,
  });
}

/** The file is the old one or the new one, whatever happens between. */
export function writeWhole(flag: string, file: string, text: string): void {
  const draft = `${fileToWrite(flag, file)}.${process.pid}.tmp`;
  try {
    writeFileSync(draft, text);
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw wrongValue(flag, file, {
      wrong: `it cannot be written (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
      allowed: "The path of a file that you may write.",
      fix: "Write another path.",
    });
  }
}

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
