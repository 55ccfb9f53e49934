import { utils } from "ssh2";
import { nearest } from "../lib/nearest";
import { recipientOf } from "./age-key";
import type { Problem } from "./problem";
import { isAbsent, type Reader } from "./reader";
import { KEY_SECRETS, KNOWN_SECRETS } from "./types";
import { readByYaml11 } from "./yaml";

type KnownSecret = (typeof KNOWN_SECRETS)[number];

interface SecretNeeds {
  /** Known secrets that the rest of the configuration cannot do without, with the reason. */
  needed: Partial<Record<KnownSecret, string>>;
  /** Names that MCP servers refer to. */
  referenced: ReadonlySet<string>;
  /** Names that an MCP server refers to by a slip: told there. */
  meant?: ReadonlySet<string>;
  /** hermes:backup.recipient. */
  recipient?: string | undefined;
  /** Names whose value stands in plain text in the stack's file. */
  plain: readonly string[];
}

/** Secret names become file names on the droplet. */
const SECRET_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

export const isSecretName = (name: string): boolean => SECRET_NAME.test(name) && readByYaml11(name) === undefined;

const TOKEN_MIN = 32;

/** Faults of the secrets of a stack. Values are looked at, never printed. */
export function checkSecrets(reader: Reader, values: Record<string, unknown>, needs: SecretNeeds): void {
  for (const [name, reason] of Object.entries(needs.needed)) {
    if (!isAbsent(values[name]) && values[name] !== "") continue;
    const allowed = `It is needed: ${reason}.`;
    reader.add(keyOf(name), "is missing", allowed, `${how(name)}; or let "./hermes init" make it.`);
  }
  for (const [name, value] of Object.entries(values)) checkSecret(reader, name, value, needs);
  checkKeysDiffer(reader, values);
  checkPair(reader, values["backupKey"], needs.recipient);
}

/** A backup that is encrypted for another key can be opened by nobody. */
function checkPair(reader: Reader, backupKey: unknown, recipient: string | undefined): void {
  if (typeof backupKey !== "string" || recipient === undefined) return;
  const derived = recipientOf(backupKey);
  if (derived === undefined || derived === recipient) return;
  reader.reject(
    "hermes:backup.recipient",
    recipient,
    "it does not belong to hermes:secrets.backupKey, which could open no backup",
    "The public half of hermes:secrets.backupKey.",
    `Write ${derived}.`,
  );
}

function checkSecret(reader: Reader, name: string, value: unknown, needs: SecretNeeds): void {
  const key = keyOf(name);
  if (needs.plain.includes(name))
    reader.add(
      key,
      "stands in plain text",
      "Secrets are encrypted in the stack's file.",
      `${how(name)}; and make a new one if the file was ever shared.`,
    );
  if (!checkName(reader, name, needs)) return;
  if (isAbsent(value) || value === "") {
    if (!(name in needs.needed)) reader.add(key, "is empty", "A value, or no such key.", `${how(name)}, or remove it.`);
    return;
  }
  const fault = typeof value === "string" ? valueFault(name, value) : `it is a ${typeof value}, not a text`;
  if (fault) reader.problems.push(faulty(name, fault, value));
}

const faulty = (name: string, wrong: string, value: unknown): Problem => ({
  key: keyOf(name),
  found: "[secret]",
  wrong,
  allowed: allowed(name),
  fix: isOddlyWritten(name, value) ? `${setAgain(name)}.` : `${how(name)}.`,
});

/** The key is valid once the command of {@link setAgain} has cleaned it. A new key would lock out everyone who uses this one. */
function isOddlyWritten(name: string, value: unknown): boolean {
  if (!KEY_SECRETS.includes(name) || typeof value !== "string" || keyFault(value) === undefined) return false;
  const lines = value.replace(/^\ufeff/, "").split("\n");
  const mended = lines.map((line) => line.replace(/\r$/, "").trimStart()).filter((line) => line !== "");
  return keyFault(`${mended.join("\n")}\n`) === undefined;
}

const setAgain = (name: string): string =>
  `Set the same key again: sed 's/^\\xef\\xbb\\xbf//; s/\\r$//; s/^[[:space:]]*//; /^$/d' ${name} | pulumi config set --secret --path 'hermes:secrets.${name}'`;

/** What is wrong with one value, by the same rules; the value itself is in no word of it. */
export function secretProblem(name: string, value: string): Problem | undefined {
  const wrong = valueFault(name, value);
  return wrong === undefined ? undefined : faulty(name, wrong, value);
}

