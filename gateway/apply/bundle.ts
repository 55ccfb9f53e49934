// The three documents that arrive on standard input, checked before anything is done with them.
import { createHash } from "node:crypto";

export interface FileSpec {
  mode: string;
  owner: string;
  /** Lines; joined by line breaks they are the file. */
  text?: string[];
  base64?: string;
}

export type Files = Record<string, FileSpec>;

export interface ConfigBundle {
  hermes: 1;
  kind: "config";
  files: Files;
  /** Agent → path in its workspace → file. */
  workspaces: Record<string, Files>;
  /** `sha256`: digest of the tree, or `first-install`. */
  openclaw: { version: string; before: string; sha256: string };
  node: { version: string; url: string; sha256: string };
  /** Absent: no local model, and what there was of one is removed. */
  ollama?: OllamaSpec;
}

/** The local model, and the Ollama that runs it. */
export interface OllamaSpec {
  version: string;
  url: string;
  sha256: string;
  /** Ollama's tag, for example "qwen3.5:9b". */
  tag: string;
  contextTokens: number;
  batch: number;
}

export interface SecretsBundle {
  hermes: 1;
  kind: "secrets";
  files: Files;
}

export interface Activation {
  hermes: 1;
  kind: "activate";
  config: string;
  secrets: string;
  openclaw: string;
}

/** Nothing was changed, for this reason. */
export class Refused extends Error {}

export const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

export const contentOf = (file: FileSpec): Buffer =>
  file.base64 === undefined ? Buffer.from((file.text ?? []).join("\n")) : Buffer.from(file.base64, "base64");

export const parseConfig = (text: string): ConfigBundle => {
  const bundle = parse<ConfigBundle>(text, "config");
  checkFiles(bundle.files, /^\/((etc|usr\/local)\/|root\/\.ssh\/authorized_keys$)/);
  for (const [agent, files] of Object.entries(bundle.workspaces ?? {})) {
    if (!/^[a-z0-9][a-z0-9_-]*$/i.test(agent)) throw new Refused(`the bundle names an agent ${JSON.stringify(agent)}`);
    checkFiles(files, /^[^/]/);
  }
  if (!isVersion(bundle.openclaw?.version)) throw new Refused("the bundle names no version of OpenClaw");
  if (bundle.ollama !== undefined) checkOllama(bundle.ollama);
  return bundle;
};

export const parseSecrets = (text: string): SecretsBundle => {
  const bundle = parse<SecretsBundle>(text, "secrets");
  checkFiles(bundle.files, /^\/etc\/openclaw\/secrets\/[^/]+$/);
  return bundle;
};

export const parseActivation = (text: string): Activation => {
  const bundle = parse<Activation>(text, "activate");
  const isHash = (value: unknown) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
  if (!isHash(bundle.config) || !isHash(bundle.secrets) || !isVersion(bundle.openclaw)) {
    throw new Refused("an activation names two SHA-256 hashes and a version of OpenClaw");
  }
  return bundle;
};

// A parser's own message would quote what it read.
function parse<T extends { hermes: 1; kind: string }>(text: string, kind: T["kind"]): T {
  let value: T;
  try {
    value = JSON.parse(text) as T;
  } catch {
    throw new Refused("standard input is not a JSON bundle");
  }
  if (value?.hermes !== 1 || value.kind !== kind)
    throw new Refused(`standard input is not a ${kind} bundle of format 1`);
  return value;
}

function checkFiles(files: Files, where: RegExp): void {
  for (const [path, file] of Object.entries(files ?? {})) {
    const odd = path.split("/").some((part, i) => part === "." || part === ".." || (part === "" && i > 0));
    if (odd || path.includes("\0") || !where.test(path))
      throw new Refused(`the bundle has a file at ${JSON.stringify(path)}`);
    const content = file.base64 === undefined ? Array.isArray(file.text) : typeof file.base64 === "string";
    if (!content || !/^0[0-7]{3}$/.test(file.mode) || !/^[a-z_][\w-]*:[a-z_][\w-]*$/.test(file.owner)) {
      throw new Refused(`the bundle's ${path} lacks mode, owner or content`);
    }
  }
}

function checkOllama({ version, url, sha256, tag, contextTokens, batch }: OllamaSpec): void {
  const fine =
    isVersion(version) &&
    /^https:\/\//.test(url) &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    /^[\w./:-]+$/.test(tag) &&
    [contextTokens, batch].every((count) => Number.isInteger(count) && count > 0);
  if (!fine) throw new Refused("the bundle's ollama lacks version, url, digest, model, context or batch");
}

const isVersion = (value: unknown): value is string => typeof value === "string" && /^\d[\w.+-]*$/.test(value);
