import { baseName } from "../lib/names";
import type { Reader } from "./reader";
import type { HermesConfig, SandboxConfig } from "./types";

/** Every stack whose name begins so is a sandbox, and no other stack may be called so: its names alone tell what it is. */
export const SANDBOX_PREFIX = "sandbox-";

/** Tag of every sandbox's droplet. */
export const SANDBOX_TAG = "hermes-sandbox";

/** Tag of a sandbox that ends itself: switched off, it is over. */
export const IDLE_TAG = "hermes-idle";

/** Longer ones would be cut off in the description of a tailnet key (50 characters), by which it is found. */
export const SANDBOX_NAME_MAX = 28;

const SANDBOX_NAME = new RegExp(`^(?=.{1,${SANDBOX_NAME_MAX}}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$`);

/** Whether a name fits everything that is called after it: stack, droplet, tailnet node, tag. */
export const isSandboxName = (name: string): boolean => SANDBOX_NAME.test(name) && !name.includes("--");

/** `pr-7` of the stack `sandbox-pr-7`; undefined where the stack is none. */
export function sandboxName(stack: string): string | undefined {
  const name = stack.startsWith(SANDBOX_PREFIX) ? stack.slice(SANDBOX_PREFIX.length) : undefined;
  return name !== undefined && isSandboxName(name) ? name : undefined;
}

/** Until when a sandbox may be there, whose it is, and whose engine keeps its state. */
export interface Lease {
  name: string;
  expires: Date;
  /** Eight hexadecimal digits: what {@link Lease} was made by, see operations/sandboxes/origin.ts. */
  origin: string;
}

const LEASE = /^hermes-expires:(\d{4}-\d\d-\d\dt\d\d:\d\d:\d\dz):([0-9a-f]{8}):([a-z0-9-]+)$/i;

/** Small letters: DigitalOcean compares tags without their case. One per sandbox, so that it goes with it. */
export function leaseTag({ name, expires, origin }: Lease): string {
  return `hermes-expires:${expires.toISOString().replace(/\.\d+Z$/, "Z")}:${origin}:${name}`.toLowerCase();
}

export function leaseOf(tag: string): Lease | undefined {
  const [, time = "", origin = "", name = ""] = LEASE.exec(tag.toLowerCase()) ?? [];
  const expires = new Date(time.toUpperCase());
  return isSandboxName(name) && !Number.isNaN(expires.getTime()) ? { name, expires, origin } : undefined;
}

const BOT_TAG = "hermes-telegram-bot:";

/** Says on the droplet which bot polls there: two on one bot take each other's messages. The number is no secret. */
export function botTag(token: string): string | undefined {
  const number = /^(\d{1,20}):/.exec(token.trim())?.[1];
  return number === undefined ? undefined : `${BOT_TAG}${number}`;
}

/** All stacks of an account share these tags: to delete one removes it from the droplets of other stacks as well. */
export const isBotTag = (tag: string): boolean => tag.startsWith(BOT_TAG);

/** What a sandbox's droplet carries beside the tag of its firewall. */
export function sandboxTags({ stack, sandbox }: Pick<HermesConfig, "stack" | "sandbox">): string[] {
  const name = sandboxName(stack);
  if (sandbox === undefined || name === undefined) return [];
  const lease = leaseTag({ name, expires: new Date(sandbox.expires), origin: sandbox.origin });
  return [SANDBOX_TAG, lease, ...(sandbox.idleMinutes === undefined ? [] : [IDLE_TAG])];
}

const UNITS: Readonly<Record<string, number>> = { m: 1, h: 60, d: 1440, w: 10_080 };

/** `90m`, `4h`, `2d` in minutes. */
export function minutesOf(duration: string): number | undefined {
  const [, count, unit = ""] = /^([1-9]\d{0,4})([mhd])$/.exec(duration) ?? [];
  return count === undefined ? undefined : Number(count) * (UNITS[unit] ?? 0);
}

export interface DurationRule {
  /** In minutes, as {@link max}. */
  min: number;
  max: number;
  /** What is allowed, a full sentence. */
  allowed: string;
  /** Suggested where no duration is meant. */
  such: string;
}

