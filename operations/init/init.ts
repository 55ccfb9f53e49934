import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { utils } from "ssh2";
import { newAgeKeyPair } from "../../config/age-key";
import { secretProblem } from "../../config/secrets";
import { askHidden } from "../../lib/ask-hidden";
import { asMap } from "../../lib/maps";
import { CommandError, EXIT } from "../../lib/output";
import { pulumiOutput, runPulumi } from "../../lib/pulumi";
import { removeStack } from "../../lib/remove-stack";
import { setConfig } from "../../lib/set-config";
import { pathOf, projectFolder, stackFile } from "../stack/project";
import { refuseLockout } from "../stack/ssh-keys";
import { checkFlags, checkInit, wantedSecrets, type InitOptions } from "./input";

/** A secret that somebody else gave out; hermes can only ask for it. */
interface AskedSecret {
  name: string;
  environment: string;
  question: string;
}

const OPENROUTER: AskedSecret = {
  name: "openrouterApiKey",
  environment: "OPENROUTER_API_KEY",
  question: "OpenRouter API key (openrouter.ai/keys; set a credit limit on it)",
};
const TELEGRAM: AskedSecret = {
  name: "telegramBotToken",
  environment: "TELEGRAM_BOT_TOKEN",
  question: "Telegram bot token (from @BotFather)",
};

/** 256 bits, as OpenClaw's own tokens. */
const newToken = (): string => randomBytes(32).toString("hex");

/** An OpenSSH ed25519 private key. */
export function newKey(comment: string): string {
  const key = utils.generateKeyPairSync("ed25519", { comment }).private;
  // ssh2 1.17 makes one in some two hundred that nobody can read, itself included.
  return utils.parseKey(key) instanceof Error ? newKey(comment) : key;
}

/** Secrets that hermes makes itself, by name. */
export const MADE: Record<string, () => string> = {
  gatewayToken: newToken,
  deployKey: () => newKey("hermes-deploy"),
  hostKey: () => newKey("hermes-host"),
};

/** Makes the stack if it is not there, its keys, and asks for what only the user knows. Existing secrets stay. */
export async function init(options: InitOptions): Promise<{ stack: string; set: string[]; kept: string[] }> {
  const { stack } = options;
  checkFlags(options);
  await refuseLockout(options.rotate ?? [], { stack });
  const isNew = (await runPulumi(["stack", "select", stack])).code !== 0;
  const config = isNew ? fileConfig(stack) : await stackConfig(stack);
  checkInit(options, config);
  const present = new Set(isNew ? Object.keys(asMap(config["hermes:secrets"])) : await presentSecrets(stack));
  const wanted = wantedSecrets(options, config);
  const values = await newSecrets(wanted, present, new Set(options.rotate));
  // The secret half of a recipient may be kept elsewhere. A new pair would make backups that its owner cannot open.
  const hasRecipient = asMap(config["hermes:backup"])["recipient"] !== undefined;
  const pair = present.has("backupKey") || hasRecipient ? undefined : newAgeKeyPair();
  const write = (): Promise<void> =>
    writeStack(options, { ...values, ...(pair && { backupKey: pair.identity }) }, pair?.recipient);
  await (isNew ? inNewStack(stack, write) : write());
  const set = [...Object.keys(values), ...(pair === undefined ? [] : ["backupKey"])];
  return { stack, set, kept: wanted.filter((name) => !set.includes(name)) };
}

/** Everything was checked and asked for before: what is written is whole. */
async function writeStack(options: InitOptions, secrets: Record<string, string>, recipient?: string): Promise<void> {
  const onStack = ["--stack", options.stack];
  if (options.access !== undefined) await setConfig(onStack, "hermes:access", options.access);
  for (const [index, cidr] of (options.adminCidr ?? []).entries())
    await setConfig(onStack, `hermes:adminCidrs[${index}]`, cidr, ["--path"]);
  if (options.telegramOwner !== undefined)
    await setConfig(onStack, "hermes:telegram.ownerId", options.telegramOwner, ["--path", "--type", "string"]);
  for (const [name, value] of Object.entries(secrets))
    await setConfig(onStack, `hermes:secrets.${name}`, value, ["--path", "--secret"]);
  // Both halves together.
  if (recipient !== undefined) await setConfig(onStack, "hermes:backup.recipient", recipient, ["--path"]);
}

