import { dump } from "js-yaml";
import { parseStackYaml } from "../../config/yaml-file";

/** A Pulumi stack file: `config` and whatever else the engine keeps there (salt, key). */
export interface StackFile {
  config?: Record<string, unknown>;
  [key: string]: unknown;
}

/**
 * The stack file of the embedded cloud: the committed one, with what has to differ here on top. Three ways, so that a
 * value set by `pulumi config set` inside the embedded cloud stays until its committed value changes.
 *
 * @param committed the project's own stack file
 * @param before the committed file as it was at the last merge
 * @param current the merged file as it is now, or undefined the first time
 * @param overrides wins over everything; objects are merged key by key
 */
export function mergeStackFile(
  committed: StackFile,
  before: StackFile | undefined,
  current: StackFile | undefined,
  overrides: Record<string, unknown>,
): StackFile {
  const config: Record<string, unknown> = { ...(current?.config ?? {}) };
  const keys = new Set([...Object.keys(committed.config ?? {}), ...Object.keys(before?.config ?? {})]);
  for (const key of keys) {
    const now = committed.config?.[key];
    if (current !== undefined && same(now, before?.config?.[key])) continue;
    if (now === undefined) delete config[key];
    else config[key] = now;
  }
  for (const [key, value] of Object.entries(overrides)) config[key] = mergeValue(config[key], value);
  return { ...committed, ...current, config };
}

function mergeValue(base: unknown, override: unknown): unknown {
  if (!isObject(base) || !isObject(override)) return override;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(override)) merged[key] = mergeValue(merged[key], value);
  return merged;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

export const parseStackFile = (text: string): StackFile => parseStackYaml(text, "Pulumi.hermes.yaml");

export const renderStackFile = (file: StackFile): string => dump(file, { lineWidth: -1 });
