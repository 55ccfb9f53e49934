import { isAbsent, type Reader } from "./reader";
import type { McpServerConfig, SecretReference } from "./types";
import { readUrl } from "./urls";

/**
 * OpenClaw shortens server names to 30 characters, replaces other characters and puts `mcp-` before what does not
 * start with a letter; `NAME__TOOL` is what the model sees. Names that would be altered are refused.
 */
const NAME = /^[A-Za-z](?:[A-Za-z0-9-]|_(?!_)){0,29}$/;

const ENTRY_ALLOWED = "A server has either a command (with args and env) or a url (with headers).";
const SECRET_FIX =
  "Set the value with `pulumi config set --secret --path 'hermes:secrets.NAME'` and write {secret: NAME}.";

/** Names of headers and variables whose value is a credential. */
const CREDENTIAL =
  /(^|[_-])(authorization|cookie|token|secret|password|passwd|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|key)$/i;

/** The MCP servers; adds the secret names that they refer to to `referenced`. */
export function readMcpServers(
  reader: Reader,
  value: unknown,
  secretNames: readonly string[],
  referenced: Set<string>,
): Record<string, McpServerConfig> {
  const servers: Record<string, McpServerConfig> = {};
  const taken = new Set<string>();
  for (const [name, entry] of Object.entries(reader.map("hermes:mcpServers", value))) {
    const key = `hermes:mcpServers.${name}`;
    checkName(reader, key, name, taken);
    const server = readServer(reader, key, entry, (place, reference) => {
      referenced.add(reference.secret);
      if (secretNames.includes(reference.secret)) return;
      const known = secretNames.length > 0 ? `There are: ${secretNames.join(", ")}.` : "There are no secrets yet.";
      reader.reject(
        place,
        reference,
        "there is no secret of that name",
        known,
        SECRET_FIX.replaceAll("NAME", reference.secret),
      );
    });
    if (server) servers[name] = server;
  }
  return servers;
}

function checkName(reader: Reader, key: string, name: string, taken: Set<string>): void {
  const rule = {
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
  const [hasCommand, hasUrl] = [!isAbsent(map["command"]), !isAbsent(map["url"])];
  if (hasCommand === hasUrl) {
    reader.add(
      key,
      hasUrl ? "has a command and a url" : "has neither command nor url",
      ENTRY_ALLOWED,
      "Give one of the two.",
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
      pattern: /^[^\s"'`$|;&<>()\\]+$/,
      allowed: "A program's name or path; no shell reads it.",
      fix: 'Put the rest into args, for example command: npx, args: ["-y", "some-server"].',
    }) ?? "";
  const args = reader.list(`${key}.args`, map["args"]).map(
    (arg, i) =>
      reader.text(`${key}.args[${i}]`, arg, {
        allowed: "A text on one line; every process on the droplet can see it.",
        fix: "Write the argument as a text; credentials belong in env as {secret: NAME}.",
      }) ?? "",
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

function readRemote(reader: Reader, key: string, map: Record<string, unknown>, refer: OnReference): McpServerConfig {
  const url =
    readUrl(reader, `${key}.url`, map["url"], {
      allowed: "An https URL without credentials; plain http only to private or tailnet hosts.",
      fix: "Credentials go into headers as {secret: NAME}.",
      privateHttp: true,
    }) ?? "";
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
      reader.add(place, `is not the name of ${what}`, "Letters, digits and _ mostly.", "Rename it.");
    const read = readValue(reader, place, entry, raw, refer);
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
      allowed: "The name of an entry of hermes:secrets.",
      fix: "Write {secret: NAME}.",
    });
    if (secret === undefined) return undefined;
    refer(key, { secret });
    return { secret };
  }
  if (CREDENTIAL.test(name)) {
    // The value is not printed: it may well be the credential.
    reader.add(key, "is a credential in plain text", "Credentials are references into hermes:secrets.", SECRET_FIX);
    return undefined;
  }
  return reader.text(key, raw, { allowed: "A text on one line, or {secret: NAME}.", fix: "Write it as a text." });
}
