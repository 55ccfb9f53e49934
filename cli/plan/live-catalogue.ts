import type { Catalogue, Region, Size } from "../../planner/catalogue";
import { CommandError, EXIT } from "../output";

/** How to ask DigitalOcean. */
export interface LiveOptions {
  token: string;
  /**
   * Base URL of the API.
   * @default "https://api.digitalocean.com"
   */
  apiUrl?: string;
  fetch?: typeof fetch;
  /**
   * For each request with its answer, milliseconds.
   * @default 15000
   */
  timeoutMs?: number;
}

const DEFAULT_API_URL = "https://api.digitalocean.com";
const TIMEOUT_MS = 15_000;
/** The most that the API gives at once. */
const PER_PAGE = 200;
/** Far more than it has; an answer that always names a next page must not keep us. */
const MAX_PAGES = 50;

/** Token and base URL as DigitalOcean's provider takes them from the environment; undefined without a token. */
export function liveOptions(env: NodeJS.ProcessEnv): LiveOptions | undefined {
  const token = (env["DIGITALOCEAN_TOKEN"] || env["DIGITALOCEAN_ACCESS_TOKEN"] || "").trim();
  if (token === "") return undefined;
  const apiUrl = env["DIGITALOCEAN_API_URL"];
  return { token, ...(apiUrl ? { apiUrl } : {}) };
}

/**
 * What DigitalOcean sells now.
 * @throws CommandError when it refuses, does not answer, or answers something else.
 */
export async function liveCatalogue(options: LiveOptions): Promise<Catalogue> {
  // An invalid header is refused with an error that quotes it.
  if (!/^[\x21-\x7e]+$/.test(options.token))
    throw new CommandError(
      "the token of DigitalOcean holds characters that no token has. Set DIGITALOCEAN_TOKEN anew.",
      EXIT.input,
    );
  const [sizes, regions] = await Promise.all([
    everyPage("sizes", readSize, options),
    everyPage("regions", readRegion, options),
  ]);
  return { sizes, regions, source: "live", asOf: "this run" };
}

type Values = Record<string, unknown>;

/** Pages are counted, not followed: the links name a host, and the token goes to the one that was set only. */
async function everyPage<T>(what: string, read: (entry: Values) => T, options: LiveOptions): Promise<T[]> {
  const found: T[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const reply = await get(`/v2/${what}?page=${page}&per_page=${PER_PAGE}`, options);
    const entries = isMap(reply) ? reply[what] : undefined;
    if (!isMap(reply) || !Array.isArray(entries)) throw unreadable(what);
    for (const entry of entries) found.push(isMap(entry) ? read(entry) : refuse(what));
    const pages = isMap(reply["links"]) ? reply["links"]["pages"] : undefined;
    if (!isMap(pages) || pages["next"] === undefined) return found;
  }
  throw unreadable(what);
}

async function get(path: string, options: LiveOptions): Promise<unknown> {
  const { token, timeoutMs = TIMEOUT_MS } = options;
  const url = `${(options.apiUrl ?? DEFAULT_API_URL).replace(/\/$/, "")}${path}`;
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  const signal = AbortSignal.timeout(timeoutMs);
  let status: number, replyHeaders: Headers, text: string;
  try {
    const reply = await (options.fetch ?? fetch)(url, { headers, signal, redirect: "error" });
    [status, replyHeaders, text] = [reply.status, reply.headers, await reply.text()];
  } catch (error) {
    throw failure(`gave no answer: ${signal.aborted ? `none within ${timeoutMs / 1000} s` : reason(error)}`);
  }
  if (status !== 200) throw refusal(status, replyHeaders, text);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw unreadable(path.replace(/^\/v2\/|\?.*$/g, ""));
  }
}

/** fetch says "fetch failed" and keeps the reason in its cause; of several addresses the code is all that is left. */
function reason(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string; code?: string } };
  return cause?.message || cause?.code || message || String(error);
}

function refusal(status: number, headers: Headers, text: string): CommandError {
  if (status === 401 || status === 403)
    return new CommandError(
      [
        `DigitalOcean refused the token (${status}).`,
        "  It must be valid and may read sizes and regions (scopes sizes:read, regions:read).",
        `  Set DIGITALOCEAN_TOKEN anew, or ${OFFLINE}.`,
      ].join("\n"),
      EXIT.cloud,
    );
  if (status === 429) return failure(`takes no more requests for now (429); again ${retryTime(headers)}`);
  const said = messageOf(text);
  return failure(`answered ${status}${said === "" ? "" : `: ${said}`}`);
}

/** `retry-after` is seconds; `ratelimit-reset` is Unix time, when the oldest request of the hour expires. */
function retryTime(headers: Headers): string {
  const after = headers.get("retry-after") ?? "";
  if (/^\d+$/.test(after)) return `in ${after} s`;
  const reset = headers.get("ratelimit-reset") ?? "";
  if (/^\d{1,12}$/.test(reset)) return `at ${new Date(Number(reset) * 1000).toISOString()}`;
  return "in some minutes";
}

function messageOf(text: string): string {
  try {
    const reply = JSON.parse(text) as unknown;
    const said = isMap(reply) ? reply["message"] : undefined;
    return typeof said === "string" ? said.replace(/\p{Cc}+/gu, " ").slice(0, 200) : "";
  } catch {
    return "";
  }
}

function readSize(entry: Values): Size {
  const regions = entry["regions"];
  return {
    slug: textOf(entry, "sizes", "slug"),
    memoryMiB: numberOf(entry, "memory"),
    vcpus: numberOf(entry, "vcpus"),
    diskGiB: numberOf(entry, "disk"),
    monthlyUsd: numberOf(entry, "price_monthly"),
    hourlyUsd: numberOf(entry, "price_hourly"),
    ...(isTexts(regions) ? { regions } : {}),
    available: entry["available"] === true,
  };
}

function readRegion(entry: Values): Region {
  const features = entry["features"];
  return {
    slug: textOf(entry, "regions", "slug"),
    available: entry["available"] === true,
    ...(isTexts(features) ? { features } : {}),
  };
}

/** Slugs are printed: nothing in them may move a terminal's cursor. */
function textOf(entry: Values, what: string, key: string): string {
  const value = entry[key];
  return typeof value === "string" && /^[\w.-]+$/.test(value) ? value : refuse(what);
}

function numberOf(entry: Values, key: string): number {
  const value = entry[key];
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : refuse("sizes");
}

const isMap = (value: unknown): value is Values => typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

const OFFLINE = "add --offline for the list that came with hermes";

function refuse(what: string): never {
  throw unreadable(what);
}

const unreadable = (what: string): CommandError => failure(`answered something that is no list of ${what}`);

const failure = (what: string): CommandError =>
  new CommandError(`DigitalOcean ${what}.\n  Try again, or ${OFFLINE}.`, EXIT.cloud);
