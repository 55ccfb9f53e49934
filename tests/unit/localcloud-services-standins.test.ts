import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpenRouter } from "../../localcloud/services/openrouter";
import { Telegram } from "../../localcloud/services/telegram";
import type { Handler } from "../../localcloud/services/web";

const dir = mkdtempSync(join(tmpdir(), "hermes-standins-"));
const servers: Server[] = [];

async function serve(handler: Handler): Promise<string> {
  const server = createServer((request, response) => void handler(request, response));
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  rmSync(dir, { recursive: true, force: true });
});

describe("the OpenRouter stand-in", () => {
  const KEY = "sk-or-v1-secret-of-the-test";
  const logFile = join(dir, "openrouter.jsonl");
  let openrouter: OpenRouter;
  let url: string;

  beforeEach(async () => {
    openrouter = new OpenRouter({ logFile, key: KEY });
    url = await serve(openrouter.handler);
  });

  const messages = [
    { role: "system", content: "You are Hermes. SOUL-MARK-17. Be brief." },
    { role: "user", content: [{ type: "text", text: "ping please" }] },
  ];

  function chat(model: string, extra: Record<string, unknown> = {}, key = KEY): Promise<Response> {
    return fetch(`${url}/api/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model, messages, ...extra }),
    });
  }

  const textOf = async (response: Response): Promise<unknown> =>
    ((await response.json()) as { choices: { message: { content: unknown } }[] }).choices[0]?.message.content;

  it("lists the chain with what a deploy-time check asks for", async () => {
    const { data } = (await (await fetch(`${url}/api/v1/models`)).json()) as { data: Record<string, unknown>[] };
    const first = data.find((model) => model["id"] === "google/gemma-4-31b-it:free");
    expect(first).toMatchObject({ context_length: 262144, pricing: { prompt: "0", completion: "0" } });
    expect(first?.["supported_parameters"]).toContain("tools");
  });

  it("answers 401 without the key and with a wrong one", async () => {
    expect((await fetch(`${url}/api/v1/key`)).status).toBe(401);
    expect((await chat("m", {}, "wrong")).status).toBe(401);
  });

  it("says which model answered, and records the call without the key", async () => {
    expect(await textOf(await chat("google/gemma-4-31b-it:free"))).toBe("PONG from google/gemma-4-31b-it:free");
    expect(openrouter.calls[0]).toMatchObject({
      system: expect.stringContaining("SOUL-MARK-17"),
      messages: [{ role: "user", text: "ping please" }],
      status: 200,
    });
    const log = readFileSync(logFile, "utf8");
    expect(log).toContain("ping please");
    expect(log).not.toContain(KEY);
  });

  it("streams the same answer, with usage before the end", async () => {
    const text = await (await chat("m", { stream: true })).text();
    const events = text.split("\n\n").filter(Boolean);
    expect(events.at(-1)).toBe("data: [DONE]");
    const parts = events.slice(0, -1).map((event) => JSON.parse(event.slice(6)) as Record<string, unknown>);
    const words = parts.map((part) => (part["choices"] as { delta: { content?: string } }[])[0]?.delta.content ?? "");
    expect(words.join("")).toBe("PONG from m");
    expect(parts.at(-1)).toHaveProperty("usage");
  });

  it("makes one model fail by its daily quota while the next one answers", async () => {
    openrouter.setModel("a", { status: 429, kind: "free-models-per-day", retryAfter: 7 });
    const failed = await chat("a");
    expect(failed.status).toBe(429);
    expect(failed.headers.get("retry-after")).toBe("7");
    expect(await failed.text()).toContain("free-models-per-day");
    expect((await chat("b")).status).toBe(200);
    openrouter.setModel("a", null);
    expect((await chat("a")).status).toBe(200);
  });

  it.each([
    [{ status: 401 }, 401, "User not found"],
    [{ status: 402 }, 402, "Insufficient credits"],
    [{ status: 503 }, 503, "No instances available"],
    [{ kind: "free-models-per-min" }, 429, "free-models-per-min"],
    [{ kind: "no-tools" }, 404, "No endpoints found that support tool use"],
  ])("makes a model fail like OpenRouter does: %j", async (failure, status, words) => {
    await openrouter.control("model", { id: "a", failure });
    const failed = await chat("a", { stream: true });
    expect(failed.status).toBe(status);
    expect(failed.headers.get("retry-after")).toBeNull();
    expect(await failed.json()).toMatchObject({ error: { code: status, message: expect.stringContaining(words) } });
    expect(openrouter.calls.at(-1)).toMatchObject({ model: "a", status });
  });

  it("takes a request and never answers it", async () => {
    await openrouter.control("model", { id: "a", failure: { kind: "silent" } });
    const stop = new AbortController();
    const answer = fetch(`${url}/api/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ model: "a", messages }),
      signal: stop.signal,
    }).catch((error: Error) => error.name);
    expect(await openrouter.waitForCall((call) => call.model === "a")).toMatchObject({ status: 0 });
    expect((await chat("b")).status).toBe(200);
    expect(await Promise.race([answer, Promise.resolve("nothing yet")])).toBe("nothing yet");
    stop.abort();
    expect(await answer).toBe("AbortError");
  });

  it("breaks a stream off after its first words, and uses up no script", async () => {
    openrouter.script([{ match: "ping", text: "from the script", times: 1 }]);
    openrouter.setModel("a", { kind: "cut" });
    const response = await chat("a", { stream: true });
    expect(response.status).toBe(200);
    let text = "";
    const read = async (): Promise<void> => {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
        text += Buffer.from(chunk).toString();
    };
    await expect(read()).rejects.toThrow(/terminated/);
    expect(text).toContain('"content":"PONG "');
    expect(text).not.toContain("[DONE]");
    await expect((await chat("a")).json()).rejects.toThrow(/terminated/);
    expect(await textOf(await chat("b"))).toBe("from the script");
  });

  describe("its list", () => {
    const list = async (): Promise<Map<unknown, Record<string, unknown>>> => {
      const { data } = (await (await fetch(`${url}/api/v1/models`)).json()) as { data: Record<string, unknown>[] };
      return new Map(data.map((model) => [model["id"], model]));
    };
    const ID = "google/gemma-4-31b-it:free";

    it("loses a model, and sells, disarms, ends or shortens another", async () => {
      await openrouter.control("list", { id: ID, change: null });
      await openrouter.control("list", {
        id: "cohere/north-mini-code:free",
        change: { prompt: "0.000001", tools: false, expires: "2026-12-01", contextLength: 8192 },
      });
      const models = await list();
      expect(models.has(ID)).toBe(false);
      expect(models.get("cohere/north-mini-code:free")).toMatchObject({
        context_length: 8192,
        pricing: { prompt: "0.000001", completion: "0" },
        supported_parameters: expect.not.arrayContaining(["tools"]),
        expiration_date: "2026-12-01",
      });
      await openrouter.control("reset", {});
      expect((await list()).has(ID)).toBe(true);
    });

    it("comes in pages that name the next one", async () => {
      const all = [...(await list()).keys()];
      await openrouter.control("list", { pageSize: all.length - 1 });
      const first = (await (await fetch(`${url}/api/v1/models`)).json()) as { links: { next: string } };
      const second = (await (await fetch(`${url}${first.links.next}`)).json()) as { data: unknown; links: unknown };
      expect(second).toMatchObject({ data: [{ id: all.at(-1) }], links: { next: null } });
    });

    it("fails by itself, while models answer", async () => {
      await openrouter.control("list", { failure: { status: 503 } });
      expect((await fetch(`${url}/api/v1/models`)).status).toBe(503);
      expect((await chat("m")).status).toBe(200);
    });
  });

  it("makes the agent call a tool once, and hands the result to whoever waits", async () => {
    openrouter.script([{ match: "ping", toolCall: { name: "exec", arguments: { command: "id" } } }]);
    const reply = (await (await chat("m")).json()) as { choices: { message: { tool_calls: unknown[] } }[] };
    expect(reply.choices[0]?.message.tool_calls).toMatchObject([
      { function: { name: "exec", arguments: '{"command":"id"}' } },
    ]);
    const waiting = openrouter.waitForCall((call) => call.messages.some((message) => message.role === "tool"));
    const result = { role: "tool", tool_call_id: "call_lab_1", content: "uid=2102(agent)" };
    expect(await textOf(await chat("m", { messages: [...messages, result] }))).toBe("PONG from m");
    expect((await waiting).messages.at(-1)?.text).toBe("uid=2102(agent)");
  });

  it("reads a marker out of the system prompt", async () => {
    await openrouter.control("script", { steps: [{ match: "ping", echoSystem: "SOUL-MARK-\\d+" }] });
    expect(await textOf(await chat("m"))).toBe("SOUL-MARK-17");
  });

  it("says how many calls there were when the awaited one never comes", async () => {
    await expect(openrouter.waitForCall(() => true, { timeoutMs: 20 })).rejects.toThrow(/0 did/);
  });
});