/** Credentials of the person who runs pulumi; never for an MCP server. */
const OF_PULUMI: Readonly<Record<string, string>> = {
  ...{ digitaloceanToken: "DIGITALOCEAN_TOKEN", digitaloceanApiToken: "DIGITALOCEAN_TOKEN" },
  ...{ doToken: "DIGITALOCEAN_TOKEN", tailscaleApiKey: "TAILSCALE_API_KEY", tailscaleAuthKey: "TAILSCALE_API_KEY" },
  ...{ pulumiAccessToken: "PULUMI_ACCESS_TOKEN", pulumiConfigPassphrase: "PULUMI_CONFIG_PASSPHRASE" },
};

function checkName(reader: Reader, name: string, needs: SecretNeeds): boolean {
  if ((KNOWN_SECRETS as readonly string[]).includes(name)) return true;
  if (!isSecretName(name)) {
    reader.add(
      keyOf(name),
      "is no name for a secret",
      "Letters, digits, - and _, a letter first, at most 64; nothing that YAML reads as a boolean.",
      `Set the value under another name, and remove this one: pulumi config rm --path 'hermes:secrets[${JSON.stringify(name)}]'.`,
    );
    return false;
  }
  if (needs.referenced.has(name)) return true;
  if (needs.meant?.has(name)) return false;
  const meant = nearest(name, KNOWN_SECRETS);
  const variable = meant === undefined ? OF_PULUMI[nearest(name, Object.keys(OF_PULUMI)) ?? ""] : undefined;
  if (variable !== undefined) {
    const allowed = `Pulumi reads it from ${variable}. It is never sent to a droplet.`;
    reader.add(keyOf(name), "is used by nothing", allowed, `Remove it, and set ${variable}: ${remove(name)}.`);
    return false;
  }
  // A server that is not read yet may refer to it.
  if (meant === undefined && reader.isUnread("hermes:mcpServers")) return true;
  const fix =
    meant === undefined
      ? `Refer to it in hermes:mcpServers as {secret: ${name}}, or remove it: ${remove(name)}.`
      : `Set it under that name, then remove this one: ${remove(name)}. ${how(meant)}.`;
  reader.add(
    keyOf(name),
    meant === undefined ? "is used by nothing" : `is used by nothing; ${meant} is a name that hermes knows`,
    `hermes knows ${KNOWN_SECRETS.join(", ")}; others are there for MCP servers that refer to them.`,
    fix,
  );
  return false;
}

const remove = (name: string): string => `pulumi config rm --path 'hermes:secrets.${name}'`;

