import { utils } from "ssh2";

/** The OpenSSH public key line of a private key that the configuration's rules let through. */
export function publicKeyOf(privateKey: string): string {
  const key = utils.parseKey(privateKey);
  if (key instanceof Error)
    throw new Error("hermes:secrets: a key that the configuration's rules let through is unreadable");
  return `${key.type} ${key.getPublicSSH().toString("base64")}`;
}
