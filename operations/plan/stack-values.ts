import { hermesKey } from "../../config/stackfile";
import { asMap } from "../../lib/maps";
import { stackFile } from "../stack/project";

/**
 * Values of the `hermes:` namespace in Pulumi.STACK.yaml, by key and without `secrets`; read as plain YAML, so neither
 * pulumi nor a passphrase is needed. Undefined where there is no such file.
 * @throws UnreadableYaml
 */
export function stackValues(project: string, stack: string): Record<string, unknown> | undefined {
  const file = stackFile(stack, project);
  if (file === undefined) return undefined;
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(asMap(file.config))) {
    const name = hermesKey(key);
    if (name !== undefined && name !== "secrets") values[name] = value;
  }
  return values;
}
