import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "./lab";

/** Made-up secrets of one lab, in the shapes of the real ones, so that a search for them can find leaks. */
export interface LabCredentials {
  digitaloceanToken: string;
  openrouterKey: string;
  telegramToken: string;
  /** Opens the lab's buckets. */
  s3KeyId: string;
  s3Secret: string;
  /** Encrypts the stack's secrets. */
  passphrase: string;
}

/** The lab's credentials, made at the first call. */
export function labCredentials(lab: Lab): LabCredentials {
  const path = join(lab.dir, "credentials.json");
  if (!existsSync(path)) {
    mkdirSync(lab.dir, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.new`, JSON.stringify(newCredentials(), null, 2), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  return JSON.parse(readFileSync(path, "utf8")) as LabCredentials;
}

function newCredentials(): LabCredentials {
  const hex = (bytes: number): string => randomBytes(bytes).toString("hex");
  return {
    digitaloceanToken: `dop_v1_${hex(32)}`,
    openrouterKey: `sk-or-v1-${hex(32)}`,
    telegramToken: `8${randomBytes(4).readUInt32BE().toString().padStart(10, "0").slice(0, 9)}:AA${hex(16)}x`,
    s3KeyId: `DO00${hex(8).toUpperCase()}`,
    s3Secret: hex(20),
    passphrase: hex(16),
  };
}
