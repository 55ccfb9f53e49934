import { gunzipSync } from "node:zlib";
import { load } from "js-yaml";
import { SECRET_SHAPES } from "../gateway/apply/secret-shapes";
import { asMap } from "../lib/maps";
import { secretForms } from "../lib/secret-forms";
import { DROPLET } from "./droplet";
import { UNKNOWN, type Finding, type PolicyResource, type PolicySettings, type Rule } from "./types";

/** DigitalOcean takes no more. */
const MAX_BYTES = 64 * 1024;

/** Shorter than that, a text is in too many words. */
const SHORTEST_SECRET = 8;

export const smallUserData: Rule = {
  name: "small-user-data",
  says: "User data has at most the 64 KiB that DigitalOcean takes.",
  one: (resource) => {
    const size = Buffer.byteLength(userDataOf(resource) ?? "");
    if (size <= MAX_BYTES) return [];
    const fix = "What may come after the first boot belongs into the config bundle (gateway/bundle.ts).";
    return [{ found: `its user data has ${size} bytes, DigitalOcean takes ${MAX_BYTES}`, fix }];
  },
};

/** It stays readable at the metadata address for whoever runs on the droplet, for as long as the droplet lives. */
export const oneSecretInUserData: Rule = {
  name: "one-secret-in-user-data",
  says: "User data holds no secret but one tailnet key.",
  one: (resource, settings) => {
    const userData = userDataOf(resource);
    return userData === undefined ? [] : secretsIn(userData, settings);
  },
};

function userDataOf({ type, props }: PolicyResource): string | undefined {
  const userData = props["userData"];
  return type === DROPLET && typeof userData === "string" && userData !== UNKNOWN ? userData : undefined;
}

const FIX = "Bring it by the secrets bundle instead (gateway/bundle.ts), and make a new one if the droplet was made.";

function secretsIn(userData: string, { secrets }: PolicySettings): Finding[] {
  const texts = readings(userData);
  const holds = (form: string) => form.length >= SHORTEST_SECRET && texts.some((text) => text.includes(form));
  const named = Object.entries(secrets)
    .filter(([, value]) => secretForms(value).some(holds))
    .map(([name]) => `its user data holds hermes:secrets.${name}`);
  const keys = new Set(
    readings(userData.replace(HOST_KEY, ""))
      .flatMap(looksLikeKeys)
      .filter((key) => !isKnown(key, secrets)),
  );
  const tailnetKeys = [...keys].filter((key) => TAILNET_KEY.test(key));
  const found = [
    ...named,
    ...(keys.size > tailnetKeys.length ? ["its user data holds what looks like a key"] : []),
    ...(tailnetKeys.length > 1 ? [`its user data holds ${tailnetKeys.length} tailnet keys`] : []),
  ];
  return found.map((each) => ({ found: each, fix: FIX }));
}

const TAILNET_KEY = /^(ts|hs)key-auth-/;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/g;

const looksLikeKeys = (text: string): string[] =>
  [...SECRET_SHAPES, PRIVATE_KEY].flatMap((shape) => text.match(shape) ?? []);

const isKnown = (key: string, secrets: Record<string, string>): boolean =>
  Object.values(secrets).some((value) => value.includes(key) && !key.startsWith("-----"));

/**
 * A droplet with `access: ssh` that was made before October 2026 was given its host key here, and keeps its user data: the
 * pack, which knows no secret by value, lets it stay. The program would refuse the stack's key here too.
 */
const HOST_KEY = /^ssh_keys:\n( +)ed25519_private: \|[-+]?\n(?:\1 +[^\n]*\n)+/m;

/** No YAML has them: https://yaml.org/spec/1.2.2/#51-character-set. What was packed is mostly no text, and costs most to try. */
const NO_YAML = /[^\t\n\r\x20-\x7e\x85\xa0-\ufffd]/;

function cloudConfig(userData: string): Record<string, unknown> {
  if (NO_YAML.test(userData)) return {};
  try {
    return asMap(load(userData));
  } catch {
    return {};
  }
}

/** How deep something may be packed: an archive in base64 in a file of the cloud-config. */
const DEPTH = 3;
const MAX_UNPACKED = 16 * 1024 * 1024;

/** The text, the strings of its YAML, and what is packed in any of them. */
function readings(text: string, depth = DEPTH): string[] {
  const texts = [text, ...strings(cloudConfig(text))];
  if (depth === 0) return texts;
  return [...texts, ...texts.flatMap(unpacked).flatMap((each) => readings(each, depth - 1))];
}

function strings(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(strings) : [];
}

function unpacked(text: string): string[] {
  const encoded = text.match(/[A-Za-z0-9+/=\s]{24,}/g) ?? [];
  return encoded.map((each) => gunzipped(Buffer.from(each.replace(/\s/g, ""), "base64")));
}

/** One character a byte: secrets are ASCII, and what is no text holds none. */
function gunzipped(content: Buffer): string {
  try {
    if (content[0] === 0x1f && content[1] === 0x8b)
      return gunzipSync(content, { maxOutputLength: MAX_UNPACKED }).toString("latin1");
  } catch {
    // Cut off, or none at all.
  }
  return content.toString("latin1");
}
