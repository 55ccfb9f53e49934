import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { GATEWAY_PORT } from "../private-ports";

/** What a host is expected to show: an OpenSSH public key line, or the fingerprint of a key (`SHA256:…`). */
export type ExpectedKey = string;

export const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/;

/** As `ssh-keygen -l` prints it. */
export const fingerprint = (key: Buffer): string =>
  `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;

const keyIn = (publicLine: string): Buffer => Buffer.from(publicLine.split(" ")[1] ?? "", "base64");

const fingerprintOf = (expected: ExpectedKey): string =>
  FINGERPRINT.test(expected) ? expected : fingerprint(keyIn(expected));

export const isExpected = (expected: ExpectedKey, shown: Buffer): boolean =>
  fingerprintOf(expected) === fingerprint(shown);

/**
 * What only the droplet can answer to a nonce: it shares the tailnet key with the stack, from its user data. The host key
 * of the very connection is in it, so that nobody between can pass on the answer of the real droplet. host-key.py makes
 * the same.
 */
export function proofOf(tailnetKey: string, nonce: string, shown: Buffer): string {
  const text = `hermes host key v1\n${nonce}\nssh-ed25519 ${shown.toString("base64")}\n`;
  return createHmac("sha256", tailnetKey).update(text).digest("hex");
}

/** A key that is not known proves nothing. */
export function isProven(proof: string, secret: { tailnetKey: string; nonce: string; shown: Buffer }): boolean {
  if (secret.tailnetKey === "") return false;
  const expected = proofOf(secret.tailnetKey, secret.nonce, secret.shown);
  return proof.length === expected.length && timingSafeEqual(Buffer.from(proof), Buffer.from(expected));
}

/** For a machine without hermes: OpenSSH (8.5 and newer) that knows the droplet's key, and no other. Ends with root@HOST. */
export const tunnelCommand = (host: string, publicLine: string): string =>
  [
    "ssh -N -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null",
    `-o KnownHostsCommand='/bin/echo %H ${publicLine}'`,
    `-L ${GATEWAY_PORT}:127.0.0.1:${GATEWAY_PORT} root@${host}`,
  ].join(" ");

/** A host was refused for the key that it shows. Nothing was sent to it. */
export class HostKeyError extends Error {
  /** @param ways what to do, one line each */
  constructor(
    readonly found: string,
    readonly ways: readonly string[],
  ) {
    super([found, ...ways.map((line) => `  ${line}`)].join("\n"));
  }
}

const SOMEBODY_ELSE =
  "Another machine may be answering. Check that this machine is on the tailnet (tailscale status), then run the command again.";

/** @param shown - undefined: none that could be compared */
export function wrongKey(host: string, expected: ExpectedKey, shown: Buffer | undefined): HostKeyError {
  return new HostKeyError(`${host} does not show this stack's SSH host key. Nothing was sent to it.`, [
    `expected  ${fingerprintOf(expected)}`,
    `shown     ${shown === undefined ? "no key of type ssh-ed25519" : fingerprint(shown)}`,
    SOMEBODY_ELSE,
    "If you have just set hermes:secrets.hostKey for the first time (./hermes init): pulumi up",
    "If you know why the droplet shows another key, compare its fingerprint (docs/recover.md), then:",
    "  ./hermes rotate hostKey --fingerprint SHA256:…; pulumi up",
    "If the droplet's key is lost: ./hermes rotate hostKey --lost; pulumi up (a new droplet: state on a volume stays, with hermes:volumeGiB 0 it is LOST)",
  ]);
}

export function unproven(host: string, shown: Buffer): HostKeyError {
  return new HostKeyError(`${host} did not prove that it is this stack's droplet. No secret was sent to it.`, [
    `shown     ${fingerprint(shown)}`,
    SOMEBODY_ELSE,
    "If it is the droplet, it proves itself by the tailnet key of its user data, which the stack's state no longer has.",
    "Compare its fingerprint (docs/recover.md), then: ./hermes rotate hostKey --fingerprint SHA256:…; pulumi up",
    "Or replace the droplet: raise hermes:bootstrapRevision by one, then: pulumi up (a new droplet: state on a volume stays, with hermes:volumeGiB 0 it is LOST)",
  ]);
}
