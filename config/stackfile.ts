import { existsSync } from "node:fs";
import { join } from "node:path";
import { asMap, valueAt } from "../lib/maps";
import { bytesOf, parseStackYaml, parseYaml } from "./yaml-file";

/** What only the stack's file can tell: the engine hands values over sorted and decrypted. */
export interface StackFile {
  /** Keys of the `hermes:` namespace in the order of the file. */
  order: string[];
  /** Names in `hermes:secrets` whose value is not encrypted. */
  plainSecrets: string[];
  /** Spellings of one and the same key, of which the engine takes any. */
  twice: string[][];
  /** A value as it is written, by its place, such as `hermes:mcpServers.x.args[1]`. */
  spelling: (key: string) => string | undefined;
}

/** Reads Pulumi.STACK.yaml beside the project; empty where the stack's configuration is kept elsewhere. */
export function readStackFile(project: string, stack: string): StackFile {
  const path = join(project, `Pulumi.${stack}.yaml`);
  return existsSync(path)
    ? parseStackFile(bytesOf(path, `Pulumi.${stack}.yaml`), `Pulumi.${stack}.yaml`)
    : { order: [], plainSecrets: [], twice: [], spelling: () => undefined };
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
  const order = [...new Set(keys.map(([key]) => key))];
  const spellings = order.map((key) => config.map(([full]) => full).filter((full) => hermesKey(full) === key));
  // Read a second time only where YAML made another thing of a text.
  let written: StackFile["spelling"] | undefined;
  const spelling: StackFile["spelling"] = (key) => (written ??= spellingIn(content, name))(key);
  return { order, plainSecrets, twice: spellings.filter((all) => all.length > 1), spelling };
}

/** The file's texts and numbers, none of them converted. */
function spellingIn(content: Uint8Array | string, name: string): StackFile["spelling"] {
  let config: Record<string, unknown>;
  try {
    config = asMap(asMap(parseYaml(content, name, "as written"))["config"]);
  } catch {
    // A tag, as in `!!int 4`, needs the conversion: then the values are shown as they were read.
    return () => undefined;
  }
  const values = Object.fromEntries(
    Object.entries(config).flatMap(([full, value]) => {
      const key = hermesKey(full);
      return key === undefined ? [] : [[`hermes:${key}`, value]];
    }),
  );
  return (key) => {
    const path = key.split(/\.|(?=\[)/).map((part) => part.replace(/^\[(\d+)\]$/, "$1"));
    const found = valueAt(values, path);
    return typeof found === "string" ? found : undefined;
  };
}

/** `size` in `hermes:size`, in the older `hermes:config:size`, and in `size`, which the engine reads as the project's own. */
export function hermesKey(key: string): string | undefined {
  return /^(?:hermes:(?:config:)?)?([^:]+)$/.exec(key)?.[1];
}

function isSecure(value: unknown): boolean {
  const map = asMap(value);
  return Object.keys(map).length === 1 && typeof map["secure"] === "string";
}
