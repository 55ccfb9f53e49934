import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { asMap } from "../../config/look-up";
import { CommandError, EXIT } from "../output";

/**
 * Values of the `hermes:` namespace in Pulumi.STACK.yaml, by key and without `secrets`; read as plain YAML, so neither
 * pulumi nor a passphrase is needed. Undefined where there is no such file.
 * @throws CommandError when it is no YAML.
 */
export function stackValues(project: string, stack: string): Record<string, unknown> | undefined {
  // A stack may be named with its organisation and project; the file is not.
  const path = join(project, `Pulumi.${stack.split("/").at(-1)}.yaml`);
  if (!existsSync(path)) return undefined;
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(asMap(asMap(parse(path))["config"]))) {
    const name = /^hermes:(?:config:)?(.+)$/.exec(key)?.[1];
    if (name !== undefined && name !== "secrets") values[name] = value;
  }
  return values;
}

function parse(path: string): unknown {
  try {
    return load(readFileSync(path, "utf8"));
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    throw new CommandError(`${path} cannot be read: ${reason}`, EXIT.input);
  }
}
