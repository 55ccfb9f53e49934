import { editDistance } from "../config/nearest";
import { CONTEXT_COMFORTABLE, daysLeft, isFree, NOTICE_DAYS, type ListedModel, type ModelList } from "./list";

const PROPOSALS = 3;

/** Says what to write instead of an id: the nearest names among the models that pass every check and stay. */
export type Propose = (id: string) => string;

/** @param taken - ids that the configuration has already */
export function proposer(list: ModelList, taken: readonly string[], allowPaid: boolean, now: Date): Propose {
  const good = list.models
    .filter((model) => serves(model, now) && (isFree(model) || (allowPaid && model.price !== undefined)))
    .map(({ id }) => id)
    .filter((id) => !taken.includes(id));
  return (id) => {
    const near = nearestFirst(id, good);
    if (near.length === 0) return "The list is on https://openrouter.ai/models.";
    const what = allowPaid ? "models" : "free models";
    return `Nearest ${what} with tools: ${near.map((each) => `openrouter/${each}`).join(", ")}.`;
  };
}

/** The routers are no replacement for a certain model: where they send a request is theirs to choose. */
function serves(model: ListedModel, now: Date): boolean {
  if (model.id.startsWith("openrouter/") || model.tools !== true) return false;
  return (model.contextLength ?? 0) >= CONTEXT_COMFORTABLE && (daysLeft(model, now) ?? Infinity) > NOTICE_DAYS;
}

/** Those that look like slips or kin; where none does, the first few all the same. */
function nearestFirst(id: string, candidates: readonly string[]): string[] {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(id.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, PROPOSALS);
  const kin = ranked.filter(({ distance }) => distance <= id.length / 3);
  return (kin.length > 0 ? kin : ranked).map(({ candidate }) => candidate);
}
