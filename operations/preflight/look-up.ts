import { ConfigError } from "../../config/problem";
import { Reader } from "../../config/reader";
import { readUrl, urlIn } from "../../config/urls";
import { asMap } from "../../lib/maps";

/** A service that the program asks, and the environment variable that names another base for mirrors and tests. */
export interface Service {
  variable: string;
  /** What to do with a value that does not do. */
  fix: string;
}

/**
 * The base URL that the variable names, without a slash at its end; undefined where it is not set.
 * @throws ConfigError when it is neither https nor on this machine
 */
export function namedBase(stack: string, { variable, fix }: Service, env: NodeJS.ProcessEnv): string | undefined {
  const said = env[variable];
  if (said === undefined || said === "") return undefined;
  if (isOnThisMachine(said)) return said.replace(/\/+$/, "");
  const reader = new Reader();
  const url = readUrl(reader, variable, said, { allowed: "An https URL, or http to this machine itself.", fix });
  if (url === undefined) throw new ConfigError(stack, reader.problems);
  return url.replace(/\/+$/, "");
}

function isOnThisMachine(text: string): boolean {
  const url = urlIn(text);
  if (url === undefined || url.protocol !== "http:" || url.username !== "" || url.password !== "") return false;
  return url.hostname === "localhost" || url.hostname === "[::1]" || /^127(\.\d+){3}$/.test(url.hostname);
}

/** An answer that is none of success. */
export class HttpFailure extends Error {
  constructor(readonly status: number) {
    super(`HTTP ${status}`);
  }
}

/** @throws HttpFailure, or what fetch throws */
export async function fetchJson(url: URL, signal: AbortSignal, accept = "application/json"): Promise<unknown> {
  const response = await fetch(url.href, { signal, redirect: "error", headers: { accept } });
  if (!response.ok) throw new HttpFailure(response.status);
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error("the answer is not JSON");
  }
}

/** Why there was no answer, in a few words for people. */
export function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = asMap(error);
  if (name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  // What fetch says is "fetch failed"; the system's code is in its cause.
  const { code } = asMap(cause);
  return typeof code === "string" ? code : String(message).slice(0, 200);
}
