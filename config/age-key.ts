// age's keys (age-encryption.org/v1): bech32 (BIP 173) around 32 bytes of X25519.
import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";

const LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const CHECKSUM_LENGTH = 6;

/** Whether a text is an age recipient whose checksum is right. */
export const isAgeRecipient = (text: string): boolean => text.startsWith("age1") && decode("age", text) !== undefined;

/** Both halves of a key. */
export interface AgeKeyPair {
  /** The secret half, AGE-SECRET-KEY-1…. */
  identity: string;
  /** The public half, age1…. */
  recipient: string;
}

/** As age-keygen makes one. */
export function newAgeKeyPair(): AgeKeyPair {
  const secret = randomBytes(32);
  return {
    identity: encode("age-secret-key-", secret).toUpperCase(),
    recipient: encode("age", publicKey(secret)),
  };
}

/** The recipient (age1…) of an identity (AGE-SECRET-KEY-1…); undefined if the text is not a valid identity. */
export function recipientOf(identity: string): string | undefined {
  const secret = identity === identity.toUpperCase() ? decode("age-secret-key-", identity.toLowerCase()) : undefined;
  return secret === undefined ? undefined : encode("age", publicKey(secret));
}

function publicKey(secret: Uint8Array): Uint8Array {
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), secret]);
  const key = createPublicKey(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }));
  return key.export({ format: "der", type: "spki" }).subarray(-32);
}

function decode(prefix: string, text: string): Uint8Array | undefined {
  if (!text.startsWith(`${prefix}1`)) return undefined;
  const values = [...text.slice(prefix.length + 1)].map((letter) => LETTERS.indexOf(letter));
  if (values.includes(-1) || polymod([...expanded(prefix), ...values]) !== 1) return undefined;
  const bytes = regrouped(values.slice(0, -CHECKSUM_LENGTH), { from: 5, to: 8 });
  return bytes.length === 32 ? Uint8Array.from(bytes) : undefined;
}

function encode(prefix: string, bytes: Uint8Array): string {
  const values = regrouped([...bytes], { from: 8, to: 5, pad: true });
  const rest = polymod([...expanded(prefix), ...values, ...Array<number>(CHECKSUM_LENGTH).fill(0)]) ^ 1;
  const checksum = Array.from({ length: CHECKSUM_LENGTH }, (_, i) => (rest >>> (5 * (5 - i))) & 31);
  return `${prefix}1${[...values, ...checksum].map((value) => LETTERS[value]).join("")}`;
}

const expanded = (prefix: string): number[] => {
  const codes = [...prefix].map((letter) => letter.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
};

function polymod(values: readonly number[]): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((word, bit) => {
      if ((top >> bit) & 1) sum ^= word;
    });
  }
  return sum >>> 0;
}

function regrouped(values: readonly number[], { from, to, pad = false }: { from: number; to: number; pad?: boolean }) {
  const groups: number[] = [];
  let bits = 0;
  let held = 0;
  for (const value of values) {
    held = (held << from) | value;
    bits += from;
    for (; bits >= to; bits -= to) groups.push((held >> (bits - to)) & ((1 << to) - 1));
    held &= (1 << bits) - 1;
  }
  if (pad && bits > 0) groups.push((held << (to - bits)) & ((1 << to) - 1));
  return groups;
}
