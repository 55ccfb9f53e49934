import { existsSync } from "node:fs";
import { join } from "node:path";
import { asMap } from "../lib/maps";
import { bytesOf, parseStackYaml } from "./yaml-file";

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
  return existsSync(path)
    ? parseStackFile(bytesOf(path, `Pulumi.${stack}.yaml`), `Pulumi.${stack}.yaml`)
    : { order: [], plainSecrets: [] };
}

/** @throws UnreadableYaml */
export function parseStackFile(content: Uint8Array | string, name = "the stack's file"): StackFile {
  const config = Object.entries(asMap(parseStackYaml(content, name)["config"]));
  const keys = config.flatMap(([key, value]) => {
    const name = hermesKey(key);
    return name === undefined ? [] : [[name, value] as const];
  });
  const secrets = keys.filter(([key]) => key === "secrets").map(([, value]) => asMap(value));
  // The whole map may be encrypted as one.
  const plainSecrets = secrets.flatMap((map) =>
    isSecure(map) ? [] : Object.keys(map).filter((each) => !isSecure(map[each])),
  );
  return { order: keys.map(([key]) => key), plainSecrets };
}

/** `size` in `hermes:size`, in the older `hermes:config:size`, and in `size`, which the engine reads as the project's own. */
export function hermesKey(key: string): string | undefined {
  return /^(?:hermes:(?:config:)?)?([^:]+)$/.exec(key)?.[1];
}

function isSecure(value: unknown): boolean {
  const map = asMap(value);
  return Object.keys(map).length === 1 && typeof map["secure"] === "string";
}
