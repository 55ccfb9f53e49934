/** What can happen to one call. `kill` is a power cut of the engine's machine after the server acted. */
export const KINDS = [
  "500 once",
  "500 until the end",
  "429 retry-after",
  "429 bare",
  "401",
  "dropped before",
  "dropped after",
  "slow",
  "kill",
] as const;

/** What can happen to one command on the droplet: all of hermes-apply's are safe to repeat, whether they acted or not. */
export const REMOTE_KINDS = ["dropped before", "dropped after", "exits non-zero", "slow", "kill"] as const;

/** What can happen to one SSH connection before a word is said. The others after it are refused, too. */
export const CONNECTION_KINDS = ["refused for a while", "refused until the end"] as const;

/** The command on this machine that makes the call is killed alone, before the server acted. */
const LOCAL_KINDS = ["command killed"] as const;

export const ALL_KINDS = [...KINDS, "exits non-zero", ...CONNECTION_KINDS, ...LOCAL_KINDS] as const;

export type Kind = (typeof ALL_KINDS)[number];

/** A call of a run: the n-th of its name. Parallel calls come in any order, so a place in one long list says nothing. */
export interface CallId {
  name: string;
  /** From 1. */
  nth: number;
}

export interface Strike {
  kind: Kind;
  call: CallId;
}

/** `up` of a stack that is not there yet, `up` that edits one, or `destroy` of one that is. */
export const ACTS = ["up", "edit", "destroy"] as const;
export type Act = (typeof ACTS)[number];

export interface Case extends Strike {
  id: string;
  act: Act;
  /** With the protected volume, as the hermes stack, or without, as a sandbox. */
  stack: "volume" | "bare";
}

/** "digitalocean POST /v2/droplets": ids left out, so that two runs name the same call the same. */
export function callName(service: string, method: string, url: string): string {
  const path = (url.split("?")[0] ?? url)
    .replace(/\/(\d+|[0-9a-f]{8}-[0-9a-f-]{27}|k[A-Z0-9]+CNTRL)(?=\/|$)/g, "/ID")
    .replace(/\/(device)\/[^/]+/g, "/$1/ID");
  return `${service} ${method} ${path}`;
}

/** Every kind that fits, for every call and remote step. */
export function enumerate(act: Act, stack: Case["stack"], calls: readonly CallId[]): Case[] {
  return calls.flatMap((call) =>
    kindsOf(call).map((kind) => ({
      id: `${stack} ${act}: ${call.name} #${call.nth}: ${kind}`,
      act,
      stack,
      kind,
      call,
    })),
  );
}

export const isRemote = ({ name }: CallId): boolean => name.startsWith("ssh ");

function kindsOf(call: CallId): readonly Kind[] {
  if (call.name === CONNECTION) return CONNECTION_KINDS;
  if (isRemote(call)) return REMOTE_KINDS;
  // Devices are the matter of the commands evict and wait, which Pulumi runs on this machine.
  return /^tailscale .*\/devices?\b/.test(call.name) ? [...KINDS, ...LOCAL_KINDS] : KINDS;
}

/** Of the SSH server of a droplet. */
export const CONNECTION = "ssh connection";

/** The kinds that every call gets; of the others a sample is taken. */
export const ALWAYS: readonly Kind[] = ["500 once", "dropped after", "kill", "exits non-zero", "refused for a while"];

/**
 * All cases of the kinds in ALWAYS, first, and of the rest as many as wanted, drawn by the seed.
 *
 * @param sampled how many of the rest; Infinity for all
 */
export function select(cases: readonly Case[], sampled: number, seed: number): Case[] {
  const always = cases.filter((each) => ALWAYS.includes(each.kind));
  const rest = cases.filter((each) => !ALWAYS.includes(each.kind));
  return [...always, ...shuffled(rest, seed).slice(0, sampled)];
}

/** Fisher-Yates over mulberry32: the same order for the same seed, on every machine. */
export function shuffled<T>(list: readonly T[], seed: number): T[] {
  const random = mulberry32(seed);
  const mixed = [...list];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
  }
  return mixed;
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
