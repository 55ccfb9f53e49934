import type { Context } from "../framework/resource";
import { HttpError, send, type HttpAnswer } from "../framework/http";
import { isObject, text, type Values } from "../framework/values";
import { poll } from "../framework/wait";

const DEFAULT_RETRIES = 4;
/** As the official provider: deletes wait a minute, creates and updates an hour, unless customTimeouts say otherwise. */
export const DELETE_TIMEOUT_MS = 60_000;
export const CHANGE_TIMEOUT_MS = 3_600_000;

let settings: Values = {};

/** The provider's own settings, each with its environment variable behind it. */
export function configureApi(given: Values): void {
  settings = given;
}

const endpoint = (): string =>
  (text(settings, "apiEndpoint") || process.env["DIGITALOCEAN_API_URL"] || "https://api.digitalocean.com").replace(
    /\/$/,
    "",
  );
const token = (): string =>
  text(settings, "token") || process.env["DIGITALOCEAN_TOKEN"] || process.env["DIGITALOCEAN_ACCESS_TOKEN"] || "";

function retries(): number {
  const asked = settings["httpRetryMax"] ?? process.env["DIGITALOCEAN_HTTP_RETRY_MAX"];
  return asked === undefined || asked === "" ? DEFAULT_RETRIES : Number(asked);
}

/** Calls the API; the body of the reply, or an HttpError that says what the API said. */
export async function api(
  method: string,
  path: string,
  context: Pick<Context, "signal">,
  body?: unknown,
): Promise<Values> {
  const url = `${endpoint()}${path}`;
  const headers = { authorization: `Bearer ${token()}`, "content-type": "application/json" };
  const request = { method, url, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await send(request, retries(), context.signal);
  if (answer.status >= 400) throw new HttpError(answer, apiMessage(method, url, answer));
  return isObject(answer.body) ? answer.body : {};
}

function apiMessage(method: string, url: string, answer: HttpAnswer): string {
  const body = isObject(answer.body) ? answer.body : {};
  const request = text(body, "request_id") === "" ? "" : ` (request "${text(body, "request_id")}")`;
  return `${method} ${url}: ${answer.status}${request} ${text(body, "message") || String(answer.body)}`;
}

/** The object under `key`; undefined when it is not there any more. */
export async function find(path: string, key: string, context: Context): Promise<Values | undefined> {
  try {
    const reply = await api("GET", path, context);
    return object(reply, key);
  } catch (error) {
    if (error instanceof HttpError && error.status === 404) return undefined;
    throw error;
  }
}

export function object(reply: Values, key: string): Values {
  const value = reply[key];
  if (!isObject(value)) throw new Error(`the API's reply has no object "${key}"`);
  return value;
}

/** Puts what was being done in front of an error, as the official provider does. */
export async function doing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error) error.message = `${what}: ${error.message}`;
    throw error;
  }
}

/** Starts an action and waits for its end. */
export async function act(path: string, body: Values, context: Context, timeoutMs: number): Promise<void> {
  const action = object(await api("POST", `${path}/actions`, context, body), "action");
  const id = String(action["id"]);
  await poll(
    `action ${id} (${text(body, "type")})`,
    async () => {
      const current = object(await api("GET", `/v2/actions/${id}`, context), "action");
      if (current["status"] === "errored") throw new Error("unexpected state 'errored', wanted target 'completed'");
      return typeof current["completed_at"] === "string" ? true : undefined;
    },
    { timeoutMs, signal: context.signal },
  );
}