function valueFault(name: string, value: string): string | undefined {
  if (KEY_SECRETS.includes(name)) return keyFault(value);
  if (value !== value.trim()) return "it has blanks or a line break at its start or end";
  if (/\p{Cc}/u.test(value)) return "it holds a line break or another control character";
  if (/^(["'`]).*\1$/.test(value)) return "it has quotes around it";
  // Of one character only, a token can be guessed: that is told of it.
  if (isPlaceholder(value) && !(name === "gatewayToken" && /^(.)\1*$/.test(value))) return "it is a placeholder";
  switch (name) {
    case "gatewayToken":
      return tokenFault(value);
    case "openrouterApiKey":
      return openrouterFault(value);
    case "backupKey":
      return identityFault(value);
    case "telegramBotToken":
      return /^\d{5,}:[A-Za-z0-9_-]{20,}$/.test(value) ? undefined : "it is not a token of Telegram's BotFather";
    default:
      return undefined;
  }
}

const isPlaceholder = (value: string): boolean =>
  /^(<[^<>]*>|\[[^[\]]*\]|\.{3,}|x{3,}|\*{3,}|((change|replace|fix)[-_ ]?me[-_ ]*)+|(to[-_ ]?do[-_ ]*)+|your[-_ ].*|example|placeholder)$/i.test(
    value,
  );

function openrouterFault(value: string): string | undefined {
  if (value.startsWith("sk-ant-")) return "it is a key of Anthropic, and hermes reaches models by OpenRouter";
  // As a web page shortens it, or a manual leaves it out.
  if (/^sk-or-.*(\.{2,}|…|\*{3,}|x{4,})/i.test(value)) return "it is shortened; the whole key is needed";
  if (/^sk-or-(v\d-)?(your|my|example|insert|placeholder|key|api)[-_]/i.test(value)) return "it is a placeholder";
  if (value.startsWith("sk-or-"))
    return /^[\x21-\x7e]{12,}$/.test(value) ? undefined : "it is not a whole key of OpenRouter";
  if (/^sk-/.test(value)) return "it is a key of another service, such as OpenAI: OpenRouter's begin with sk-or-";
  return "it is not a key of OpenRouter, which begins with sk-or-";
}

function identityFault(value: string): string | undefined {
  if (value.startsWith("age1")) return "it is the public half; the secret one begins with AGE-SECRET-KEY-1";
  if (!/^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/.test(value)) return "it is not an age identity (AGE-SECRET-KEY-1…)";
  return recipientOf(value) === undefined ? "a character of it is wrong: its checksum does not fit" : undefined;
}

function tokenFault(value: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(value)) return "it has characters other than printable ASCII";
  if (value.includes("${")) return "it holds ${, which OpenClaw takes for a variable";
  if (value.length < TOKEN_MIN) return `it has ${value.length} characters`;
  return new Set(value).size < 8 ? "it repeats few characters, so it can be guessed" : undefined;
}

/** What OpenSSH, ssh2 and Go's parser, which the provider has, read alike. */
const KEY_FORM = /^-----BEGIN OPENSSH PRIVATE KEY-----\n(?:[A-Za-z0-9+/=]+\n)+-----END OPENSSH PRIVATE KEY-----\s*$/;

function keyFault(value: string): string | undefined {
  if (value.startsWith("\ufeff")) return "it begins with a byte order mark, which an editor on Windows writes";
  if (value.includes("\r")) return "its lines end as on Windows (CRLF)";
  if (!value.includes("-----BEGIN OPENSSH PRIVATE KEY-----")) return "it is not an OpenSSH private key";
  const key = parse(value);
  if (key instanceof Error)
    return /encrypted|passphrase/i.test(key.message) ? "it has a passphrase" : "it cannot be read as a private key";
  if (!key.isPrivateKey()) return "it is not a private key";
  if (key.type !== "ssh-ed25519") return `its type is ${key.type}`;
  return KEY_FORM.test(value) ? undefined : "its lines are not as ssh-keygen wrote them (an empty line, blanks)";
}

function parse(value: string) {
  // A file may hold several keys; hermes needs exactly one, the types of ssh2 tell one only.
  const parsed = utils.parseKey(value) as ReturnType<typeof utils.parseKey> | ReturnType<typeof utils.parseKey>[];
  return Array.isArray(parsed) ? (parsed[0] ?? new Error("no key")) : parsed;
}

/** Whoever can log in must not be able to pose as the droplet. */
function checkKeysDiffer(reader: Reader, { deployKey, hostKey }: Record<string, unknown>): void {
  if (typeof deployKey !== "string" || typeof hostKey !== "string" || keyFault(deployKey) || keyFault(hostKey)) return;
  const [deploy, host] = [parse(deployKey), parse(hostKey)];
  if (deploy instanceof Error || host instanceof Error) return;
  if (!deploy.getPublicSSH().equals(host.getPublicSSH())) return;
  reader.problems.push(faulty("hostKey", "it is the same key as deployKey", hostKey));
}

function allowed(name: string): string {
  switch (name) {
    case "gatewayToken":
      return `At least ${TOKEN_MIN} printable characters without ${"${"}, made at random.`;
    case "deployKey":
    case "deployKeyNext":
    case "hostKey":
    case "hostKeyNext":
      return "An OpenSSH private key of type ed25519 without a passphrase, each key for one purpose; UTF-8, lines that end in LF.";
    case "backupKey":
      return "An age identity, as age-keygen or `./hermes init` makes one. Keep a copy outside: without it no backup can be read.";
    case "openrouterApiKey":
      return "A key of https://openrouter.ai/settings/keys: sk-or-… on one line, without quotes.";
    case "telegramBotToken":
      return "Digits, a colon and the token, as BotFather tells it, on one line.";
    default:
      return "Text on one line.";
  }
}

/** The command that sets a secret, encrypted and out of the shell's history and process list. */
export function how(name: string): string {
  const set = `pulumi config set --secret --path '${`hermes:secrets.${name}`.replaceAll("'", "'\\''")}'`;
  if (name === "gatewayToken") return `Run: openssl rand -hex 32 | ${set}`;
  if (KEY_SECRETS.includes(name)) return `Run: ssh-keygen -q -t ed25519 -N '' -f ${name} && ${set} < ${name}`;
  if (name === "backupKey")
    return `Run: ${set} (it asks for the value), with the key that hermes:backup.recipient belongs to: any other opens no backup`;
  return `Run: ${set} (it asks for the value)`;
}

function keyOf(name: string): string {
  return `hermes:secrets.${/^[\w-]+$/.test(name) ? name : JSON.stringify(name)}`;
}
