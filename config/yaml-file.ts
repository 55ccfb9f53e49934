import { readFileSync } from "node:fs";
import { FAILSAFE_SCHEMA, load } from "js-yaml";
import { isMap } from "../lib/maps";
import { nearest } from "../lib/nearest";

/** Whether numbers and booleans are made of what looks like them, or texts stay as they are written. */
type Scalars = "converted" | "as written";

/** A YAML file that cannot be read. Its message quotes nothing of the file, which may hold secrets. */
export class UnreadableYaml extends Error {
  constructor(name: string, wrong: string, fix: string) {
    super(
      `${name} is not a YAML file that hermes can read: ${wrong}; nothing was changed.\n` +
        `  One YAML document in UTF-8 is expected.\n  ${fix}`,
    );
    this.name = "UnreadableYaml";
  }
}

/** @throws UnreadableYaml also when it cannot be opened */
export function readYaml(path: string, name: string): unknown {
  return parseYaml(bytesOf(path, name), name);
}

/** @throws UnreadableYaml */
export function bytesOf(path: string, name: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw new UnreadableYaml(
      name,
      `it cannot be read (${code || message})`,
      `Give yourself the right to read ${path}.`,
    );
  }
}

/**
 * @param name how messages call the file
 * @throws UnreadableYaml
 */
export function parseYaml(content: Uint8Array | string, name: string, scalars: Scalars = "converted"): unknown {
  const text = typeof content === "string" ? content : decoded(content, name);
  try {
    return scalars === "converted" ? load(text) : load(text, { schema: FAILSAFE_SCHEMA });
  } catch (error) {
    throw unreadable(error as { reason?: string; mark?: { line?: number } }, name);
  }
}

/**
 * The file of a stack: a map, with a map in `config` where it has one.
 * @throws UnreadableYaml
 */
export function parseStackYaml(content: Uint8Array | string, name: string): Record<string, unknown> {
  const text = typeof content === "string" ? content : decoded(content, name);
  // A stack without configuration; the parser expects a document.
  if (text.split("\n").every((line) => /^\s*(#|$)/.test(line))) return {};
  const file = parseYaml(text, name) ?? {};
  const fix = "Write each key in a line of its own below “config:”, indented, such as “hermes:swapGiB: 4”.";
  if (!isMap(file)) throw new UnreadableYaml(name, "it is not a map of keys to values", fix);
  const { config } = file;
  if (config === undefined) refuseWithoutConfig(Object.keys(file), name, fix);
  if (config !== undefined && config !== null && !isMap(config))
    throw new UnreadableYaml(name, "its config is not a map of keys to values", fix);
  return file;
}

/** Top-level keys of a stack's file that the engine reads beside `config`. */
const OF_ENGINE = ["environment", "secretsprovider", "encryptedkey", "encryptionsalt"];

/** @throws UnreadableYaml where the keys stand in the place of `config`, or below a misspelling of it */
function refuseWithoutConfig(keys: readonly string[], name: string, fix: string): void {
  const others = keys.filter((key) => !OF_ENGINE.includes(key));
  const meant = others.find((key) => nearest(key, ["config"]) !== undefined);
  if (meant !== undefined)
    throw new UnreadableYaml(name, `it has ${JSON.stringify(meant)}, not config`, `Rename “${meant}:” to “config:”.`);
  if (others.some((key) => key.includes(":"))) throw new UnreadableYaml(name, "its keys are not below config", fix);
}

function decoded(content: Uint8Array, name: string): string {
  const [first, second] = content;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || content.includes(0))
    throw new UnreadableYaml(
      name,
      "it is saved as UTF-16",
      "Save it as UTF-8 (in PowerShell: Set-Content -Encoding utf8).",
    );
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw new UnreadableYaml(name, "it is not UTF-8", "Save it as UTF-8.");
  }
}

function unreadable(
  { reason = "", mark }: { reason?: string; mark?: { line?: number } },
  name: string,
): UnreadableYaml {
  const line = mark?.line === undefined ? "" : `line ${mark.line + 1}: `;
  // What follows is a piece of the file: an alias or a tag, which may be a password that lacks its quotes.
  const [words] = reason.split(/\s*(?:"|!|: )/);
  return new UnreadableYaml(name, `${line}${words || "it cannot be parsed"}`, fixOf(reason));
}

function fixOf(reason: string): string {
  if (reason.includes("more")) return "Remove everything from the second “---” on.";
  if (reason.includes("tab")) return "Indent with spaces.";
  if (reason.includes("duplicated")) return "Remove one of the two keys.";
  if (/alias|tag/.test(reason)) return "Put the value that begins with * or ! in quotes.";
  return "Correct that line or the one above it: check its indentation, and that every quote is closed.";
}
