import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";

/** What only the stack's file can tell: the engine hands values over sorted and decrypted. */
export interface StackFile {
  /** Keys of the `hermes:` namespace in the order of the file. */
  order: string[];
  /** Names in `hermes:secrets` whose value is not encrypted. */
  plainSecrets: string[];
}

/** Reads Pulumi.STACK.yaml beside the project; empty where the stack's configuration is kept elsewhere. */
export function readStackFile(project: string, stack: string): StackFile {
  const path = join(project, `Pulumi.${stack}.yaml`);
  return existsSync(path) ? parseStackFile(readFileSync(path, "utf8")) : { order: [], plainSecrets: [] };
}

export function parseStackFile(text: string): StackFile {
  const config = asMap(asMap(load(text))["config"]);
  const prefix = /^hermes:(?:config:)?/;
  const order = Object.keys(config).flatMap((key) => (prefix.test(key) ? [key.replace(prefix, "")] : []));
  const secrets = asMap(config["hermes:secrets"]);
  // The whole map may be encrypted as one.
  const plainSecrets = isSecure(secrets) ? [] : Object.keys(secrets).filter((name) => !isSecure(secrets[name]));
  return { order, plainSecrets };
}

function isSecure(value: unknown): boolean {
  const map = asMap(value);
  return Object.keys(map).length === 1 && typeof map["secure"] === "string";
}

function asMap(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
