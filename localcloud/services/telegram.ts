import { appendFile, mkdir } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { dirname } from "node:path";
import { readBody, sendJson, type Handler } from "./web";

/** A call of the Bot API other than getUpdates. Never holds the token. */
export interface TelegramCall {
  /** 1, 2, 3, … */
  number: number;
  at: string;
  method: string;
  parameters: Record<string, unknown>;
}

export interface TelegramOptions {
  /** JSONL log of the calls. */
  logFile: string;
  /** The bot's token; absent: any that looks like one. */
  token?: string;
}

/** A group, or a topic of one that is a forum. */
export interface GroupPlace {
  /** Negative. */
  id: number;
  topic?: number;
}

interface Update {
  update_id: number;
  message: Record<string, unknown>;
}

/** How long getUpdates is held open at most, whatever the bot asks, in seconds. */
const LONG_POLL_SECONDS = 25;
const MESSAGES = ["sendMessage", "editMessageText", "sendMessageDraft"];

const textOf = ({ parameters: { text } }: TelegramCall): string => (typeof text === "string" ? text : "");

/** Stand-in of api.telegram.org with one bot, by long polling. */
export class Telegram {
  /** Every call since the start but getUpdates, oldest first. */
  readonly calls: TelegramCall[] = [];
  /** Changing it makes the old token invalid (401). */
  token: string | undefined;
  #updates: Update[] = [];
  #nextUpdate = 1000;
  #nextMessage = 1;
  #polls = new Set<() => void>();
  #waiters: { predicate: (call: TelegramCall) => boolean; resolve: (call: TelegramCall) => void }[] = [];

  constructor(private readonly options: TelegramOptions) {
    this.token = options.token;
  }

