import { CommandError, EXIT } from "../../../lib/output";
import type { Forge } from "./environment";
import { isRateLimit, resumeIn } from "./limits";
import { advice, type Doing } from "./refusals";

export type Entry = Record<string, unknown>;

export interface ApiOptions {
  fetch?: typeof fetch;
  /** @default setTimeout */
  wait?: (ms: number) => Promise<void>;
  /** Of each request with its answer, milliseconds. @default 20000 */
  timeoutMs?: number;
  now?: () => number;
}

/** Whoever is told to wait longer than that fails instead: a job costs by the minute. */
const LONGEST_WAIT_MS = 90_000;
const TRIES = 4;
const PER_PAGE = 50;
const MAX_PAGES = 100;

interface Reply {
  status: number;
  text: string;
  headers: Headers;
}

/** The few calls of GitHub's REST API that hermes makes; Gitea's are the same but where it says so. */
export class ForgeApi {
  constructor(
    readonly forge: Forge,
    private readonly options: ApiOptions = {},
  ) {}

  get repo(): string {
    return `/repos/${this.forge.repository}`;
  }

  get(path: string, doing: Doing): Promise<unknown> {
    return this.call("GET", path, doing);
  }

  /** Undefined where there is none. */
  async find(path: string, doing: Doing): Promise<Entry | undefined> {
    const reply = await this.tried("GET", path, undefined, true);
    return reply.status === 404 ? undefined : entry(this.read(reply, "GET", path, doing));
  }

  /** All entries; pages are counted, not followed: the token goes to no host that an answer names. */
  async list(path: string, doing: Doing): Promise<Entry[]> {
    const found: Entry[] = [];
    const size = this.forge.kind === "gitea" ? "limit" : "per_page";
    for (let page = 1; page <= MAX_PAGES; page++) {
      const query = `${path.includes("?") ? "&" : "?"}${size}=${PER_PAGE}&page=${page}`;
      const entries = await this.call("GET", `${path}${query}`, doing);
      if (!Array.isArray(entries)) throw this.failed(`GET ${path}`, "answered no list");
      found.push(...entries.map(entry));
      // Gitea may give less a page than asked for, and gives some lists whole whatever the page.
      if (entries.length === 0 || repeats(found, entries.length)) break;
      if (entries.length < PER_PAGE && this.forge.kind === "github") break;
    }
    return [...new Map(found.map((one) => [one["id"], one])).values()];
  }

  async patch(path: string, body: object, doing: Doing): Promise<Entry> {
    return entry(await this.call("PATCH", path, doing, body));
  }

  /** Twice would be two: it is said again only where the forge surely did not act. */
  async post(path: string, body: object, doing: Doing): Promise<Entry> {
    return entry(await this.call("POST", path, doing, body));
  }

  async remove(path: string, doing: Doing): Promise<void> {
    await this.call("DELETE", path, doing);
  }

  private async call(method: string, path: string, doing: Doing, body?: object): Promise<unknown> {
    return this.read(await this.tried(method, path, body, method !== "POST"), method, path, doing);
  }

  private async tried(method: string, path: string, body: object | undefined, twiceIsFine: boolean): Promise<Reply> {
    for (let left = TRIES - 1; ; left--) {
      const reply = await this.once(method, path, body);
      const pause = this.pauseBefore(reply, TRIES - left, twiceIsFine);
      if (pause === undefined || left === 0 || pause > LONGEST_WAIT_MS) return reply;
      await (this.options.wait ?? pauseFor)(pause);
    }
  }

  /** Milliseconds until the next try; undefined where none would help. */
  private pauseBefore({ status, headers, text }: Reply, attempt: number, twiceIsFine: boolean): number | undefined {
    const backoff = 1000 * 2 ** (attempt - 1);
    if (status === 429 || (status === 403 && isRateLimit(headers, text)))
      return resumeIn(headers, this.options.now?.() ?? Date.now()) ?? 60_000 * attempt;
    if (status === 0 || status >= 500) return twiceIsFine ? backoff : undefined;
    return undefined;
  }

  private async once(method: string, path: string, body?: object): Promise<Reply> {
    const { forge } = this;
    const signal = AbortSignal.timeout(this.options.timeoutMs ?? 20_000);
    try {
      const reply = await (this.options.fetch ?? fetch)(`${forge.apiUrl}${path}`, {
        method,
        signal,
        redirect: "error",
        headers: {
          accept: forge.kind === "github" ? "application/vnd.github+json" : "application/json",
          "content-type": "application/json",
          "user-agent": "hermes",
          ...(forge.kind === "github" ? { "x-github-api-version": "2022-11-28" } : {}),
          ...(forge.token === undefined
            ? {}
            : { authorization: `${forge.kind === "gitea" ? "token" : "Bearer"} ${plainToken(forge.token)}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: reply.status, text: await reply.text(), headers: reply.headers };
    } catch (error) {
      if (error instanceof CommandError) throw error;
      const cause = (error as { cause?: { code?: string } }).cause?.code;
      const text = signal.aborted ? "no answer in time" : (cause ?? "the request could not be sent");
      return { status: 0, text, headers: new Headers() };
    }
  }

  private read(reply: Reply, method: string, path: string, doing: Doing): unknown {
    const asked = `${method} ${path.split("?")[0]}`;
    if (reply.status === 0) throw this.failed(asked, `gave no answer: ${reply.text}`);
    if (reply.status >= 400) throw this.refused(reply, asked, doing);
    if (reply.text === "") return {};
    try {
      return JSON.parse(reply.text);
    } catch {
      throw this.failed(asked, "answered something that is no JSON. Is --forge-url the root of its API?");
    }
  }

  private refused(reply: Reply, asked: string, doing: Doing): CommandError {
    const { status } = reply;
    const words = `answered ${status}${said(reply.text)}`;
    const limited = status === 429 || (status === 403 && isRateLimit(reply.headers, reply.text));
    if (limited) {
      const seconds = resumeIn(reply.headers, this.options.now?.() ?? Date.now());
      const when = seconds === undefined ? "in some minutes" : `in ${Math.ceil(seconds / 1000)} s`;
      return this.failed(asked, `takes no more requests for now (${status}). Run this again ${when}.`);
    }
    const help = advice(this.forge, doing, status);
    if (help === undefined) return this.failed(asked, words);
    return new RefusedByForge(`${this.name} ${words} (${asked}).\n  ${help}`, status);
  }

  private failed(asked: string, words: string): CommandError {
    return new CommandError(`${this.name} ${words} (${asked})`, EXIT.cloud);
  }

  private get name(): string {
    return this.forge.kind === "gitea" ? "Gitea" : "GitHub";
  }
}

/** A right is missing; the message says which, and where it is given. */
export class RefusedByForge extends CommandError {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message, EXIT.input);
  }
}

const pauseFor = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** An invalid header is refused with an error that quotes it. */
function plainToken(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CommandError("the forge's token holds characters that no token has. Set it anew.", EXIT.input);
}

function said(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === "string" ? `: ${message.replace(/\p{Cc}+/gu, " ").slice(0, 200)}` : "";
  } catch {
    return "";
  }
}

const entry = (value: unknown): Entry => (typeof value === "object" && value !== null ? (value as Entry) : {});

/** Whether the last page says what the one before it said. */
function repeats(found: Entry[], length: number): boolean {
  const ids = (from: number, to: number): string =>
    found
      .slice(from, to)
      .map((one) => String(one["id"]))
      .join();
  const last = found.length - length;
  return last >= length && ids(last, found.length) === ids(last - length, last);
}
