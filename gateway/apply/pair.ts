// Who may talk to the agents: OpenClaw's own pairing, by its command line in the gateway's account.
import { Refused } from "./bundle.ts";
import { openclaw } from "./gateway.ts";
import type { Host } from "./host.ts";
import { TIMED_OUT } from "./host.ts";
import { installedVersion } from "./openclaw-tree.ts";
import { scrubber } from "./scrub.ts";
import { readApplied } from "./store.ts";

export interface PairReply {
  ok: boolean;
  /** People who wrote and wait for a yes. */
  requests?: Fields[];
  /** Browsers and apps that wait, and those that were let in. */
  pending?: Fields[];
  paired?: Fields[];
  error?: string;
}

type Fields = Record<string, unknown>;

/** 5 to 7 s each on a droplet with nothing else to do. */
const TIMEOUT_MS = 180_000;
const CHANNEL = /^[a-z][a-z0-9_-]{0,63}$/;
const CODE = /^[A-Za-z0-9]{4,16}$/;
/** Everything else stays on the droplet: a device's record has its tokens. */
const DEVICE_FIELDS = [
  ...["requestId", "deviceId", "operatorLabel", "displayName", "clientId", "platform", "role", "roles"],
  ...["scopes", "remoteIp", "createdAtMs", "approvedAtMs", "lastSeenAtMs", "ts"],
];

/** `list CHANNEL`, `approve CHANNEL CODE` or `devices`. @throws Refused for anything else */
export async function pair(host: Host, [verb, channel = "", code = "", ...rest]: string[]): Promise<PairReply> {
  const usage = new Refused("usage: hermes-apply pair list CHANNEL | approve CHANNEL CODE | devices");
  if (rest.length > 0) throw usage;
  if (verb === "devices" && channel === "") return devices(host);
  if (!CHANNEL.test(channel)) throw usage;
  if (verb === "list" && code === "") return list(host, channel);
  if (verb === "approve" && CODE.test(code)) return approve(host, channel, code.toUpperCase());
  throw usage;
}

async function list(host: Host, channel: string): Promise<PairReply> {
  const { said, error } = await ask(host, ["pairing", "list", channel, "--json"]);
  if (said === undefined) return { ok: false, error: error ?? "" };
  const fields = ["code", "id", "meta", "createdAt", "lastSeenAt"];
  return { ok: true, requests: arrayOf(said["requests"]).map((each) => pick(each, fields)) };
}

/** Where OpenClaw may not write its configuration it ends with 1 after it has stored the approval: the list knows. */
async function approve(host: Host, channel: string, code: string): Promise<PairReply> {
  const before = await list(host, channel);
  if (!before.ok) return before;
  if (!waits(before, code))
    return { ok: false, error: `nobody waits with the code ${code} on ${channel}; it may have expired` };
  const result = await command(host, ["pairing", "approve", channel, code]);
  if (result.code === 0) return { ok: true };
  const after = await list(host, channel);
  return after.ok && !waits(after, code) ? { ok: true } : { ok: false, error: result.words };
}

const waits = ({ requests = [] }: PairReply, code: string): boolean => requests.some((each) => each["code"] === code);

async function devices(host: Host): Promise<PairReply> {
  const { said, error } = await ask(host, ["devices", "list", "--json"]);
  if (said === undefined) return { ok: false, error: error ?? "" };
  const safe = (value: unknown) => arrayOf(value).map((each) => pick(each, DEVICE_FIELDS));
  return { ok: true, pending: safe(said["pending"]), paired: safe(said["paired"]) };
}

async function ask(host: Host, args: string[]): Promise<{ said?: Fields; error?: string }> {
  const { code, stdout, words } = await command(host, args);
  if (code !== 0) return { error: words };
  try {
    return { said: JSON.parse(stdout.slice(stdout.indexOf("{"))) as Fields };
  } catch {
    return { error: `openclaw ${args.slice(0, 2).join(" ")} said no JSON` };
  }
}

async function command(host: Host, args: string[]): Promise<{ code: number; stdout: string; words: string }> {
  const version = installedVersion(host);
  if (version === undefined) throw new Refused("OpenClaw is not installed yet");
  const { code, stdout, stderr } = await openclaw(host, args, { version, timeoutMs: TIMEOUT_MS });
  const scrub = scrubber(readApplied(host).secrets);
  const end = code === TIMED_OUT ? `took longer than ${TIMEOUT_MS / 1000} s` : `ended with ${code}`;
  // Before it is cut: a part of a secret would not be recognised.
  const words = scrub(`${stdout}\n${stderr}`).trim().slice(-500);
  return { code, stdout, words: `openclaw ${args.slice(0, 2).join(" ")} ${end}: ${words}` };
}

const arrayOf = (value: unknown): Fields[] => (Array.isArray(value) ? (value as Fields[]) : []);

const pick = (from: Fields, names: string[]): Fields =>
  Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));
