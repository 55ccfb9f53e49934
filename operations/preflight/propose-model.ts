import { editDistance } from "../../lib/nearest";
import {
  CONTEXT_COMFORTABLE,
  daysLeft,
  isFree,
  NOTICE_DAYS,
  type ListedModel,
  type ModelList,
} from "../../planner/openrouter/list";

const PROPOSALS = 3;

/** Says what to write instead of an id: the nearest names among the models that pass every check and stay. */
export type Propose = (id: string) => string;

/** @param taken - ids that the configuration has already */
export function proposer(list: ModelList, taken: readonly string[], allowPaid: boolean, now: Date): Propose {
  const good = list.models
    .filter((model) => serves(model, now) && (isFree(model) || (allowPaid && model.price !== undefined)))
    .map(({ id }) => id)
    .filter((id) => !taken.includes(id));
  const what = allowPaid ? "models" : "free models";
  return (id) => {
    const ranked = nearestFirst(id, good);
    const near = ranked.filter(({ distance }) => distance <= id.length / 3).map(named);
    if (near.length > 0) return `Write ${near.join(" or ")}, the nearest ${what} with tools.`;
    if (ranked.length === 0) return "The list is on https://openrouter.ai/models.";
    return `None of the ${what} with tools is near it. Write one of them, such as ${ranked.map(named).join(", ")}.`;
  };
}

interface Ranked {
  id: string;
  distance: number;
}

const named = ({ id }: Ranked): string => `openrouter/${id}`;

/** The routers are no replacement for a certain model: where they send a request is theirs to choose. */
function serves(model: ListedModel, now: Date): boolean {
  if (model.id.startsWith("openrouter/") || model.tools !== true) return false;
  return (model.contextLength ?? 0) >= CONTEXT_COMFORTABLE && (daysLeft(model, now) ?? Infinity) > NOTICE_DAYS;
}

/** The first few, whether or not they look like slips or kin. */
function nearestFirst(id: string, candidates: readonly string[]): Ranked[] {
  return candidates
    .map((candidate) => ({ id: candidate, distance: editDistance(id.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance || (a.id < b.id ? -1 : 1))
    .slice(0, PROPOSALS);
}
