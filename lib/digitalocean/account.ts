import { isMap } from "../maps";

/** How to ask DigitalOcean. */
export interface AccountOptions {
  token: string;
  /** @default "https://api.digitalocean.com" */
  apiUrl?: string;
  fetch?: typeof fetch;
  /**
   * For each request with its answer, milliseconds.
   * @default 15000
   */
  timeoutMs?: number;
  /**
   * Before the one further try, milliseconds.
   * @default 1000
   */
  pauseMs?: number;
  /**
   * How long one 429 may keep a call, milliseconds: as long as its `retry-after` says, again and again. With 0 it is tried once
   * more, after {@link pauseMs}.
   * @default 0
   */
  patienceMs?: number;
}

/**
 * DigitalOcean refused, did not answer, or answered something else. Its text is for people, follows the name
 * "DigitalOcean", and holds no token.
 */
export class AccountError extends Error {
  constructor(
    message: string,
    /** Of the HTTP reply; undefined where there was none, or none that can be read. */
    readonly status?: number,
  ) {
    super(message);
  }
}

/** The token is none: nothing was asked with it. */
export class TokenError extends AccountError {}

export type Entry = Record<string, unknown>;

const DEFAULT_API_URL = "https://api.digitalocean.com";
const PER_PAGE = 200;
/** An answer that always names a next page must not keep us. */
const MAX_PAGES = 50;
/** Somebody else may take what was freed. */
const MAX_WAITS = 10;
/** Stands for no answer at all. */
const NO_ANSWER = 599;

interface Reply {
  status: number;
  text: string;
  headers: Headers;
}

/**
 * The few calls that hermes makes beside the provider: to price a plan, to diagnose, and to find and remove strays. Every
 * one may be said twice: so a failure is tried again once.
 */
export class Account {
  constructor(private readonly options: AccountOptions) {}

  /**
   * All entries of a list. Pages are counted, not followed: the links name a host, and the token goes to the one that was
   * set only.
   *
   * @param what the list's name, which is its path's end and its key: `droplets`, `account/keys` with key `ssh_keys`
   */
  async list(what: string, query: Record<string, string> = {}, key: string = what): Promise<Entry[]> {
    const found: Entry[] = [];
    for (let page = 1; page <= MAX_PAGES; page++) {
      const search = new URLSearchParams({ ...query, page: String(page), per_page: String(PER_PAGE) });
      const reply = (await this.call("GET", `/v2/${what}?${search.toString()}`)) ?? {};
      const entries = reply[key];
      if (!Array.isArray(entries) || !entries.every(isMap)) throw new AccountError(`answered no list of ${what}`);
      found.push(...entries);
      const pages = isMap(reply["links"]) ? reply["links"]["pages"] : undefined;
      if (!isMap(pages) || pages["next"] === undefined) return found;
    }
    throw new AccountError(`has more ${what} than anybody`);
  }

  /** Undefined where there is none. */
  find(path: string): Promise<Entry | undefined> {
    return this.call("GET", path);
  }

  /** One that is gone already is fine. */
  async remove(path: string): Promise<void> {
    await this.call("DELETE", path);
  }

  async post(path: string, body: object): Promise<void> {
    await this.call("POST", path, body);
  }

  private async call(method: string, path: string, body?: object): Promise<Entry | undefined> {
    // An invalid header is refused with an error that quotes it.
    if (!/^[\x21-\x7e]+$/.test(this.options.token))
      throw new TokenError("was not asked: the token holds characters that no token has");
    for (let waits = 0, retried = false; ;) {
      const reply = await this.once(method, path, body);
      const asked = waits < MAX_WAITS ? this.askedToWait(reply) : undefined;
      if (asked !== undefined) waits++;
      else if (retried || (reply.status !== 429 && reply.status < 500)) return this.read(reply, method, path);
      else retried = true;
      await new Promise((resolve) => setTimeout(resolve, asked ?? this.options.pauseMs ?? 1000));
    }
  }

  /** Milliseconds, where that is not too long. */
  private askedToWait({ status, headers }: Reply): number | undefined {
    const seconds = headers.get("retry-after") ?? "";
    if (status !== 429 || !/^\d+$/.test(seconds)) return undefined;
    const wait = Number(seconds) * 1000;
    return wait <= (this.options.patienceMs ?? 0) ? wait : undefined;
  }

  private async once(method: string, path: string, body?: object): Promise<Reply> {
    const { token, timeoutMs = 15_000 } = this.options;
    const url = `${(this.options.apiUrl ?? DEFAULT_API_URL).replace(/\/$/, "")}${path}`;
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const reply = await (this.options.fetch ?? fetch)(url, {
        method,
        headers,
        signal,
        redirect: "error",
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: reply.status, text: await reply.text(), headers: reply.headers };
    } catch (error) {
      return {
        status: NO_ANSWER,
        text: signal.aborted ? `no answer within ${timeoutMs / 1000} s` : reason(error),
        headers: new Headers(),
      };
    }
  }

  private read(reply: Reply, method: string, path: string): Entry | undefined {
    if (reply.status === 404) return undefined;
    const asked = `${method} ${path.split("?")[0]}`;
    if (reply.status === NO_ANSWER) throw new AccountError(`gave no answer to ${asked}: ${reply.text}`);
    if (reply.status === 429)
      throw new AccountError(`takes no more requests for now (429); again ${retryTime(reply.headers)}`, 429);
    if (reply.status >= 400)
      throw new AccountError(`answered ${asked} with ${reply.status}${said(reply.text)}`, reply.status);
    return reply.text === "" ? {} : parsed(reply.text, asked);
  }
}

/** `retry-after` is seconds; `ratelimit-reset` is Unix time, when the oldest request of the hour expires. */
function retryTime(headers: Headers): string {
  const after = headers.get("retry-after") ?? "";
  if (/^\d+$/.test(after)) return `in ${after} s`;
  const reset = headers.get("ratelimit-reset") ?? "";
  if (/^\d{1,12}$/.test(reset)) return `at ${new Date(Number(reset) * 1000).toISOString()}`;
  return "in some minutes";
}

/** fetch says "fetch failed" and keeps the reason in its cause. It may quote a header that it refuses, so only its code is told. */
function reason(error: unknown): string {
  const { cause } = error as { cause?: { message?: string; code?: string } };
  return cause?.code ?? cause?.message ?? "the request could not be sent";
}

function said(text: string): string {
  const message = safeParse(text)?.["message"];
  return typeof message === "string" ? `: ${message.replace(/\p{Cc}+/gu, " ").slice(0, 200)}` : "";
}

function parsed(text: string, asked: string): Entry {
  const reply = safeParse(text);
  if (reply === undefined) throw new AccountError(`answered ${asked} with something that is no JSON`);
  return reply;
}

function safeParse(text: string): Entry | undefined {
  try {
    const reply = JSON.parse(text) as unknown;
    return isMap(reply) ? reply : undefined;
  } catch {
    return undefined;
  }
}

/** Token and base URL as DigitalOcean's provider takes them: its configuration first, then the environment. */
export function accountFrom(
  env: NodeJS.ProcessEnv,
  config: { get(key: string): string | undefined } = { get: () => undefined },
  more: Pick<AccountOptions, "patienceMs"> = {},
): Account | undefined {
  const token = (config.get("token") || env["DIGITALOCEAN_TOKEN"] || env["DIGITALOCEAN_ACCESS_TOKEN"] || "").trim();
  if (token === "") return undefined;
  const apiUrl = config.get("apiEndpoint") || env["DIGITALOCEAN_API_URL"];
  return new Account({ token, ...(apiUrl ? { apiUrl } : {}), ...more });
}
