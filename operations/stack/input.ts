// Checks what was typed after a flag, and reports it as the configuration does: what is wrong, what is allowed, what to do.
import { accessSync, constants, renameSync, rmSync, statSync, writeFileSync, type Stats } from "node:fs";
import { dirname, resolve } from "node:path";
import { formatProblem, type Problem } from "../../config/problem";
import { Reader } from "../../config/reader";
import { readDuration, type DurationRule } from "../../config/sandbox";
import { nearest } from "../../lib/nearest";
import { CommandError, EXIT } from "../../lib/output";

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

/**
 * The file is the old one or the new one, whatever happens between. What is no file (`/dev/stdout`, a pipe) is written to:
 * a new file in its place would take a device away from the whole machine.
 */
export function writeWhole(flag: string, file: string, text: string): void {
  const draft = `${fileToWrite(flag, file)}.${process.pid}.tmp`;
  const isFile = statusOf(file)?.isFile() ?? true;
  try {
    writeFileSync(isFile ? draft : file, text);
    if (isFile) renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw wrongValue(flag, file, {
      wrong: `it cannot be written (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
      allowed: "The path of a file that you may write.",
      fix: "Write another path.",
    });
  }
}
