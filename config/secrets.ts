import { utils } from "ssh2";
import { nearest } from "./nearest";
import { isAbsent, type Reader } from "./reader";
import { KEY_SECRETS, KNOWN_SECRETS } from "./types";
import { readByYaml11 } from "./yaml";

type KnownSecret = (typeof KNOWN_SECRETS)[number];

export interface SecretNeeds {
  /** Known secrets that the rest of the configuration cannot do without, with the reason. */
  needed: Partial<Record<KnownSecret, string>>;
  /** Names that MCP servers refer to. */
  referenced: ReadonlySet<string>;
  /** Names whose value stands in plain text in the stack's file. */
  plain: readonly string[];
}

/** Secret names become file names on the droplet. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

const TOKEN_MIN = 32;

/** Faults of the secrets of a stack. Values are looked at, never printed. */
export function checkSecrets(reader: Reader, values: Record<string, unknown>, needs: SecretNeeds): void {
  for (const [name, reason] of Object.entries(needs.needed)) {
    if (!isAbsent(values[name]) && values[name] !== "") continue;
    const allowed = `It is needed: ${reason}.`;
    reader.add(keyOf(name), "is missing", allowed, `${how(name)}; or let "npx hermes init" make it.`);
  }
  for (const [name, value] of Object.entries(values)) checkSecret(reader, name, value, needs);
  checkKeysDiffer(reader, values);
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
  if (fault)
    reader.problems.push({ key, found: "[secret]", wrong: fault, allowed: allowed(name), fix: `${how(name)}.` });
}

function checkName(reader: Reader, name: string, needs: SecretNeeds): boolean {
  const known = (KNOWN_SECRETS as readonly string[]).includes(name);
  if (known) return true;
  if (!NAME.test(name) || readByYaml11(name) !== undefined) {
    reader.add(
      keyOf(name),
      "is no name for a secret",
      "Letters, digits, - and _, a letter first, at most 64; nothing that YAML reads as a boolean.",
      "Rename it.",
    );
    return false;
  }
  if (needs.referenced.has(name)) return true;
  const meant = nearest(name, KNOWN_SECRETS);
  reader.add(
    keyOf(name),
    "is used by nothing",
    `hermes knows ${KNOWN_SECRETS.join(", ")}; others are there for MCP servers that refer to them.`,
    `${meant ? `Did you mean ${meant}? ` : ""}Refer to it in hermes:mcpServers as {secret: ${name}}, or remove it: pulumi config rm --path 'hermes:secrets.${name}'.`,
  );
  return false;
}

function valueFault(name: string, value: string): string | undefined {
  if (KEY_SECRETS.includes(name)) return keyFault(value);
  if (value !== value.trim()) return "it has blanks or a line break at its start or end";
  if (/\p{Cc}/u.test(value)) return "it holds a line break or another control character";
  switch (name) {
    case "gatewayToken":
      return tokenFault(value);
    case "openrouterApiKey":
      return /^[\x21-\x7e]{8,}$/.test(value) ? undefined : "it is not a key of OpenRouter";
    case "backupKey":
      return /^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/.test(value)
        ? undefined
        : "it is not an age identity (AGE-SECRET-KEY-1…)";
    case "telegramBotToken":
      return /^\d{5,}:[A-Za-z0-9_-]{20,}$/.test(value) ? undefined : "it is not a token of Telegram's BotFather";
    default:
      return undefined;
  }
}

function tokenFault(value: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(value)) return "it has characters other than printable ASCII";
  if (value.length < TOKEN_MIN) return `it has ${value.length} characters`;
  return new Set(value).size < 8 ? "it repeats few characters, so it can be guessed" : undefined;
}

function keyFault(value: string): string | undefined {
  if (!value.includes("-----BEGIN OPENSSH PRIVATE KEY-----")) return "it is not an OpenSSH private key";
  const key = parse(value);
  if (key instanceof Error)
    return /encrypted|passphrase/i.test(key.message) ? "it has a passphrase" : "it cannot be read as a private key";
  if (!key.isPrivateKey()) return "it is not a private key";
  return key.type === "ssh-ed25519" ? undefined : `its type is ${key.type}`;
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
  const wrong = "it is the same key as deployKey";
  reader.problems.push({
    key: keyOf("hostKey"),
    found: "[secret]",
    wrong,
    allowed: allowed("hostKey"),
    fix: `${how("hostKey")}.`,
  });
}

function allowed(name: string): string {
  switch (name) {
    case "gatewayToken":
      return `At least ${TOKEN_MIN} printable characters, made at random.`;
    case "deployKey":
    case "deployKeyNext":
    case "hostKey":
    case "hostKeyNext":
      return "An OpenSSH private key of type ed25519 without a passphrase, each key for one purpose.";
    case "backupKey":
      return "An age identity, as age-keygen or `hermes init` makes one. Keep a copy outside: without it no backup can be read.";
    case "openrouterApiKey":
      return "A key of https://openrouter.ai/settings/keys, on one line.";
    case "telegramBotToken":
      return "Digits, a colon and the token, as BotFather tells it, on one line.";
    default:
      return "Text on one line.";
  }
}

/** The command that sets a secret, encrypted and out of the shell's history and process list. */
function how(name: string): string {
  const set = `pulumi config set --secret --path 'hermes:secrets.${name}'`;
  if (name === "gatewayToken") return `Run: openssl rand -hex 32 | ${set}`;
  if (KEY_SECRETS.includes(name)) return `Run: ssh-keygen -q -t ed25519 -N '' -f ${name} && ${set} < ${name}`;
  if (name === "backupKey")
    return `Run: age-keygen | grep ^AGE | ${set} (and put what it says on the screen, age1…, into hermes:backup.recipient)`;
  return `Run: ${set} (it asks for the value)`;
}

function keyOf(name: string): string {
  return `hermes:secrets.${/^[\w-]+$/.test(name) ? name : JSON.stringify(name)}`;
}
