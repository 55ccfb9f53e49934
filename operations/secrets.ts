import { createInterface } from "node:readline/promises";
import { Writable, type Readable } from "node:stream";
import { formatProblem } from "../config/problem";
import { isSecretName, secretProblem } from "../config/secrets";
import { KNOWN_SECRETS } from "../config/types";
import { CommandError, EXIT } from "../lib/output";
import { setConfig } from "../lib/set-config";
import { wrongValue } from "./stack/input";
import { selected, stackOutputs, stackSecrets, type StackOptions } from "./stack/reach";

/** Keys of SSH: a droplet that is up would not know a new one. `hermes rotate` replaces them in two steps. */
const ROTATED = ["deployKey", "hostKey"];

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
  if (ROTATED.includes(name) && (await stackOutputs(options).catch(() => undefined)) !== undefined)
    throw new CommandError(
      `the droplet would not let this machine in with a new ${name}.\n` +
        `  Both keys of SSH are replaced in two steps.\n  Run: ./hermes rotate ${name}`,
      EXIT.refused,
    );
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
  ROTATED.some((each) => name.startsWith(each)) ? value : value.replace(/\r?\n$/, "");

async function valueFrom(name: string, { stdin, stderr }: SecretInput): Promise<string> {
  const value = stdin.isTTY === true ? await typed(`${name}: `, stdin, stderr) : await piped(stdin);
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

/** Without an echo. */
async function typed(question: string, input: Readable, stderr: SecretInput["stderr"]): Promise<string> {
  stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input, output: silent, terminal: true });
  try {
    return (await terminal.question("")).trim();
  } finally {
    terminal.close();
    stderr.write("\n");
  }
}
