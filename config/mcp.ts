import { nearest } from "../lib/nearest";
import {
  credentialIn,
  hidesCredential,
  isCredential,
  isCredentialOption,
  isOptionValue,
  isOptionWithValue,
} from "./credentials";
import { bare, isAbsent, type Reader } from "./reader";
import { isSecretName } from "./secrets";
import { KNOWN_SECRETS, type McpServerConfig, type SecretReference } from "./types";
import { readUrl } from "./urls";

/**
 * OpenClaw shortens server names to 30 characters, replaces other characters and puts `mcp-` before what does not
 * start with a letter; `NAME__TOOL` is what the model sees. Names that would be altered are refused.
 */
const NAME = /^[A-Za-z](?:[A-Za-z0-9-]|_(?!_)){0,29}$/;

const URL_ALLOWED = "An https URL without credentials; plain http only to private or tailnet hosts.";
const ENTRY_ALLOWED = "A server has either a command (with args and env) or a url (with headers).";
const SECRET_FIX =
  "Set the value with `pulumi config set --secret --path 'hermes:secrets.NAME'` and write {secret: NAME}.";

const CREDENTIAL_ALLOWED = "Credentials are references into hermes:secrets.";

/** Secrets of hermes itself. Anyone who has one of them controls the droplet, the gateway or the backups. */
const OWN_SECRETS: readonly string[] = KNOWN_SECRETS.filter((name) => name !== "openrouterApiKey");

/** What the servers say of the stack's secrets. */
export interface SecretUse {
  /** Names of the stack's secrets. */
  names: readonly string[];
  /** Filled with the names that servers refer to. */
  referenced: Set<string>;
  /** Filled with the secrets that a misspelt reference means. */
  meant: Set<string>;
}

/** The MCP servers. */
export function readMcpServers(reader: Reader, value: unknown, use: SecretUse): Record<string, McpServerConfig> {
  const servers: Record<string, McpServerConfig> = {};
  const taken = new Set<string>();
  for (const [name, entry] of Object.entries(reader.map("hermes:mcpServers", value))) {
    if (isNested(name, entry)) {
      const inner = Object.keys(entry as object).join(", ");
      reader.add(
        `hermes:mcpServers.${name}`,
        "is not a server but a map of servers",
        "Each server stands directly in hermes:mcpServers.",
        `Move ${inner} one level up, and remove ${name}.`,
      );
      continue;
    }
    const key = `hermes:mcpServers.${name}`;
    checkName(reader, key, name, taken);
    const server = readServer(reader, key, entry, (place, reference) => checkReference(reader, place, reference, use));
    if (server) servers[name] = server;
  }
  return servers;
}

/** `mcpServers:` of another program's file, copied with its name. */
const isNested = (name: string, entry: unknown): boolean =>
  /^(mcp_?)?servers$/i.test(name) &&
  typeof entry === "object" &&
  entry !== null &&
  Object.keys(entry).length > 0 &&
  Object.values(entry).every((each) => typeof each === "object" && each !== null && !Array.isArray(each)) &&
  !["env", "headers"].some((key) => key in entry);

function checkReference(reader: Reader, place: string, reference: SecretReference, use: SecretUse): void {
  const { secret: said } = reference;
  const secret = said.replace(/^(hermes:)?secrets\./, "");
  const others = use.names.filter((name) => !OWN_SECRETS.includes(name));
  const known = others.length > 0 ? `There are: ${others.join(", ")}.` : "There are no secrets for MCP servers yet.";
  if (!isSecretName(secret) || hidesCredential(secret)) {
    reader.problems.push({
      ...{ key: place, found: "[hidden]", wrong: "it is not the name of a secret", allowed: known },
      fix: SECRET_FIX,
    });
    return undefined;
  }
  if (said !== secret)
    return reader.reject(place, reference, "the name alone is expected", known, `Write {secret: ${secret}}.`);
  if (OWN_SECRETS.includes(secret))
    return reader.reject(
      place,
      reference,
      "that secret is hermes' own, and no MCP server may have it",
      known,
      "Set a secret of the server's own: `pulumi config set --secret --path 'hermes:secrets.NAME'`, and write {secret: NAME}.",
    );
  use.referenced.add(secret);
  if (use.names.includes(secret)) return undefined;
  const meant = nearest(secret, others);
  if (meant !== undefined) use.meant.add(meant);
  const fix = meant === undefined ? SECRET_FIX.replaceAll("NAME", secret) : `Write {secret: ${meant}}.`;
  return reader.reject(place, reference, "there is no secret of that name", known, fix);
}

function checkName(reader: Reader, key: string, name: string, taken: Set<string>): void {
  const rule = {
    isKey: true,
    pattern: NAME,
    allowed: "Letters, digits, - and single _, a letter first, at most 30: OpenClaw would alter other names.",
    fix: "Rename the server.",
  };
  const read = reader.name(key, name, rule);
  if (read !== undefined && taken.has(read.toLowerCase()))
    reader.reject(key, name, "another server has that name but for its case", rule.allowed, rule.fix);
  taken.add(name.toLowerCase());
}

