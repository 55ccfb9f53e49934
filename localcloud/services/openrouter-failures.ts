import type { ServerResponse } from "node:http";
import { sendJson } from "./web";

/** What can go wrong beside a plain status. */
type FailureKind =
  /** 429: the account's requests of this day are used up, for all free models. */
  | "free-models-per-day"
  /** 429: too many requests in this minute. */
  | "free-models-per-min"
  /** 404: no endpoint of this model takes tools. */
  | "no-tools"
  /** The request is taken and never answered. */
  | "silent"
  /** The answer begins and breaks off: a stream after its first words, a body in its middle. */
  | "cut";

/** How a model fails. `null` for `setModel` makes it well again. */
export interface ModelFailure {
  /** HTTP status. @default the kind's own; 500 without a kind */
  status?: number;
  kind?: FailureKind;
  /** A body of one's own, sent as JSON. */
  body?: unknown;
  /** Seconds. */
  retryAfter?: number;
}

const STATUS: Record<FailureKind, number> = {
  "free-models-per-day": 429,
  "free-models-per-min": 429,
  "no-tools": 404,
  silent: 0,
  cut: 200,
};

/** For the record; 0: no status was ever sent. */
export function failureStatus({ status, kind }: ModelFailure): number {
  return status ?? (kind === undefined ? 500 : STATUS[kind]);
}

/** What OpenRouter says with each status, in short. */
const MESSAGES: Record<number, string> = {
  401: "User not found.",
  402: "Insufficient credits. Add more at https://openrouter.ai/credits",
  429: "Rate limit exceeded",
  503: "No instances available",
};

function messageOf(failure: ModelFailure): string {
  if (failure.kind === "no-tools") return "No endpoints found that support tool use.";
  if (failure.kind !== undefined) return `Rate limit exceeded: ${failure.kind}`;
  const status = failureStatus(failure);
  return MESSAGES[status] ?? `Lab failure ${status}`;
}

/** Fails with a status and OpenRouter's form of an error. */
export function sendFailure(response: ServerResponse, failure: ModelFailure): void {
  if (failure.kind === "silent") return;
  const code = failureStatus(failure);
  const headers: Record<string, string> = {};
  if (failure.retryAfter !== undefined) headers["retry-after"] = String(failure.retryAfter);
  sendJson(response, code, failure.body ?? { error: { message: messageOf(failure), code } }, headers);
}
