import { readFileSync } from "node:fs";

/** A node as the Tailscale API v2 lists it; only what hermes reads. */
export interface TailnetDevice {
  id: string;
  /** Full name in the tailnet, for example `hermes.tail1234.ts.net`. */
  name: string;
  /** What the machine calls itself; two nodes may share one. */
  hostname: string;
  addresses: string[];
  tags?: string[];
  created: string;
  lastSeen?: string;
  connectedToControl?: boolean;
  /** RFC 3339; means nothing where the expiry is disabled, as it is for tagged nodes. */
  expires?: string;
  keyExpiryDisabled?: boolean;
  /** Not empty: tailnet lock keeps the node out until it is signed. */
  tailnetLockError?: string;
  tailnetLockKey?: string;
}

/** Where the control server's API is and who asks. Values come from the environment only, never from arguments. */
export interface TailnetCredentials {
  baseUrl: string;
  tailnet: string;
  authorization: () => Promise<string>;
}

type Environment = Record<string, string | undefined>;

/**
 * The variables of the official Tailscale provider: TAILSCALE_API_KEY, or TAILSCALE_OAUTH_CLIENT_ID and
 * TAILSCALE_OAUTH_CLIENT_SECRET; TAILSCALE_TAILNET (default `-`), TAILSCALE_BASE_URL. A value `file:PATH` is read from
 * that file.
 *
 * @throws Error when neither kind of credential is there.
 */
export function credentialsFrom(environment: Environment): TailnetCredentials {
  const value = (name: string): string | undefined => fromFile(environment[name]);
  const baseUrl = (value("TAILSCALE_BASE_URL") ?? "https://api.tailscale.com").replace(/\/$/, "");
  const tailnet = value("TAILSCALE_TAILNET") ?? "-";
  const apiKey = value("TAILSCALE_API_KEY");
  if (apiKey !== undefined) {
    return { baseUrl, tailnet, authorization: async () => basic(apiKey, "") };
  }
  const id = value("TAILSCALE_OAUTH_CLIENT_ID") ?? value("OAUTH_CLIENT_ID");
  const secret = value("TAILSCALE_OAUTH_CLIENT_SECRET") ?? value("OAUTH_CLIENT_SECRET");
  if (id === undefined || secret === undefined) {
    throw new Error(
      "no credentials for the tailnet: set TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET, or TAILSCALE_API_KEY",
    );
  }
  let token: Promise<string> | undefined;
  return { baseUrl, tailnet, authorization: () => (token ??= oauthToken(baseUrl, id, secret)) };
}

function fromFile(value: string | undefined): string | undefined {
  if (value === undefined || value === "") return undefined;
  return value.startsWith("file:") ? readFileSync(value.slice("file:".length), "utf8").trim() : value;
}

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

async function oauthToken(baseUrl: string, id: string, secret: string): Promise<string> {
  const ask = (): Promise<Response> =>
    fetch(`${baseUrl}/api/v2/oauth/token`, {
      method: "POST",
      headers: { authorization: basic(id, secret), "content-type": "application/x-www-form-urlencoded" },
      body: "grant_type=client_credentials",
    });
  const response = await twice(ask, PAUSE_MS);
  if (!response.ok) throw new Error(`the tailnet refused the OAuth client: HTTP ${response.status}`);
  const { access_token } = (await response.json()) as { access_token: string };
  return `Bearer ${access_token}`;
}

const PAUSE_MS = 1000;
/** However long `retry-after` says. */
const LONGEST_PAUSE_MS = 30_000;

/**
 * The few calls of the Tailscale API v2 that hermes makes itself; the rest is the provider's. Every one may be said twice:
 * so a failure (no answer, 429, 5xx) is tried again once.
 */
export class TailnetApi {
  /** @param pauseMs before the one further try where no `retry-after` says it, milliseconds */
  constructor(
    private readonly credentials: TailnetCredentials,
    private readonly pauseMs = PAUSE_MS,
  ) {}

  async devices(): Promise<TailnetDevice[]> {
    const reply = await this.call("GET", `/api/v2/tailnet/${this.credentials.tailnet}/devices?fields=all`);
    return ((await reply.json()) as { devices: TailnetDevice[] }).devices;
  }

  /** Whether an auth key can still bring a node in. One that is spent, expired or revoked is `invalid`, or not there. */
  async keyIsValid(id: string): Promise<boolean> {
    const reply = await this.call("GET", `/api/v2/tailnet/${this.credentials.tailnet}/keys/${id}`, { mayBeGone: true });
    return reply.ok && ((await reply.json()) as { invalid?: boolean }).invalid !== true;
  }

  /** Auth keys by their description. Some control servers list no descriptions: then each is asked for. */
  async keysDescribed(wanted: (description: string) => boolean): Promise<{ id: string; description: string }[]> {
    const path = `/api/v2/tailnet/${this.credentials.tailnet}/keys`;
    const { keys } = (await (await this.call("GET", path)).json()) as { keys: { id: string; description?: string }[] };
    const found: { id: string; description: string }[] = [];
    for (const { id, description } of keys ?? []) {
      const text = description ?? (await this.descriptionOf(`${path}/${id}`));
      if (wanted(text)) found.push({ id, description: text });
    }
    return found;
  }

  private async descriptionOf(path: string): Promise<string> {
    const reply = await this.call("GET", path, { mayBeGone: true });
    return reply.ok ? (((await reply.json()) as { description?: string }).description ?? "") : "";
  }

  /** One that is gone already is fine. */
  async removeKey(id: string): Promise<void> {
    await this.call("DELETE", `/api/v2/tailnet/${this.credentials.tailnet}/keys/${id}`, { mayBeGone: true });
  }

  /** Removes a node; one that is gone already is fine. */
  async remove(id: string): Promise<void> {
    await this.call("DELETE", `/api/v2/device/${id}`, { mayBeGone: true });
  }

  async rename(id: string, name: string): Promise<void> {
    await this.call("POST", `/api/v2/device/${id}/name`, { body: { name } });
  }

  private async call(
    method: string,
    path: string,
    options: { body?: object; mayBeGone?: boolean } = {},
  ): Promise<Response> {
    const url = `${this.credentials.baseUrl}${path}`;
    const request: RequestInit = {
      method,
      headers: { authorization: await this.credentials.authorization(), "content-type": "application/json" },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    };
    const ask = (): Promise<Response> => fetch(url, { ...request, signal: AbortSignal.timeout(30_000) });
    const response = await twice(ask, this.pauseMs).catch((error: Error) => {
      throw new Error(`${method} ${url}: ${error.cause instanceof Error ? error.cause.message : error.message}`);
    });
    if (response.ok || (options.mayBeGone === true && response.status === 404)) return response;
    throw new Error(`${method} ${path}: HTTP ${response.status} ${await response.text()}`);
  }
}

/** Asks once more where that may help. */
async function twice(ask: () => Promise<Response>, pauseMs: number): Promise<Response> {
  const again = (ms: number): Promise<Response> => new Promise((resolve) => setTimeout(resolve, ms)).then(ask);
  return await ask().then(
    (reply) => (mayRecover(reply) ? again(askedToWait(reply) ?? pauseMs) : reply),
    () => again(pauseMs),
  );
}

const mayRecover = ({ status }: Response): boolean => status === 429 || status >= 500;

/** Milliseconds. */
function askedToWait({ headers }: Response): number | undefined {
  const seconds = headers.get("retry-after") ?? "";
  return /^\d+$/.test(seconds) ? Math.min(Number(seconds) * 1000, LONGEST_PAUSE_MS) : undefined;
}
