import { createHash } from "node:crypto";
import { utils } from "ssh2";

/** The OpenSSH public key line of a private key that the configuration's rules let through. */
export function publicKeyOf(privateKey: string): string {
  const key = utils.parseKey(privateKey);
  if (key instanceof Error)
    throw new Error("hermes:secrets: a key that the configuration's rules let through is unreadable");
  return `${key.type} ${key.getPublicSSH().toString("base64")}`;
}

/** How DigitalOcean calls a public key: MD5 of it, in pairs. */
export function fingerprintOf(publicLine: string): string {
  const digest = createHash("md5").update(Buffer.from(publicLine.split(" ")[1] ?? "", "base64"));
  return digest.digest("hex").replace(/(..)(?!$)/g, "$1:");
}
