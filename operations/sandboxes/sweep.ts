import type { SandboxThing } from "../sweep/sandboxes";
import { takeInventory } from "./list";
import { lineOf, removeThings, type Outside } from "./outside";
import { removeSandbox } from "./stack";

/** What became of one sandbox. */
interface Swept {
  name: string;
  /** Why it goes, or stays. */
  why: string;
  act: "remove" | "keep";
  things: Pick<SandboxThing, "kind" | "id" | "name">[];
  removed: boolean;
  /** Why it could not be removed. */
  error?: string;
}

export interface SandboxSweep {
  swept: Swept[];
  notLookedAt: string[];
}

/** Only looks, unless `act`: what expired, what ended itself, what lost its stack, what was cut off. */
export async function sweepSandboxes(
  outside: Outside,
  { act, say, now }: { act: boolean; say: (text: string) => void; now?: Date },
): Promise<SandboxSweep> {
  const { seen, verdicts, stacks } = await takeInventory(outside, now);
  const swept: Swept[] = [];
  for (const { name, act: wanted, why } of verdicts) {
    const things = seen.things.filter(({ sandbox }) => sandbox === name);
    const one = {
      name,
      why,
      act: wanted,
      things: things.map(({ kind, id, name: called }) => ({ kind, id, name: called })),
    };
    if (wanted === "keep" || !act) {
      swept.push({ ...one, removed: false });
      continue;
    }
    say(`${name} ${why}:`);
    for (const thing of things) say(`  ${lineOf(thing)}`);
    const isHere = stacks.some((stack) => stack.name === name);
    const tell = (text: string): void => say(`  ${text}`);
    // One that cannot be removed keeps no other.
    const failed = await (
      isHere ? removeSandbox(name, outside, { say: tell }) : removeThings(name, outside, tell)
    ).then(
      () => undefined,
      (error: Error) => error.message,
    );
    swept.push({ ...one, removed: failed === undefined, ...(failed === undefined ? {} : { error: failed }) });
  }
  return { swept, notLookedAt: outside.notLookedAt };
}

export function sweptText({ swept, notLookedAt }: SandboxSweep): string {
  const lines = swept.map(({ name, why, act, removed, error, things }) => {
    const outcome = removed
      ? "removed"
      : error !== undefined
        ? `NOT removed: ${error}`
        : act === "keep"
          ? "stays"
          : "to be removed";
    return `${name}: ${why}: ${outcome}${act === "remove" && !removed && error === undefined ? thingsText(things) : ""}`;
  });
  const waiting = swept.some(({ act, removed }) => act === "remove" && !removed);
  return [
    ...(swept.length === 0 ? ["no sandbox is there"] : lines),
    ...notLookedAt.map((what) => `not looked at: ${what}`),
    ...(waiting ? ["remove them: ./hermes sandbox sweep --yes"] : []),
    "",
  ].join("\n");
}

const thingsText = (things: Swept["things"]): string =>
  things.map(({ kind, name, id }) => `\n  ${kind.padEnd(14)}${name} (${id})`).join("");
