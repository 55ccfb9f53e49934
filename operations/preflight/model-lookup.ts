import { urlIn } from "../../config/urls";
import { asMap } from "../../lib/maps";
import { parseEntry, shippedList, type ListedModel, type ModelList } from "../../planner/openrouter/list";
import { fetchJson, namedBase, reasonOf } from "./look-up";

const OPENROUTER = "https://openrouter.ai/api/v1";

/** Names another base than OpenRouter's, for tests and mirrors. */
const URL_VARIABLE = "HERMES_OPENROUTER_URL";

/** For the whole list, whatever the number of its pages. */
const TIMEOUT_MS = 10_000;

/** OpenRouter gives all models at once today; a list that never ends is none. */
const PAGES_MAX = 50;

/**
 * OpenRouter's list of models: asked from it, without a key, else the one that came with hermes and why.
 * @throws ConfigError when {@link URL_VARIABLE} is neither https nor on this machine
 */
export async function loadModels(
  stack: string,
  env: NodeJS.ProcessEnv = process.env,
  timeoutMs: number = TIMEOUT_MS,
): Promise<ModelList> {
  const fix = `Unset the variable: OpenRouter's own list is ${OPENROUTER}/models.`;
  const base = namedBase(stack, { variable: URL_VARIABLE, fix }, env) ?? OPENROUTER;
  try {
    return { models: await lookUp(base, timeoutMs), source: "live" };
  } catch (error) {
    return { ...shippedList(), failure: reasonOf(error, timeoutMs) };
  }
}

async function lookUp(base: string, timeoutMs: number): Promise<ListedModel[]> {
  const signal = AbortSignal.timeout(timeoutMs);
  const models: ListedModel[] = [];
  let url: URL | undefined = new URL(`${base}/models`);
  for (let page = 1; url !== undefined; page++) {
    if (page > PAGES_MAX) throw new Error(`the list has more than ${PAGES_MAX} pages`);
    const body = asMap(await fetchJson(url, signal));
    if (!Array.isArray(body["data"])) throw new Error("the answer is no list of models");
    models.push(...body["data"].flatMap((entry) => parseEntry(entry) ?? []));
    url = nextPage(asMap(body["links"])["next"], url);
  }
  if (models.length === 0) throw new Error("the list is empty");
  return models;
}

/** @throws Error when the list goes on somewhere else: only the host that was asked is believed. */
function nextPage(next: unknown, current: URL): URL | undefined {
  if (typeof next !== "string" || next === "") return undefined;
  const url = urlIn(next, current.href);
  if (url?.origin !== current.origin) throw new Error("its next page is on another host");
  return url;
}
