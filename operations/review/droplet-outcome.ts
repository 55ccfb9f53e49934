import type { Birth } from "../../components/bootstrap-id";
import { isMap } from "../../lib/maps";
import type { OnDroplet } from "../preflight/effects";
import { changedAtBirth, isAnotherNode, replacementWords } from "../preflight/planned-changes";
import type { Bundles } from "./bundle";
import { inPlace } from "./in-place";
import { find, TYPE, type Change, type Stack } from "./stack";
import { prose } from "./text";
import type { ResourceState } from "./types";

/** What becomes of the machine and of the gateway on it. */
export interface DropletOutcome {
  /** The gravest. */
  effect: OnDroplet | "created" | "destroyed";
  /** The preview hides what would tell: this is the worst that it can be. */
  unsure?: boolean;
  /** State is on no volume, or the volume goes. */
  losesState: boolean;
  /** The tailnet will know another node. */
  anotherNode: boolean;
  /** Sentences in Markdown. */
  words: string[];
}

export function dropletOutcome(stack: Stack, bundles: Bundles): DropletOutcome {
  const droplet = stack.changes.find(({ type }) => type === TYPE.droplet);
  const volume = stack.changes.find(({ type }) => type === TYPE.volume);
  switch (droplet?.action) {
    case "create":
      return created(stack, droplet);
    case "delete":
      return destroyed(stack, volume);
    case "replace":
      return replaced(stack, droplet);
    default:
      return stays(inPlace(stack, bundles), volume);
  }
}

const ALL_STATE =
  "All state (sessions, memory, pairing, workspaces, the tailnet node) is LOST. Save it before: `./hermes backup`.";
const KEPT_STATE = "The volume stays, and with it sessions, memory, pairing and workspaces";

function created(stack: Stack, { after }: Change): DropletOutcome {
  const kept = hasVolume(stack.after) || hasAttached(after);
  return {
    ...{ effect: "created", losesState: false, anotherNode: false },
    words: [
      "A new droplet; it takes some 5 minutes until the gateway is ready and an agent has answered.",
      kept
        ? "State (sessions, memory, pairing, workspaces) will be on the volume."
        : "There is no volume: state will be on the droplet's own disk, and die with it.",
    ],
  };
}

function destroyed(stack: Stack, volume: Change | undefined): DropletOutcome {
  const kept = volume === undefined && hasVolume(stack.after);
  return {
    ...{ effect: "destroyed", losesState: !kept, anotherNode: true },
    words: [
      "The gateway goes, and its agents answer no more.",
      kept ? `${KEPT_STATE}: the next \`pulumi up\` finds them.` : ALL_STATE,
    ],
  };
}

function replaced(stack: Stack, { before, after }: Change): DropletOutcome {
  // Where not all is known, the droplet says what is attached to it.
  const kept = stack.whole
    ? hasVolume(stack.before) && hasVolume(stack.after)
    : hasAttached(before) && hasAttached(after);
  const born = bornOf(stack);
  const droplet = before?.id ?? "?";
  const words =
    born.length > 0
      ? [prose(replacementWords({ droplet, born, kept }))]
      : [
          `${prose(`Droplet ${droplet}`)} is replaced by a new one, about 5 minutes down.`,
          kept ? `${KEPT_STATE}.` : ALL_STATE,
        ];
  return { effect: "new droplet", losesState: !kept, anotherNode: !kept || isAnotherNode(born), words };
}

/** The droplet stays; its volume may not. */
function stays(
  outcome: Pick<DropletOutcome, "effect" | "unsure" | "words">,
  volume: Change | undefined,
): DropletOutcome {
  const goes = volume?.action === "delete" || volume?.action === "replace";
  return { ...outcome, losesState: goes, anotherNode: false, words: [...(goes ? [ALL_STATE] : []), ...outcome.words] };
}

const hasVolume = (resources: Stack["before"]): boolean => find(resources.values(), TYPE.volume) !== undefined;

function hasAttached(droplet: ResourceState | undefined): boolean {
  const ids = droplet?.inputs?.["volumeIds"];
  return Array.isArray(ids) && ids.length > 0;
}

/** What a droplet was given at birth, and what it would be given. */
export function bornOf(stack: Stack): (keyof Birth)[] {
  const given = (resources: Stack["before"], side: "inputs" | "outputs"): Birth | undefined => {
    const stash = find(resources.values(), TYPE.stash, "-birth");
    const value =
      side === "inputs" ? stash?.inputs?.["input"] : (stash?.outputs?.["output"] ?? stash?.inputs?.["input"]);
    return isMap(value) && isMap(value["given"]) ? (value["given"] as unknown as Birth) : undefined;
  };
  const [before, after] = [given(stack.before, "outputs"), given(stack.after, "inputs")];
  return before === undefined || after === undefined ? [] : changedAtBirth(before, after);
}