describe("the Telegram stand-in", () => {
  const TOKEN = "123456:lab-token-of-the-test";
  const logFile = join(dir, "telegram.jsonl");
  let telegram: Telegram;
  let url: string;

  beforeEach(async () => {
    telegram = new Telegram({ logFile, token: TOKEN });
    url = await serve(telegram.handler);
  });

  async function bot(method: string, parameters: Record<string, unknown> = {}, token = TOKEN) {
    const response = await fetch(`${url}/bot${token}/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(parameters),
    });
    return { status: response.status, body: (await response.json()) as { ok: boolean; result: unknown } };
  }

  it("answers 401 to a wrong token", async () => {
    expect((await bot("getMe", {}, "123456:another-token-x")).status).toBe(401);
    expect((await bot("getMe")).body).toMatchObject({ ok: true, result: { is_bot: true } });
  });

  it("hands an injected message to the poll that waits, until it is confirmed", async () => {
    const poll = bot("getUpdates", { timeout: 20 });
    const injected = once(servers.at(-1) as Server, "request").then(() => telegram.inject("hello", 555));
    const { result } = (await poll).body as { result: { update_id: number; message: { text: string } }[] };
    await injected;
    expect(result).toMatchObject([{ message: { text: "hello", from: { id: 555 } } }]);
    const next = await bot("getUpdates", { offset: (result[0]?.update_id ?? 0) + 1, timeout: 0 });
    expect(next.body.result).toEqual([]);
  });

  it("records what the bot says, without the token", async () => {
    await bot("sendMessage", { chat_id: 555, text: "pairing code ABCD" });
    expect(telegram.sentTo(555)).toEqual(["pairing code ABCD"]);
    expect(readFileSync(logFile, "utf8")).not.toContain(TOKEN);
  });
});
