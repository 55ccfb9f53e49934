import { pause } from "./wait";

export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
}

export interface HttpAnswer {
  status: number;
  headers: Headers;
  body: unknown;
}

/** An answer that is no success. The message reads like the official client's. */
export class HttpError extends Error {
  constructor(
    readonly answer: HttpAnswer,
    message: string,
  ) {
    super(message);
  }

  get status(): number {
    return this.answer.status;
  }
}

const MAX_WAIT_MS = 30_000;

/**
 * Sends a request; 429, 5xx and broken connections are tried again with growing pauses, `retry-after` obeyed. As in
 * the official providers that includes POST: a reply that is lost makes a second one.
 */
export async function send(request: HttpRequest, retries: number, signal: AbortSignal): Promise<HttpAnswer> {
  for (let attempt = 0; ; attempt++) {
    const last = attempt >= retries;
    try {
      const answer = await sendOnce(request, signal);
      if (last || (answer.status !== 429 && answer.status < 500)) return answer;
      await pause(waitAfter(answer, attempt), signal);
    } catch (error) {
      if (last || signal.aborted) throw new Error(`${request.method} ${request.url}: ${reasonOf(error)}`);
      await pause(backOff(attempt), signal);
    }
  }
}

const backOff = (attempt: number): number => Math.min(1000 * 2 ** attempt, MAX_WAIT_MS);

function waitAfter(answer: HttpAnswer, attempt: number): number {
  const asked = Number(answer.headers.get("retry-after"));
  return asked > 0 ? asked * 1000 : backOff(attempt);
}

async function sendOnce(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  const { method, headers, body } = request;
  const response = await fetch(request.url, { method, headers, signal, ...(body === undefined ? {} : { body }) });
  const raw = await response.text();
  return { status: response.status, headers: response.headers, body: parsed(raw) };
}

function parsed(raw: string): unknown {
  try {
    return raw === "" ? {} : (JSON.parse(raw) as unknown);
  } catch {
    return raw;
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : String(cause);
}
