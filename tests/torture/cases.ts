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

export type Kind = (typeof KINDS)[number];

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

/** `up` of a stack that is not there yet, or `destroy` of one that is. */
export type Act = "up" | "destroy";

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

/** Every kind for every call. */
export function enumerate(
  act: Act,
  stack: Case["stack"],
  calls: readonly CallId[],
  kinds: readonly Kind[] = KINDS,
): Case[] {
  return calls.flatMap((call) =>
    kinds.map((kind) => ({ id: `${stack} ${act}: ${call.name} #${call.nth}: ${kind}`, act, stack, kind, call })),
  );
}

/** The kinds that every call gets; of the others a sample is taken. */
export const ALWAYS: readonly Kind[] = ["500 once", "dropped after", "kill"];

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