type OnReference = (key: string, reference: SecretReference) => void;

function readServer(reader: Reader, key: string, entry: unknown, refer: OnReference): McpServerConfig | undefined {
  const map = reader.map(key, entry, ["command", "args", "env", "url", "headers"]);
  if (reader.isUnread(key)) return undefined;
  const [hasCommand, hasUrl] = [!isAbsent(map["command"]), !isAbsent(map["url"])];
  if (hasCommand === hasUrl) {
    reader.add(
      key,
      hasUrl ? "has a command and a url" : "has neither command nor url",
      ENTRY_ALLOWED,
      hasUrl ? "Remove the url, or the command." : "Add a url, such as https://mcp.example.com/, or a command.",
    );
    return undefined;
  }
  const misplaced = hasCommand ? "headers" : ["args", "env"].find((name) => !isAbsent(map[name]));
  if (misplaced && !isAbsent(map[misplaced]))
    reader.add(
      `${key}.${misplaced}`,
      `does not go with a ${hasCommand ? "command" : "url"}`,
      ENTRY_ALLOWED,
      "Remove it.",
    );
  return hasCommand ? readCommand(reader, key, map, refer) : readRemote(reader, key, map, refer);
}

function readCommand(reader: Reader, key: string, map: Record<string, unknown>, refer: OnReference): McpServerConfig {
  const command =
    reader.text(`${key}.command`, map["command"], {
      pattern: /^[^\s"'`$|;&<>()\\\u2010-\u201f]+$/,
      allowed: "A program's name or path; no shell reads it.",
      fix: commandFix(map["command"], map["args"]),
    }) ?? "";
  const unix = ofWindows(command, map["args"]);
  if (unix !== undefined)
    reader.reject(
      `${key}.command`,
      command,
      "it is a program of Windows, and the droplet runs Linux",
      "A program's name or path; no shell reads it.",
      unix,
    );
  const args = readArguments(reader, `${key}.args`, map["args"]).map((arg, i, all) =>
    readArgument(reader, `${key}.args[${i}]`, arg, i === 0 ? undefined : all[i - 1]),
  );
  const env = readValues(
    reader,
    `${key}.env`,
    map["env"],
    /^[A-Za-z_][A-Za-z0-9_]*$/,
    "an environment variable",
    refer,
  );
  return { command, args, env };
}

/** `npx.cmd`, and `cmd /c npx …`: what to write for them. */
function ofWindows(command: string, listed: unknown): string | undefined {
  const args = Array.isArray(listed) ? (listed as unknown[]) : [];
  if (/^(.*[/\\])?(cmd|powershell|pwsh)(\.exe)?$/i.test(command)) {
    const [program = "npx", ...rest] = args.filter((arg) => !/^[/-](c|k|command)$/i.test(String(arg)));
    const isPlain = !hidesCredential([program, ...rest]);
    return `Write command: ${isPlain ? String(program) : "npx"}, args: ${JSON.stringify(isPlain ? rest : [])}.`;
  }
  const [, name] = /^([\w.-]+)\.(cmd|bat|exe|ps1)$/i.exec(command) ?? [];
  return name === undefined ? undefined : `Write ${name}.`;
}

/** One text instead of a list holds them all. */
function readArguments(reader: Reader, key: string, value: unknown): unknown[] {
  const words = typeof value === "string" ? value.trim().split(/\s+/) : [];
  const allowed = "A list is expected, each argument of its own.";
  if (words.length > 0 && hidesCredential(value)) {
    reader.reject(key, value, "it is not a list", allowed, 'Write a list, without credentials: ["-y", "some-server"].');
    return [];
  }
  if (words.length < 2 || /["'`\\]/.test(words.join("")))
    return reader.list(key, value, { example: '["-y", "some-server"]', isEntry: (text) => !/["'`\\]/.test(text) });
  const fix = `Write a list: ${JSON.stringify(words)}.`;
  reader.reject(key, value, "it is not a list", allowed, fix);
  return [];
}

/** A whole command line, in its parts; arguments that are listed already follow them. */
function commandFix(value: unknown, listed: unknown): string {
  const words = typeof value === "string" ? value.trim().split(/\s+/) : [];
  const others = Array.isArray(listed) ? (listed as unknown[]) : [];
  const isPlain =
    words.length > 1 && !/["'`$|;&<>()\\=]/.test(words.join("")) && !hidesCredential([...words, ...others]);
  const [command = "npx", ...args] = isPlain ? [...words, ...others] : ["npx", "-y", "some-server"];
  return `Write command: ${String(command)}, args: ${JSON.stringify(args)}.`;
}

const argumentFault = (text: string, before: unknown): string | undefined =>
  credentialIn(text) ??
  (isCredentialOption(text) || isOptionValue(before, text) || isOptionWithValue(text)
    ? "it is a credential in plain text"
    : undefined);

const TYPOGRAPHIC = "it has a typographic dash or quotes";

/** Without the dashes and quotes of word processors and telephones, as in `—port` and `“text”`. */
function asTyped(arg: string): string {
  const dashed = arg.replace(/^[\u2010-\u2015]([a-z]$|[a-z]=)/i, "-$1").replace(/^[\u2010-\u2015]/, "--");
  return /[\u2018-\u201f]/.test(dashed) ? bare(dashed) : dashed;
}

/** Every process of the droplet can read arguments, so no secret may be in one, and hermes puts none there. */
function readArgument(reader: Reader, key: string, arg: unknown, before: unknown): string {
  const allowed = "A text on one line without credentials: every process on the droplet can see it.";
  const plain = typeof arg === "string" ? asTyped(arg) : undefined;
  const wrong = plain === undefined ? undefined : argumentFault(plain.trim(), before);
  if (wrong === undefined && plain !== undefined && plain !== arg) {
    const fix = reader.isHidden(plain) ? "Write it with plain characters." : `Write ${JSON.stringify(plain)}.`;
    // Of the plain text it is known whether it is a secret.
    reader.reject(key, reader.isHidden(plain) ? plain : arg, TYPOGRAPHIC, allowed, fix);
    return "";
  }
  if (wrong === undefined)
    return reader.text(key, arg, { allowed, fix: "Write the argument as a text.", empty: true, blanks: true }) ?? "";
  reader.problems.push({
    key,
    found: "[hidden]",
    wrong,
    allowed,
    fix: `Remove it, and give it by a variable that the server reads: env: {VARIABLE: {secret: NAME}}. ${SECRET_FIX}`,
  });
  return "";
}

function readRemote(reader: Reader, key: string, map: Record<string, unknown>, refer: OnReference): McpServerConfig {
  const url =
    readUrl(reader, `${key}.url`, map["url"], {
      allowed: URL_ALLOWED,
      fix: "Write another address, such as https://mcp.example.com/; credentials go into headers as {secret: NAME}.",
      privateHttp: true,
    }) ?? "";
  const credential = credentialIn(url);
  if (credential !== undefined)
    reader.problems.push({
      key: `${key}.url`,
      found: "[hidden]",
      wrong: credential,
      allowed: URL_ALLOWED,
      fix: `Remove it from the URL, and send it as a header: headers: {Authorization: {secret: NAME}}. ${SECRET_FIX}`,
    });
  const headers = readValues(
    reader,
    `${key}.headers`,
    map["headers"],
    /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/,
    "a header",
    refer,
  );
  return { url, headers };
}

function readValues(
  reader: Reader,
  key: string,
  value: unknown,
  name: RegExp,
  what: string,
  refer: OnReference,
): Record<string, string | SecretReference> {
  const values: Record<string, string | SecretReference> = {};
  for (const [entry, raw] of Object.entries(reader.map(key, value))) {
    const place = `${key}.${entry}`;
    if (!name.test(entry))
      reader.add(place, `is not the name of ${what}`, "Letters, digits and _ mostly, without blanks.", "Rename it.");
    const read = readValue(reader, place, entry, raw, refer);
    if (what === "a header" && typeof read === "string" && !/^[\t\x20-\x7e]*$/.test(read)) {
      const plain = bare(read);
      const isRight = /^[\t\x20-\x7e]*$/.test(plain) && !reader.isHidden(plain) && !isCredential(entry, plain);
      const fix = isRight ? `Write ${JSON.stringify(plain)}.` : "Write it in ASCII.";
      const found = reader.isHidden(plain) ? plain : read;
      reader.reject(place, found, "it has characters that no header can have", "ASCII, on one line.", fix);
    }
    if (read !== undefined) values[entry] = read;
  }
  return values;
}

function readValue(
  reader: Reader,
  key: string,
  name: string,
  raw: unknown,
  refer: OnReference,
): string | SecretReference | undefined {
  if (typeof raw === "object" && raw !== null && !Array.isArray(raw)) {
    const secret = reader.text(`${key}.secret`, reader.map(key, raw, ["secret"])["secret"], {
      isValid: () => false,
      allowed: "The name of an entry of hermes:secrets.",
      fix: SECRET_FIX,
    });
    if (secret === undefined) return undefined;
    refer(key, { secret });
    return { secret };
  }
  const text = typeof raw === "string" ? raw : JSON.stringify(raw ?? "");
  // The value is not printed: it may well be the credential.
  if (isCredential(name, text)) {
    reader.add(key, "is a credential in plain text", CREDENTIAL_ALLOWED, SECRET_FIX);
    return undefined;
  }
  const held = credentialIn(text);
  if (held !== undefined) {
    const whole = "The whole value becomes a secret, with what stands around the credential.";
    reader.problems.push({
      key,
      found: "[hidden]",
      wrong: held,
      allowed: `${CREDENTIAL_ALLOWED} ${whole}`,
      fix: SECRET_FIX,
    });
    return undefined;
  }
  const allowed = "A text on one line, or {secret: NAME}.";
  return reader.text(key, raw, { allowed, fix: "Write it as a text.", empty: true, blanks: true });
}
