import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { load } from "js-yaml";
import { utils } from "ssh2";
import { newKeyPair } from "./age";
import { CommandError, EXIT } from "./output";
import { pulumiOutput, runPulumi } from "./pulumi";
import { stackOutputs } from "./stack";

export interface InitOptions {
  stack: string;
  access?: "tailnet" | "ssh";
  adminCidr?: string[];
  telegramOwner?: string;
  rotate?: string[];
  json?: boolean;
}

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
  const stack = options.stack;
  const onStack = ["--stack", stack];
  await refuseLockout(options);
  await selectStack(stack);
  if (options.access !== undefined) await setConfig(onStack, "hermes:access", options.access);
  for (const [index, cidr] of (options.adminCidr ?? []).entries()) {
    await setConfig(onStack, `hermes:adminCidrs[${index}]`, cidr, ["--path"]);
  }
  if (options.telegramOwner !== undefined) {
    await setConfig(onStack, "hermes:telegram.ownerId", options.telegramOwner, ["--path", "--type", "string"]);
  }
  const present = new Set(secretNames(stack));
  const rotate = new Set(options.rotate ?? []);
  const wanted = wantedSecrets(configured(stack));
  const set: string[] = [];
  for (const name of wanted) {
    if (present.has(name) && !rotate.has(name)) continue;
    await setConfig(onStack, `hermes:secrets.${name}`, await valueOf(name), ["--path", "--secret"]);
    set.push(name);
  }
  if (!present.has("backupKey") && (await setBackupKey(onStack))) set.push("backupKey");
  return { stack, set, kept: wanted.filter((name) => !set.includes(name)) };
}

/**
 * A key of SSH that is set anew is one that the running droplet does not know.
 *
 * @throws CommandError for the keys that are rotated in two steps, once there is a droplet
 */
async function refuseLockout({ stack, rotate = [] }: InitOptions): Promise<void> {
  const name = rotate.find((each) => each === "deployKey" || each === "hostKey");
  if (name === undefined || (await stackOutputs({ stack }).catch(() => undefined)) === undefined) return;
  throw new CommandError(
    `the droplet would not let this machine in with a new ${name}.\n` +
      `  In two steps, without an interruption: hermes rotate ${name}\n` +
      `  If the old one is lost: hermes rotate ${name} --lost; pulumi up (a new droplet, the state stays)`,
    EXIT.refused,
  );
}

/**
 * Both halves at once; a key that is there is never replaced: the backups made for it would be lost. Without age on this
 * machine there is none, and backups are refused until there is.
 */
async function setBackupKey(onStack: string[]): Promise<boolean> {
  const pair = newKeyPair();
  if (pair === undefined) return false;
  await setConfig(onStack, "hermes:secrets.backupKey", pair.identity, ["--path", "--secret"]);
  await setConfig(onStack, "hermes:backup.recipient", pair.recipient, ["--path"]);
  return true;
}

function wantedSecrets(config: Record<string, unknown>): string[] {
  return [
    OPENROUTER.name,
    "gatewayToken",
    "deployKey",
    ...(config["hermes:access"] === "ssh" ? ["hostKey"] : []),
    ...(config["hermes:telegram"] === undefined ? [] : [TELEGRAM.name]),
  ];
}

/** Makes a secret anew, or asks for it. */
export async function valueOf(name: string): Promise<string> {
  const make = MADE[name];
  if (make !== undefined) return make();
  return await ask(name === TELEGRAM.name ? TELEGRAM : OPENROUTER);
}

async function selectStack(stack: string): Promise<void> {
  const selected = await runPulumi(["stack", "select", stack]);
  if (selected.code !== 0) await pulumiOutput(["stack", "init", stack]);
}

/** Values travel on stdin, never as an argument. */
export async function setConfig(stack: string[], key: string, value: string, flags: string[] = []): Promise<void> {
  await pulumiOutput(["config", "set", key, ...stack, ...flags], { stdin: value });
}

/** Names of the secrets that the stack's file holds already, encrypted. */
export function secretNames(stack: string, directory = process.cwd()): string[] {
  const secrets = configured(stack, directory)["hermes:secrets"];
  return typeof secrets === "object" && secrets !== null ? Object.keys(secrets) : [];
}

/** What the stack's file says, written by hand or by an earlier step. */
function configured(stack: string, directory = process.cwd()): Record<string, unknown> {
  const path = `${directory}/Pulumi.${stack}.yaml`;
  if (!existsSync(path)) return {};
  return (load(readFileSync(path, "utf8")) as { config?: Record<string, unknown> } | null)?.config ?? {};
}

async function ask(secret: AskedSecret): Promise<string> {
  const given = process.env[secret.environment];
  if (given !== undefined && given !== "") return given;
  if (!process.stdin.isTTY) {
    throw new CommandError(
      `${secret.name} is missing, and there is no terminal to ask on.\n  Put it into ${secret.environment} and run hermes init again.`,
      EXIT.input,
    );
  }
  return await askHidden(`${secret.question}: `);
}

async function askHidden(question: string): Promise<string> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    const answer = (await terminal.question("")).trim();
    if (answer === "") throw new CommandError("nothing was typed: run hermes init again", EXIT.input);
    return answer;
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}
