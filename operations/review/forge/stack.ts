import { CommandError, EXIT } from "../../../lib/output";
import { pulumiOutput, runPulumi } from "../../../lib/pulumi";
import { selected, type StackOptions } from "../../stack/reach";
import type { PreviewDigest } from "..";

type Value = { value?: unknown; secret?: boolean; objectValue?: unknown };

/** Every secret of a stack's configuration by its name, decrypted: to look for, and to seal with. */
export async function allSecrets(options: StackOptions): Promise<Record<string, string>> {
  const text = await pulumiOutput(["config", "--json", "--show-secrets", ...selected(options)]);
  const found: Record<string, string> = {};
  const collect = (name: string, value: unknown): void => {
    if (typeof value === "string" && value !== "") found[name] = value;
    else if (typeof value === "object" && value !== null)
      for (const [key, inner] of Object.entries(value)) collect(`${name}.${key}`, inner);
  };
  for (const [key, { value, secret, objectValue }] of Object.entries(JSON.parse(text) as Record<string, Value>))
    if (secret === true) collect(key, objectValue ?? value);
  return found;
}

/** What `up` would do. @throws CommandError where it would do nothing because it can't */
export async function previewOf(options: StackOptions, scrub: (text: string) => string): Promise<PreviewDigest> {
  const { code, stdout, stderr } = await runPulumi(["preview", "--json", ...selected(options)]);
  const preview = parsed(stdout);
  if (code === 0 && preview !== undefined) return preview;
  const errors = (preview?.diagnostics ?? []).filter(({ severity }) => severity === "error");
  const words = errors.map(({ message }) => message?.trim()).join("\n  ") || stderr.trim().slice(-1000);
  throw new CommandError(`the preview failed:\n  ${scrub(words)}`, EXIT.unhealthy);
}

function parsed(text: string): PreviewDigest | undefined {
  try {
    return JSON.parse(text) as PreviewDigest;
  } catch {
    return undefined;
  }
}
