// Which sandboxes are over, told by what they are called and tagged; pure.
import { leaseOf, sandboxName, SANDBOX_TAG, type Lease } from "../../config/sandbox";
import type { Thing } from "./things";

/** Something of a sandbox. */
export interface SandboxThing extends Thing {
  /** Name of the sandbox. */
  sandbox: string;
  /** A droplet that ended itself. */
  switchedOff?: boolean;
}

/** What the account and the tailnet hold of all sandboxes. */
export interface Inventory {
  things: SandboxThing[];
  leases: Lease[];
  /** What could not be looked at, and why. */
  notLookedAt: string[];
}

/** A sandbox's stack, where the engine here keeps it. */
export interface SandboxStack {
  name: string;
  /** As its file has it. */
  expires?: Date;
  /** Its making or its removal was cut off, and whoever did it is dead. */
  unfinished: boolean;
  /** Something in its state is protected. */
  isProtected: boolean;
}

export interface Verdict {
  name: string;
  act: "remove" | "keep";
  /** For people: a clause that follows the name. */
  why: string;
}

export interface Circumstances {
  now: Date;
  /** Of the engine here. */
  origin: string;
  stacks: readonly SandboxStack[];
}

/** `pr-7` of `hermes-sandbox-pr-7`: of the tag, firewall, key and node that are called so. */
export function sandboxOf(name: string): string | undefined {
  return name.startsWith("hermes-") ? sandboxName(name.slice("hermes-".length)) : undefined;
}

/** Of a droplet, volume or snapshot: by its tags, never by its name alone. */
export function sandboxOfTags(tags: readonly string[]): string | undefined {
  const lower = tags.map((tag) => tag.toLowerCase());
  for (const tag of lower) {
    const name = sandboxOf(tag) ?? leaseOf(tag)?.name;
    if (name !== undefined) return name;
  }
  return undefined;
}

export const isSandboxTag = (tag: string): boolean =>
  tag === SANDBOX_TAG || sandboxOf(tag) !== undefined || leaseOf(tag) !== undefined;

/** Every sandbox of which anything is there, and what is to become of it; in the order of their names. */
export function verdicts({ things, leases }: Inventory, circumstances: Circumstances): Verdict[] {
  const names = [
    ...things.map(({ sandbox }) => sandbox),
    ...[...leases, ...circumstances.stacks].map(({ name }) => name),
  ];
  return [...new Set(names)].sort().map((name) => {
    const known = {
      things: things.filter((one) => one.sandbox === name),
      leases: leases.filter((lease) => lease.name === name),
      stack: circumstances.stacks.find((stack) => stack.name === name),
    };
    return verdictOf(name, known, circumstances);
  });
}

interface Known {
  things: readonly SandboxThing[];
  leases: readonly Lease[];
  stack: SandboxStack | undefined;
}

/**
 * The lease is there before anything is made, and goes after everything went; the same holds for the stack and its lease.
 * So what has neither is nobody's, and a lease of this engine without its stack has lost it.
 */
function verdictOf(name: string, { things, leases, stack }: Known, { now, origin }: Circumstances): Verdict {
  const remove = (why: string): Verdict => ({ name, act: "remove", why });
  const keep = (why: string): Verdict => ({ name, act: "keep", why });
  if (stack?.isProtected === true) return keep("something in its stack is protected");
  const until = lastOf([...leases.map(({ expires }) => expires), ...(stack?.expires ? [stack.expires] : [])]);
  if (until !== undefined && until <= now) return remove(`expired at ${shown(until)}`);
  if (things.some((one) => one.switchedOff === true)) return remove("idle: it has switched itself off");
  if (stack?.unfinished === true) return remove("its making or its removal was cut off");
  if (until === undefined) return stack === undefined ? remove("is nobody's") : keep("its stack says no time");
  const lost = stack === undefined && leases.every((lease) => lease.origin === origin);
  return lost ? remove("has lost its stack") : keep(`until ${shown(until)}`);
}

/** Extended while two leases are there: the later one counts. */
const lastOf = (times: readonly Date[]): Date | undefined =>
  times.reduce<Date | undefined>((last, time) => (last === undefined || time > last ? time : last), undefined);

export const shown = (time: Date): string => time.toISOString().slice(0, 16).replace("T", " ") + " UTC";
