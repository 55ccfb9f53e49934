import { existsSync, readFileSync } from "node:fs";
import { HttpError, send, type HttpAnswer } from "../framework/http";
import type { Context } from "../framework/resource";
import { isObject, text, type Values } from "../framework/values";

const RETRIES = 2;

let settings: Values = {};
/** Fetched once for as long as the plugin runs. */
let accessToken: Promise<string> | undefined;

export function configureApi(given: Values): void {
  settings = given;
  accessToken = undefined;
}

/** A setting, else its environment variables; `file:PATH` stands for the file's content. */
function setting(key: string, ...names: string[]): string {
  const value = text(settings, key) || names.map((name) => process.env[name]).find((entry) => entry) || "";
  const file = value.startsWith("file:") ? value.slice("file:".length) : undefined;
  return file !== undefined && existsSync(file) ? readFileSync(file, "utf8").trim() : value;
}

const base = (): string => (setting("baseUrl", "TAILSCALE_BASE_URL") || "https://api.tailscale.com").replace(/\/$/, "");
export const tailnet = (): string => encodeURIComponent(setting("tailnet", "TAILSCALE_TAILNET") || "-");

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

/** An API key as the user of Basic authentication, or a token for an OAuth client. */
async function authorization(signal: AbortSignal): Promise<string> {
  const apiKey = setting("apiKey", "TAILSCALE_API_KEY");
  if (apiKey !== "") return basic(apiKey, "");
  const id = setting("oauthClientId", "TAILSCALE_OAUTH_CLIENT_ID", "OAUTH_CLIENT_ID");
  const secret = setting("oauthClientSecret", "TAILSCALE_OAUTH_CLIENT_SECRET", "OAUTH_CLIENT_SECRET");
  if (id === "" || secret === "") {
    throw new Error(
      "tailscale: no credentials. Set TAILSCALE_API_KEY, or TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET.",
    );
  }
  accessToken ??= fetchToken(id, secret, signal);
  return `Bearer ${await accessToken}`;
}

async function fetchToken(id: string, secret: string, signal: AbortSignal): Promise<string> {
  const url = `${base()}/api/v2/oauth/token`;
  const headers = { authorization: basic(id, secret), "content-type": "application/x-www-form-urlencoded" };
  const answer = await send({ method: "POST", url, headers, body: "grant_type=client_credentials" }, RETRIES, signal);
  const token = isObject(answer.body) ? text(answer.body, "access_token") : "";
  if (answer.status >= 400 || token === "") throw new HttpError(answer, messageOf(answer));
  return token;
}

export async function api(method: string, path: string, context: Context, body?: unknown): Promise<Values> {
  const headers = { authorization: await authorization(context.signal), "content-type": "application/json" };
  const request = {
    method,
    url: `${base()}/api/v2${path}`,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const answer = await send(request, RETRIES, context.signal);
  if (answer.status >= 400) throw new HttpError(answer, messageOf(answer));
  return isObject(answer.body) ? answer.body : {};
}

const messageOf = (answer: HttpAnswer): string =>
  `${(isObject(answer.body) && text(answer.body, "message")) || "unexpected answer"} (${answer.status})`;
