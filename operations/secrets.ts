import type { Readable } from "node:stream";
import { formatProblem } from "../config/problem";
import { isSecretName, secretProblem } from "../config/secrets";
import { KNOWN_SECRETS } from "../config/types";
import { askHidden } from "../lib/ask-hidden";
import { CommandError, EXIT } from "../lib/output";
import { setConfig } from "../lib/set-config";
import { wrongValue } from "./stack/input";
import { selected, stackSecrets, type StackOptions } from "./stack/reach";
import { refuseLockout, SSH_KEYS } from "./stack/ssh-keys";

/** Longer ones are no secret of anybody's. */
const LONGEST = 65_536;

export interface SecretInput {
  stdin: Readable & { isTTY?: boolean };
  /** Where a question goes. */
  stderr: { write(text: string): unknown };
}

/**
 * Sets one secret, encrypted, after the rules of the configuration have seen it.
 *
 * @param name of hermes' own secrets, or any other for MCP servers
 * @throws CommandError before anything is written
 */
export async function setSecret(name: string, options: StackOptions, input: SecretInput): Promise<void> {
  checkName(name);
  await refuseLockout([name], options);
  const value = withoutLastLineBreak(name, await valueFrom(name, input));
  const problem = secretProblem(name, value);
  if (problem !== undefined) throw new CommandError(formatProblem(problem), EXIT.input);
  await setConfig(selected(options), `hermes:secrets.${name}`, value, ["--path", "--secret"]);
}

/** Names of the secrets that a stack has, hermes' own first. */
export async function secretNames(options: StackOptions): Promise<string[]> {
  const names = Object.keys(await stackSecrets(options));
  const place = (name: string): number => {
    const at = (KNOWN_SECRETS as readonly string[]).indexOf(name);
    return at < 0 ? KNOWN_SECRETS.length : at;
  };
  return names.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}

function checkName(name: string): void {
  const bare = name.replace(/^(hermes:)?secrets\./, "");
  if (isSecretName(name)) return;
  throw wrongValue("<name>", name, {
    wrong: "it is not a name for a secret",
    allowed: "Letters, digits, - and _, a letter first, at most 64 characters.",
    fix: bare !== name && isSecretName(bare) ? `Write ${bare}.` : "Write another name.",
  });
}

/** Every program that prints a value ends it with one. A key's belongs to it. */
const withoutLastLineBreak = (name: string, value: string): string =>
  SSH_KEYS.some((each) => name.startsWith(each)) ? value : value.replace(/\r?\n$/, "");

async function valueFrom(name: string, input: SecretInput): Promise<string> {
  const { stdin } = input;
  const value = stdin.isTTY === true ? await askHidden(`${name}: `, input) : await piped(stdin);
  if (value.trim() !== "") return value;
  throw new CommandError(
    `no value came in for ${name}; nothing was changed.\n` +
      `  Type it when you are asked, or pass it on standard input: ./hermes secret set ${name} < FILE`,
    EXIT.input,
  );
}

async function piped(stdin: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.length > LONGEST) throw new CommandError("the value is longer than 64 KiB", EXIT.input);
  }
  return text;
}
