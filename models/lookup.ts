import { ConfigError } from "../config/problem";
import { Reader } from "../config/reader";
import { readUrl } from "../config/urls";
import { asMap, parseEntry, shippedList, type ListedModel, type ModelList } from "./list";

const OPENROUTER = "https://openrouter.ai/api/v1";

/** Names another base than OpenRouter's, for tests and mirrors. */
export const URL_VARIABLE = "HERMES_OPENROUTER_URL";

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
  const base = baseUrl(stack, env[URL_VARIABLE]);
  try {
    return { models: await lookUp(base, timeoutMs), source: "live" };
  } catch (error) {
    return { ...shippedList(), failure: reasonOf(error, timeoutMs) };
  }
}

function baseUrl(stack: string, said: string | undefined): string {
  if (said === undefined || said === "") return OPENROUTER;
  if (isOnThisMachine(said)) return said.replace(/\/+$/, "");
  const reader = new Reader();
  const url = readUrl(reader, URL_VARIABLE, said, {
    allowed: "An https URL, or http to this machine itself.",
    fix: `Unset the variable: OpenRouter's own list is ${OPENROUTER}/models.`,
  });
  if (url === undefined) throw new ConfigError(stack, reader.problems);
  return url.replace(/\/+$/, "");
}

function isOnThisMachine(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.protocol !== "http:" || url.username !== "" || url.password !== "") return false;
  return url.hostname === "localhost" || url.hostname === "[::1]" || /^127(\.\d+){3}$/.test(url.hostname);
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

async function fetchJson(url: URL, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url.href, { signal, redirect: "error", headers: { accept: "application/json" } });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error("the answer is not JSON");
  }
}

/** @throws Error when the list goes on somewhere else: only the host that was asked is believed. */
function nextPage(next: unknown, current: URL): URL | undefined {
  if (typeof next !== "string" || next === "") return undefined;
  const url = URL.canParse(next, current.href) ? new URL(next, current.href) : undefined;
  if (url?.origin !== current.origin) throw new Error("its next page is on another host");
  return url;
}

/** A few words for people. */
function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = asMap(error);
  if (name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  // What fetch says is "fetch failed"; the system's code is in its cause.
  const { code } = asMap(cause);
  return typeof code === "string" ? code : String(message).slice(0, 200);
}