/** A duration in minutes, or undefined when it is wrong (which is then on the list). */
export function readDuration(reader: Reader, key: string, value: unknown, rule: DurationRule): number | undefined {
  const fits = (minutes: number | undefined): minutes is number =>
    minutes !== undefined && minutes >= rule.min && minutes <= rule.max;
  if (typeof value !== "string" || value === "") {
    reader.text(key, value, { allowed: rule.allowed, fix: `Write ${rule.such}.` });
    return undefined;
  }
  const minutes = minutesOf(value);
  if (fits(minutes)) return minutes;
  const wrong = minutes === undefined ? "it is not a valid duration" : "it is out of range";
  const meant = meantDuration(value);
  reader.reject(key, value, wrong, rule.allowed, `Write ${fits(minutesOf(meant)) ? meant : rule.such}.`);
  return undefined;
}

/** `4h` for `4 hours`, `"4H"` or `240 min`. */
function meantDuration(text: string): string {
  const pattern = /^["'`\s]*(\d+(?:\.\d+)?)\s*(m|h|d|w)(?:ins?|inutes?|rs?|ours?|ays?|eeks?)?["'`\s]*$/i;
  const [, count = "", unit = ""] = pattern.exec(text) ?? [];
  const minutes = Number(count) * (UNITS[unit.toLowerCase()] ?? 0);
  const [largest, size] = Object.entries(UNITS).findLast(([name, each]) => name !== "w" && minutes % each === 0) ?? [
    "m",
    1,
  ];
  return `${minutes / size}${largest}`;
}

const IDLE_MIN_MINUTES = 5;
const IDLE_MAX_MINUTES = 7 * 1440;

/** After how long without an agent's work a sandbox switches itself off. */
export const IDLE_RULE: DurationRule = {
  min: IDLE_MIN_MINUTES,
  max: IDLE_MAX_MINUTES,
  allowed: "A duration from 5m to 7d: whole minutes, hours or days.",
  such: "1h",
};

const KEY = "hermes:sandbox";

/** Absent on every stack that is no sandbox. */
export function readSandbox(reader: Reader, value: unknown, stack: string): SandboxConfig | undefined {
  const map = reader.map(KEY, value, ["expires", "origin", "idle"]);
  const isSandbox = sandboxName(stack) !== undefined;
  if (Object.keys(map).length === 0) {
    if (isSandbox) reader.add(KEY, "is missing, and the stack is called as a sandbox is", ALLOWED, FIX);
    return undefined;
  }
  if (!isSandbox) reader.add(KEY, "is set, and the stack is not called as a sandbox is", ALLOWED, FIX);
  const expires = reader.text(`${KEY}.expires`, map["expires"], {
    pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    allowed: "A time in UTC, to the second, in quotes.",
    fix: "Leave it to ./hermes sandbox create and extend.",
  });
  const origin = reader.text(`${KEY}.origin`, map["origin"], {
    pattern: /^[0-9a-f]{8}$/,
    allowed: "Eight hexadecimal digits, in quotes.",
    fix: "Leave it to ./hermes sandbox create.",
  });
  const idleMinutes =
    map["idle"] === undefined ? undefined : readDuration(reader, `${KEY}.idle`, map["idle"], IDLE_RULE);
  return {
    expires: expires ?? "",
    origin: origin ?? "",
    ...(idleMinutes === undefined ? {} : { idleMinutes }),
  };
}

const ALLOWED = `Stacks called ${SANDBOX_PREFIX}NAME, and only they, are sandboxes: what they are called is what removes them.`;
const FIX = "Make a sandbox by ./hermes sandbox create; call any other stack otherwise.";

/** What a sandbox must be, so that nothing of it can stay. */
export function checkSandbox(reader: Reader, { stack, sandbox, tailnet, volumeGiB }: HermesConfig): void {
  if (sandbox === undefined) return;
  const fix = "Leave it to ./hermes sandbox create.";
  if (volumeGiB !== 0)
    reader.reject("hermes:volumeGiB", volumeGiB, "a sandbox keeps nothing", "A sandbox has volumeGiB 0.", fix);
  if (tailnet.ephemeral !== true)
    reader.add("hermes:tailnet.ephemeral", "is not true", "The tailnet forgets a sandbox's node by itself.", fix);
  if (tailnet.hostname !== baseName(stack))
    reader.reject(
      "hermes:tailnet.hostname",
      tailnet.hostname,
      "a sandbox's node is found by its name",
      `A sandbox's host name is ${baseName(stack)}.`,
      fix,
    );
}