/** A stack that did not come to be leaves nothing: neither itself nor a change of its file. */
async function inNewStack(stack: string, write: () => Promise<void>): Promise<void> {
  const path = pathOf(stack);
  const before = existsSync(path) ? readFileSync(path) : undefined;
  // Outside of what is undone: it also fails if the stack exists after all.
  await pulumiOutput(["stack", "init", stack, "--no-select"]);
  try {
    await write();
  } catch (error) {
    // Why it did not come to be says more than why it could not be removed.
    await removeStack(stack, projectFolder()).catch(() => undefined);
    if (before === undefined) rmSync(path, { force: true });
    else writeFileSync(path, before);
    throw error;
  }
  await pulumiOutput(["stack", "select", stack]);
}

/** Values for the secrets that are missing or to be rotated. An existing secret is replaced only on request. */
async function newSecrets(
  wanted: readonly string[],
  present: ReadonlySet<string>,
  rotate: ReadonlySet<string>,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const name of wanted) if (!present.has(name) || rotate.has(name)) values[name] = await valueOf(name);
  return values;
}

/** Makes a secret anew, or asks for it. */
export async function valueOf(name: string): Promise<string> {
  const make = MADE[name];
  if (make !== undefined) return make();
  return await ask(name === TELEGRAM.name ? TELEGRAM : OPENROUTER);
}

/** What the file of a stack says that the backend does not have. */
const fileConfig = (stack: string): Record<string, unknown> => asMap(stackFile(stack)?.config);

/** The plain values of a stack, as the engine knows them wherever its file is. */
async function stackConfig(stack: string): Promise<Record<string, unknown>> {
  type Value = { value?: unknown; objectValue?: unknown };
  const values = JSON.parse(await pulumiOutput(["config", "--json", "--stack", stack])) as Record<string, Value>;
  return Object.fromEntries(Object.entries(values).map(([key, { value, objectValue }]) => [key, objectValue ?? value]));
}

/**
 * Names of the secrets that a stack has, as the engine knows them.
 *
 * @throws CommandError if the secrets cannot be read: an existing secret is never treated as missing
 */
async function presentSecrets(stack: string): Promise<string[]> {
  const { code, stdout, stderr } = await runPulumi(["config", "get", "--path", "hermes:secrets", "--stack", stack]);
  if (code !== 0 && /configuration key '.*' not found/.test(stderr + stdout)) return [];
  try {
    if (code === 0) return Object.keys(asMap(JSON.parse(stdout)));
  } catch {
    // A parser's message would quote what it read.
  }
  throw new CommandError(
    `the secrets of stack ${stack} cannot be read, so nothing was changed.\n` +
      `  Is the passphrase (PULUMI_CONFIG_PASSPHRASE) the stack's? Look: pulumi config get --path hermes:secrets --stack ${stack}`,
    EXIT.input,
  );
}

async function ask(secret: AskedSecret): Promise<string> {
  const given = process.env[secret.environment];
  if (given !== undefined && given !== "") return checked(secret, given, `The value is from ${secret.environment}.`);
  if (!process.stdin.isTTY) {
    throw new CommandError(
      `${secret.name} is missing, and there is no terminal to ask on; nothing was changed.\n  Put it into ${secret.environment} and run the command again.`,
      EXIT.input,
    );
  }
  const answer = await askHidden(`${secret.question}: `, process);
  if (answer === "") throw new CommandError("nothing was typed: run ./hermes init again", EXIT.input);
  return checked(secret, answer, "Nothing was changed.");
}

/** By the rules of the configuration. @throws CommandError without the value */
function checked({ name }: AskedSecret, value: string, more: string): string {
  const problem = secretProblem(name, value);
  if (problem === undefined) return value;
  throw new CommandError(`${problem.wrong}. ${more}\n  ${problem.allowed}\n  ${problem.fix}`, EXIT.input);
}
