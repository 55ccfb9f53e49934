import * as pulumi from "@pulumi/pulumi";
import { asMap, isMap } from "../lib/maps";
import type { Catalogue } from "../planner/catalogue";
import { checkConfig, inOrder } from "./check";
import { KEYS, REQUIRED, type KeyType } from "./keys";
import { ConfigError, type Problem } from "./problem";
import { sharedBucket } from "./shared-bucket";
import { readStackFile } from "./stackfile";
import type { HermesConfig } from "./types";
import { strayNamespace } from "./unknown-keys";
import { readWorkspace, type Workspace } from "./workspace";

/**
 * The checked configuration of this stack.
 * @param project folder of the project; workspaces and the stack's file are found below it.
 * @param more what else can be wrong with it, told together with the rest
 * @throws ConfigError with every fault, before any resource is registered.
 */
export function readConfig(
  catalogue: Catalogue,
  project: string = process.cwd(),
  more: (config: HermesConfig) => Problem[] = () => [],
): HermesConfig {
  const stack = pulumi.getStack();
  const { raw, problems, meant } = rawConfig(pulumi.runtime.allConfig());
  const secrets = secretValues();
  const file = readStackFile(project, stack);
  const seen = new Map<string, Workspace>();
  const result = checkConfig(raw, {
    stack,
    catalogue,
    secrets,
    // Where not one value is encrypted the engine itself knows; single plain ones stand in the file only.
    plainSecrets: isEncrypted("secrets") ? file.plainSecrets : Object.keys(secrets),
    order: file.order,
    spelling: file.spelling,
    meant,
    workspace: (folder) => {
      const workspace = seen.get(folder) ?? readWorkspace(project, folder, secrets);
      seen.set(folder, workspace);
      return workspace;
    },
  });
  const shared = sharedBucket(project, stack, result.config.backup.to);
  const all = inOrder(
    [...problems, ...file.twice.map(writtenTwice), ...result.problems, ...shared, ...more(result.config)],
    file.order,
  );
  if (all.length > 0) throw new ConfigError(stack, all);
  return result.config;
}

/** hermes:openclaw.version as it stands there, checked by nobody yet: to be looked up while the rest is read. */
export function wantedOpenclaw(): unknown {
  return asMap(parse(pulumi.runtime.allConfig()["hermes:openclaw"] ?? "{}"))["version"];
}

/** The stack's secrets by name, each a secret output. Call after {@link readConfig}, which has checked them. */
export function readSecrets(): Record<string, pulumi.Output<string>> {
  const values = Object.entries(secretValues()).filter(([, value]) => typeof value === "string");
  return Object.fromEntries(values.map(([name, value]) => [name, pulumi.secret(value as string)]));
}

function secretValues(): Record<string, unknown> {
  return asMap(parse(pulumi.runtime.allConfig()["hermes:secrets"] ?? "{}"));
}

/** The keys of the `hermes:` namespace, and what is wrong with them as such. */
interface RawConfig {
  raw: Record<string, unknown>;
  problems: Problem[];
  /** Keys that stand in a namespace that is a slip of `hermes:`. */
  meant: string[];
}

/** The `hermes:` namespace without its secrets; the engine gives lists and maps as JSON. */
export function rawConfig(
  all: Record<string, string>,
  encrypted: readonly string[] = encryptedKeys() ?? [],
): RawConfig {
  const read: RawConfig = { raw: {}, problems: [], meant: [] };
  for (const [full, text] of Object.entries(all)) {
    const name = full.replace(/^hermes:/, "");
    if (name === full) addStray(read, full);
    else addKey(read, name, text, encrypted.includes(full));
  }
  return read;
}

function addStray({ problems, meant }: RawConfig, full: string): void {
  const stray = strayNamespace(full);
  if (stray === undefined) return;
  problems.push(stray.problem);
  meant.push(stray.means ?? "");
}

function addKey({ raw, problems }: RawConfig, name: string, text: string, isEncrypted: boolean): void {
  if (name in KEYS && name !== "secrets" && isEncrypted) problems.push(needlesslyEncrypted(`hermes:${name}`));
  const type = (KEYS as Record<string, KeyType>)[name];
  const value = type === "array" || type === "object" || type === undefined ? parse(text) : text;
  if (name === "secrets") {
    if (!isMap(value)) problems.push(secretsNoMap);
  } else if (!isPlaceholder(name, text)) raw[name] = value;
}

/** A key without a value, or Pulumi.yaml's default of a required key, without which the engine would answer. */
const isPlaceholder = (name: string, text: string): boolean =>
  text === "" || ((REQUIRED as readonly string[]).includes(name) && text === "{}");

/** Full names of the keys whose value is encrypted, wholly or in part; undefined where no engine said it. */
function encryptedKeys(): string[] | undefined {
  const text = process.env["PULUMI_CONFIG_SECRET_KEYS"];
  const keys: unknown = text === undefined ? undefined : parse(text);
  return Array.isArray(keys) ? keys.map((key) => String(key).replace(":config:", ":")) : undefined;
}

function isEncrypted(name: string): boolean {
  return encryptedKeys()?.includes(`hermes:${name}`) ?? true;
}

/** The engine takes any of them, and another one the next time. */
const writtenTwice = (spellings: readonly string[]): Problem => ({
  key: spellings[0] ?? "",
  wrong: `is there ${spellings.length} times, as ${spellings.join(" and ")}`,
  allowed: "Each key stands once; Pulumi would take any of them.",
  fix: `Remove all but ${spellings.find((each) => /^hermes:[^:]+$/.test(each)) ?? spellings[0]}.`,
});

function needlesslyEncrypted(key: string): Problem {
  return {
    key,
    wrong: "is encrypted, and hermes shows its value in previews and outputs",
    allowed: "Only hermes:secrets is encrypted; MCP servers refer to it by name.",
    fix: `Set it in plain text, or move the secret part: pulumi config set --secret --path 'hermes:secrets.NAME'.`,
  };
}

const secretsNoMap: Problem = {
  key: "hermes:secrets",
  found: "[secret]",
  wrong: "it is not a map",
  allowed: "A map of names to encrypted values.",
  fix: "Remove it (pulumi config rm hermes:secrets) and set each one: pulumi config set --secret --path 'hermes:secrets.NAME'.",
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
