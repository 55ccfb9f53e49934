import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { utils } from "ssh2";
import { checkConfig, type CheckContext, type Problem, type Workspace } from "../../config";
import { newKey } from "../../operations/init/init";
import { shippedCatalogue } from "../../planner";

export const PROJECT = join(__dirname, "../..");

/** Made anew for each run: no key stands in the repository. */
export const keys = {
  deploy: newKey("deploy"),
  host: newKey("host"),
  rsa: utils.generateKeyPairSync("rsa", { bits: 2048 }).private,
  locked: utils.generateKeyPairSync("ed25519", { passphrase: "pass", cipher: "aes256-cbc", rounds: 1 }).private,
};

export const secrets: Record<string, unknown> = {
  openrouterApiKey: "sk-or-v1-0123456789abcdef",
  gatewayToken: "q7Wd93kfLz0aPmX2vB8nT5yRc6hJ1sGe",
  deployKey: keys.deploy,
  hostKey: keys.host,
};

export const workspace: Workspace = {
  kind: "folder",
  complete: true,
  entries: [{ path: "SOUL.md", kind: "file", bytes: 120, characters: 120 }],
};

type Values = Record<string, unknown>;

const COMMITTED = load(readFileSync(join(PROJECT, "Pulumi.hermes.yaml"), "utf8")) as { config: Values };

/** The committed stack, as values of the `hermes:` namespace. */
export function hermesStack(): Values {
  const values = Object.entries(COMMITTED.config).map(([key, value]) => [key.replace(/^hermes:/, ""), value]);
  return structuredClone(Object.fromEntries(values)) as Values;
}

export function context(changes: Partial<CheckContext> = {}): CheckContext {
  return { stack: "hermes", catalogue: shippedCatalogue(), workspace: () => workspace, secrets, ...changes };
}

/** Problems of the committed stack with some values changed; `undefined` removes a key. */
export function problems(changes: Values = {}, contextChanges: Partial<CheckContext> = {}): Problem[] {
  const raw = { ...hermesStack(), ...changes };
  for (const [key, value] of Object.entries(raw)) if (value === undefined) delete raw[key];
  return checkConfig(raw, context(contextChanges)).problems;
}

/** The same, as `key: what is wrong`. */
export function faults(changes: Values = {}, contextChanges: Partial<CheckContext> = {}): string[] {
  return problems(changes, contextChanges).map(({ key, wrong }) => `${key}: ${wrong}`);
}
