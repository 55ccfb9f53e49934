import { createHash } from "node:crypto";
import { OLLAMA_VERSION, type HermesConfig } from "../config/types";
import type { LocalModelPlan } from "../planner/types";
import { secretPath } from "./paths";
import { isRootSecret } from "./secret-names";

/** A file of a bundle. Text is an array of lines, so that a preview shows which line changed; `lines.join("\n")` is the file. */
export type BundleFile = BundleMeta & ({ text: string[] } | { base64: string });

export interface BundleMeta {
  /** Octal, four digits. */
  mode: string;
  /** `user:group`, both by name. */
  owner: string;
}

export interface ConfigBundleInput {
  config: HermesConfig;
  /** Absolute path → file. What another file of the same path says before it is replaced. */
  files: Record<string, BundleFile>;
  /** Agent id → path in its workspace → file. */
  workspaces: Record<string, Record<string, BundleFile>>;
  /** Absent: none is wanted, and what there was of one is removed. */
  local?: LocalModelPlan | undefined;
}

/**
 * hermes-apply itself (file name → text), on the standard input of `hermes-apply stage program`. A bundle of its own, so
 * that the preview of an edited configuration is not drowned in it.
 */
export function programBundle(program: Record<string, string>): string {
  const files = Object.entries(program).map(([name, text]) => [name, text.replace(/\n$/, "").split("\n")] as const);
  return stableJson({ hermes: 1, kind: "program", apply: Object.fromEntries(files) });
}

/** The plain bundle, on the standard input of `hermes-apply stage config`. Holds no secret. */
export function configBundle({ config, files, workspaces, local }: ConfigBundleInput): string {
  const { version, before } = config.openclaw;
  const { node, openclaw } = config.sources;
  return stableJson({
    hermes: 1,
    kind: "config",
    files,
    workspaces,
    openclaw: { version, before, sha256: openclaw.sha256 },
    node: {
      version: config.node.version,
      url: node.url.replaceAll("{version}", config.node.version),
      sha256: node.sha256,
    },
    ...(local === undefined ? {} : { ollama: ollamaSpec(config, local) }),
  });
}

/** What hermes-apply has to have running before the gateway may name it. */
function ollamaSpec({ sources }: HermesConfig, { tag, contextTokens, batch }: LocalModelPlan) {
  const { url, sha256 } = sources.ollama;
  const version = OLLAMA_VERSION;
  return { version, url: url.replaceAll("{version}", version), sha256, tag, contextTokens, batch };
}

/**
 * What `hermes-apply local` is run again for: its text stands among the command's triggers, so a preview shows what of
 * the local model changes. @returns undefined when there is none
 */
export function localModelTrigger(config: HermesConfig, local: LocalModelPlan | undefined): string | undefined {
  if (local === undefined) return undefined;
  return stableJson({ ...ollamaSpec(config, local), memoryMaxMiB: local.memoryMaxMiB, environment: local.environment });
}

/** The hidden bundle, on the standard input of `hermes-apply stage secrets`: one file per secret, without a line break at its end. */
export function secretsBundle(values: Record<string, string>): string {
  const owner = (name: string) => (isRootSecret(name) ? "root:root" : "openclaw:openclaw");
  const files = Object.entries(values).map(
    ([name, value]) => [secretPath(name), textFile(value, { mode: "0400", owner: owner(name) })] as const,
  );
  return stableJson({ hermes: 1, kind: "secrets", files: Object.fromEntries(files) });
}

/** What makes two staged bundles the ones that run. */
export function activateBundle(input: { config: string; secrets: string; openclaw: string }): string {
  return stableJson({
    hermes: 1,
    kind: "activate",
    config: sha256(input.config),
    secrets: sha256(input.secrets),
    openclaw: input.openclaw,
  });
}

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

export const textFile = (text: string, meta: BundleMeta): BundleFile => ({ ...meta, text: text.split("\n") });

/** Text as lines where it survives that, base64 otherwise. */
export function contentFile(content: Buffer, meta: BundleMeta): BundleFile {
  const text = content.toString("utf8");
  // eslint-disable-next-line no-control-regex
  const isText = Buffer.from(text, "utf8").equals(content) && !/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(text);
  return isText ? textFile(text, meta) : { ...meta, base64: content.toString("base64") };
}

/** The same text for the same content, whatever the order it was put together in. */
export function stableJson(value: unknown): string {
  return `${JSON.stringify(sorted(value), null, 2)}\n`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}