  /**
   * Queues a message to the bot: a private one, or one in a group. In a group a bot sees only messages that mention it, as
   * every bot does whose owner did not switch off BotFather's privacy mode.
   *
   * @param from Telegram user id
   */
  inject(text: string, from: number, group?: GroupPlace): void {
    const person = { id: from, first_name: "Lab", username: `user${from}` };
    const entities = mentionsIn(text);
    if (group !== undefined && entities.length === 0) return;
    this.#updates.push({
      update_id: this.#nextUpdate++,
      message: {
        message_id: this.#nextMessage++,
        date: Math.floor(Date.now() / 1000),
        text,
        ...(entities.length > 0 ? { entities } : {}),
        from: { ...person, is_bot: false },
        ...(group === undefined ? { chat: { ...person, type: "private" } } : placeOf(group)),
      },
    });
    for (const wake of [...this.#polls]) wake();
  }

  /** Texts that the bot sent to a chat, oldest first. */
  sentTo(chat: number): string[] {
    return this.calls
      .filter((call) => MESSAGES.includes(call.method) && Number(call.parameters["chat_id"]) === chat)
      .map(textOf);
  }

  /** Resolves with the first call after number `since` that the predicate accepts, past or to come. */
  waitForCall(
    predicate: (call: TelegramCall) => boolean,
    options: { since?: number; timeoutMs?: number } = {},
  ): Promise<TelegramCall> {
    const found = this.calls.find((call) => call.number > (options.since ?? 0) && predicate(call));
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const timeoutMs = options.timeoutMs ?? 60_000;
      const waiter = {
        predicate,
        resolve: (call: TelegramCall) => {
          clearTimeout(timer);
          resolve(call);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(new Error(`No such call reached Telegram within ${timeoutMs / 1000} s (${this.calls.length} did).`));
      }, timeoutMs);
      this.#waiters.push(waiter);
    });
  }

  /** Ends held polls, so that a server that stops does not wait for them. */
  stop(): void {
    for (const wake of [...this.#polls]) wake();
  }

  readonly handler: Handler = async (request, response) => {
    const url = new URL(request.url ?? "/", "http://telegram");
    const [, token, method] = /^\/bot([^/]+)\/(\w+)$/.exec(url.pathname) ?? [];
    const body = await readBody(request);
    if (token === undefined || method === undefined) return fail(response, 404, "Not Found");
    if (!this.#accepts(token)) return fail(response, 401, "Unauthorized");
    const parameters = { ...Object.fromEntries(url.searchParams), ...parsed(body, request.headers["content-type"]) };
    if (method === "getUpdates") return this.#getUpdates(parameters, response);
    await this.#record(method, parameters);
    sendJson(response, 200, { ok: true, result: this.#result(method, parameters) });
  };

  #accepts(token: string): boolean {
    return this.token === undefined ? /^\d+:[\w-]{10,}$/.test(token) : token === this.token;
  }

  #getUpdates(parameters: Record<string, unknown>, response: ServerResponse): void {
    const offset = Number(parameters["offset"] ?? 0);
    this.#updates = this.#updates.filter((update) => update.update_id >= offset);
    const seconds = Math.min(Number(parameters["timeout"] ?? 0), LONG_POLL_SECONDS);
    const answer = (): void => {
      clearTimeout(timer);
      this.#polls.delete(answer);
      if (!response.writableEnded) sendJson(response, 200, { ok: true, result: this.#updates });
    };
    const timer = setTimeout(answer, seconds * 1000);
    response.on("close", () => {
      clearTimeout(timer);
      this.#polls.delete(answer);
    });
    if (this.#updates.length > 0 || seconds === 0) answer();
    else this.#polls.add(answer);
  }

  #result(method: string, parameters: Record<string, unknown>): unknown {
    if (method === "getMe") return BOT;
    if (method === "getWebhookInfo") return { url: "", has_custom_certificate: false, pending_update_count: 0 };
    if (method === "getMyCommands") return [];
    if (!MESSAGES.includes(method)) return true;
    return {
      message_id: this.#nextMessage++,
      date: Math.floor(Date.now() / 1000),
      from: BOT,
      chat: chatOf(Number(parameters["chat_id"])),
      text: parameters["text"] ?? "",
    };
  }

  async #record(method: string, parameters: Record<string, unknown>): Promise<void> {
    const call = { number: this.calls.length + 1, at: new Date().toISOString(), method, parameters };
    this.calls.push(call);
    const ready = this.#waiters.filter((waiter) => waiter.predicate(call));
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter));
    for (const waiter of ready) waiter.resolve(call);
    await mkdir(dirname(this.options.logFile), { recursive: true });
    await appendFile(this.options.logFile, `${JSON.stringify(call)}\n`, { mode: 0o600 });
  }

  /** The same over the control socket: `inject` {text, from, group?}, `calls` {since?}, `wait` {method?, text?, since?, timeoutMs?}. */
  async control(action: string, body: Record<string, unknown>): Promise<unknown> {
    switch (action) {
      case "inject":
        this.inject(String(body["text"]), Number(body["from"]), body["group"] as GroupPlace | undefined);
        return {};
      case "token":
        this.token = typeof body["token"] === "string" ? body["token"] : undefined;
        return {};
      case "calls":
        return this.calls.filter((call) => call.number > Number(body["since"] ?? 0));
      case "wait": {
        const text = new RegExp(typeof body["text"] === "string" ? body["text"] : "");
        return this.waitForCall(
          (call) => (body["method"] === undefined || call.method === body["method"]) && text.test(textOf(call)),
          { since: Number(body["since"] ?? 0), timeoutMs: Number(body["timeoutMs"] ?? 60_000) },
        );
      }
      default:
        throw new Error(`telegram: unknown action ${action}; there are inject, token, calls, wait`);
    }
  }
}

const BOT = {
  id: 123_456,
  is_bot: true,
  first_name: "Hermes lab",
  username: "hermes_lab_bot",
  can_join_groups: true,
  can_read_all_group_messages: false,
  supports_inline_queries: false,
};

/** As Telegram marks them, for the bot's own name alone. */
function mentionsIn(text: string): object[] {
  const name = `@${BOT.username}`;
  const offset = text.indexOf(name);
  return offset < 0 ? [] : [{ type: "mention", offset, length: name.length }];
}

const chatOf = (id: number): object =>
  id < 0 ? { id, type: "supergroup", title: `Group ${-id}` } : { id, type: "private" };

function placeOf({ id, topic }: GroupPlace): object {
  if (topic === undefined) return { chat: chatOf(id) };
  return { chat: { ...chatOf(id), is_forum: true }, message_thread_id: topic, is_topic_message: true };
}

function parsed(body: string, type = ""): Record<string, unknown> {
  if (body === "") return {};
  if (type.includes("x-www-form-urlencoded")) return Object.fromEntries(new URLSearchParams(body));
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    // A file upload: which method was called is all that the lab wants to know.
    return {};
  }
}

function fail(response: ServerResponse, status: number, description: string): void {
  sendJson(response, status, { ok: false, error_code: status, description });
}
