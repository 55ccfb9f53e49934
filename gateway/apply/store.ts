// What is staged, and what is applied: bundles verbatim, and the manifest of what was written.
import type { ConfigBundle, SecretsBundle } from "./bundle.ts";
import { parseConfig, parseSecrets, sha256 } from "./bundle.ts";
import type { Host } from "./host.ts";
import { isProven, runnable } from "./local-model.ts";
import { APPLIED, STAGE } from "./places.ts";
import { readText, writePrivate } from "./text-file.ts";

/** SHA-256 of everything that came from the repository, as it was written. */
export interface Manifest {
  files: Record<string, string>;
  workspaces: Record<string, Record<string, string>>;
}

export interface Applied {
  config?: ConfigBundle;
  secrets?: SecretsBundle;
  /** SHA-256 of the bundle's text. */
  configHash?: string;
  secretsHash?: string;
  manifest: Manifest;
}

export const emptyManifest = (): Manifest => ({ files: {}, workspaces: {} });

export function readApplied(host: Host): Applied {
  const [config, secrets, manifest] = ["config", "secrets", "manifest"].map((name) =>
    readText(host, `${APPLIED}/${name}.json`),
  );
  return {
    ...(config === undefined ? {} : { config: asRun(host, config), configHash: sha256(config) }),
    ...(secrets === undefined ? {} : { secrets: parseSecrets(secrets), secretsHash: sha256(secrets) }),
    manifest: manifest === undefined ? emptyManifest() : (JSON.parse(manifest) as Manifest),
  };
}

function asRun(host: Host, text: string): ConfigBundle {
  const bundle = parseConfig(text);
  return runnable(bundle, isProven(host, bundle));
}

export const stagedText = (host: Host, kind: "config" | "secrets"): string | undefined =>
  readText(host, `${STAGE}/${kind}.json`);

/** Keeps a bundle for a later activation. Returns its hash. */
export function stage(host: Host, kind: "config" | "secrets", text: string): string {
  if (kind === "config") parseConfig(text);
  else parseSecrets(text);
  writePrivate(host, `${STAGE}/${kind}.json`, text);
  return sha256(text);
}
