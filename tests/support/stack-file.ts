// The file and the first state of a test's stack, written as the engine writes them, without a process for each value.
import { createCipheriv, pbkdf2Sync, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dump, load } from "js-yaml";
import { newKey } from "../../operations/init/init";
import { merged, type Values } from "../fixtures/edits";

/** Encrypts the secrets of every test's stack. */
export const PASSPHRASE = "engine test";

/** Of every stack that the tests make. */
export const SECRETS = {
  openrouterApiKey: "sk-or-v1-engine-test-secret",
  gatewayToken: "engine-test-gateway-token-of-more-than-32-characters",
  deployKey: newKey("test"),
  hostKey: newKey("host"),
};

/** One salt for all stacks, so that a value encrypted for one stack can be read in any other. */
const SALT = Buffer.from("hermes-t");
const ROUNDS = 1_000_000;
let key: Buffer | undefined;

/** An encrypted value of a stack file. */
export interface Encrypted {
  secure: string;
}

/** As the engine's passphrase provider: AES-256-GCM with a key of PBKDF2, which is derived once. */
function ciphertext(plaintext: string): string {
  key ??= pbkdf2Sync(PASSPHRASE, SALT, ROUNDS, 32, "sha256");
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `v1:${nonce.toString("base64")}:${sealed.toString("base64")}`;
}

/** The values of `hermes:secrets`, as `pulumi config set --secret --path` leaves them. */
export const encrypted = (secrets: Record<string, string>): Record<string, Encrypted> =>
  Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, { secure: ciphertext(value) }]));

interface StackFile {
  encryptionsalt: string;
  config: Values;
}

const write = (path: string, file: StackFile): void => writeFileSync(path, dump(file, { lineWidth: -1 }));

export function writeStackFile(path: string, config: Values): void {
  // By the word "pulumi" the engine tells whether the passphrase is right.
  write(path, { encryptionsalt: `v1:${SALT.toString("base64")}:${ciphertext("pulumi")}`, config });
}

/** Merges values, and secrets to be encrypted, into the configuration of a stack file. */
export function editStackFile(path: string, values: Values, secrets: Record<string, string> = {}): void {
  const file = load(readFileSync(path, "utf8")) as StackFile;
  const change = { ...values, ...(Object.keys(secrets).length > 0 ? { "hermes:secrets": encrypted(secrets) } : {}) };
  write(path, { ...file, config: merged(file.config, change) as Values });
}

/** A stack in a folder of states. */
export interface StackPlace {
  state: string;
  project: string;
  stack: string;
}

const checkpointOf = ({ state, project, stack }: StackPlace): string =>
  join(state, ".pulumi", "stacks", project, `${stack}.json`);

/** A stack without resources, as `pulumi stack init` leaves it. */
export function initStack(place: StackPlace): void {
  const path = checkpointOf(place);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(join(place.state, ".pulumi", "meta.yaml"), "version: 1\n");
  const checkpoint = { stack: `organization/${place.project}/${place.stack}`, latest: null };
  writeFileSync(path, JSON.stringify({ version: 3, checkpoint }));
}

/** The state as it is stored: secrets are ciphertext. */
export const stateText = (place: StackPlace): string => readFileSync(checkpointOf(place), "utf8");
