import type { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import type { Binding, Config } from "./config";
import { log } from "./output";
import { isAllowed, requestPairing } from "./pairing";

const CHANNEL = "telegram";
const POLL_SECONDS = 30;

interface Update {
  update_id: number;
  message?: Message;
}

interface Message {
  text?: string;
  from: { id: number; username?: string; first_name?: string };
  chat: { id: number; type: string };
  /** The topic of a forum. */
  message_thread_id?: number;
}

export interface Bot {
  /** Resolves when the running poll has ended. */
  stop(): Promise<void>;
}

/** Texts that the bot got from an approved sender: resolves with the answer. */
type Respond = (agent: string, session: string, text: string) => Promise<string>;

/** Long polling of the Bot API. People whom nobody approved get a code; the answers of the agent go to all others. */
export function startBot(config: Config, token: string, state: DatabaseSync, respond: Respond): Bot {
  const stopped = new AbortController();
  const root = config.channels.telegram?.apiRoot ?? "https://api.telegram.org";
  const allowed = config.channels.telegram?.allowFrom ?? [];
  const call = async <T>(method: string, parameters: object, signal?: AbortSignal): Promise<T> => {
    const reply = await fetch(`${root}/bot${token}/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(parameters),
      ...(signal === undefined ? {} : { signal }),
    });
    const { ok, result, description } = (await reply.json()) as { ok: boolean; result: T; description?: string };
    if (!ok) throw new Error(`${method}: ${description ?? reply.status}`);
    return result;
  };
  const send = (chat: number, text: string, thread: object = {}) =>
    call("sendMessage", { chat_id: chat, text, ...thread });
  const ownName = async (): Promise<string> => (await call<{ username: string }>("getMe", {})).username;

  /** Who is not allowed in a group gets no answer, and no pairing code either. */
  const takeFromGroup = async (text: string, { chat, from, message_thread_id: topic }: Message): Promise<void> => {
    const group = config.channels.telegram?.groups?.[String(chat.id)];
    if (group === undefined || !allowed.includes(String(from.id))) return;
    if (group.requireMention !== false && !text.includes(`@${await ownName()}`)) return;
    const thread = topic === undefined ? {} : { message_thread_id: topic };
    const session = `${CHANNEL}:group:${chat.id}${topic === undefined ? "" : `:topic:${topic}`}`;
    const agent = agentFor(config.bindings, { kind: "group", id: String(chat.id) });
    await send(chat.id, await respond(agent, session, text), thread);
  };

  const take = async ({ message }: Update): Promise<void> => {
    if (message?.text === undefined) return;
    if (message.chat.type !== "private") return takeFromGroup(message.text, message);
    const { id, username, first_name: firstName } = message.from;
    if (allowed.includes(String(id)) || isAllowed(state, CHANNEL, String(id))) {
      const agent = agentFor(config.bindings, { kind: "direct", id: String(id) });
      return void (await send(message.chat.id, await respond(agent, `${CHANNEL}:direct:${id}`, message.text)));
    }
    const { code, told } = requestPairing(state, CHANNEL, String(id), { username, firstName, accountId: "default" });
    if (told) return;
    const words = ["OpenClaw: access not configured.", `Your Telegram user id: ${id}`, `Pairing code:\n${code}`];
    await send(message.chat.id, words.join("\n\n"));
  };

  const poll = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        const parameters = { offset: offsetIn(state), timeout: POLL_SECONDS };
        for (const update of await call<Update[]>("getUpdates", parameters, stopped.signal)) {
          state.prepare("INSERT OR REPLACE INTO telegram_offset VALUES (0, ?)").run(update.update_id + 1);
          await take(update);
        }
      } catch (error) {
        if (stopped.signal.aborted) return;
        log("warn", `telegram: ${(error as Error).message}`, "gateway/channels/telegram");
        await delay(1000, undefined, { signal: stopped.signal }).catch(() => undefined);
      }
    }
  };
  const running = poll();
  return {
    stop: async () => {
      stopped.abort();
      await running;
    },
  };
}

const offsetIn = (state: DatabaseSync): number =>
  Number(state.prepare("SELECT next FROM telegram_offset").get()?.["next"] ?? 0);

/** The first binding that matches, as OpenClaw takes it. */
function agentFor(bindings: Binding[], { kind, id }: { kind: string; id: string }): string {
  const ours = bindings.filter(({ match }) => match.channel === CHANNEL);
  const found = ours.find(({ match: { peer } }) => peer === undefined || (peer.kind === kind && peer.id === id));
  if (found === undefined) throw new Error(`no agent is bound to ${CHANNEL}`);
  return found.agentId;
}
