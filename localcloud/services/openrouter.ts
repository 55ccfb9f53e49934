import { appendFile, mkdir } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirname } from "node:path";
import { failureStatus, sendFailure, type ModelFailure } from "./openrouter-failures";
import { listedModels, modelPage, withChange, type ListedModel } from "./openrouter-models";
import { readBody, sendJson, type Handler } from "./web";

export type { ModelFailure };

/** A chat message as it came over the wire, its content flattened to text. */
interface RecordedMessage {
  role: string;
  text: string;
  toolCalls?: { name: string; arguments: string }[];
  toolCallId?: string;
}

/** One call of /chat/completions. Never holds the key. */
export interface RecordedCall {
  /** 1, 2, 3, … */
  number: number;
  /** ISO 8601. */
  at: string;
  model: string;
  stream: boolean;
  /** Names of the tools that were offered. */
  tools: string[];
  /** All system (and developer) messages, joined. */
  system: string;
  messages: RecordedMessage[];
  /** HTTP status of the answer; 0: none was sent. */
  status: number;
  /** The answer's text; absent for failures and tool calls. */
  answer?: string;
}

/**
 * A scripted answer, used for the first call in which a user message since the last answer matches (OpenClaw adds
 * messages of its own after the user's). A tool call is answered once; its
 * result comes back in a later call, and that one is answered by the next step that matches, or by default.
 */
export interface ScriptStep {
  /** Text or regular expression source to find in the user messages since the last answer; absent: matches every call. */
  match?: string | RegExp;
  toolCall?: { name: string; arguments: Record<string, unknown> };
  text?: string;
  /** Regular expression source; answers with its first match in the system prompt. */
  echoSystem?: string;
  /** How often the step may be used. @default 1 for tool calls, without limit for the others */
  times?: number;
}

export interface OpenRouterOptions {
  /** JSONL log of the calls. */
  logFile: string;
  /** Only this key is accepted; absent: any. */
  key?: string;
}

interface Waiter {
  predicate: (call: RecordedCall) => boolean;
  resolve: (call: RecordedCall) => void;
}

type Answer = { text: string } | { toolCall: { name: string; arguments: string } };

/** Stand-in of openrouter.ai: catalogue, key, chat completions. */
export class OpenRouter {
  /** Every call since the start, oldest first. */
  readonly calls: RecordedCall[] = [];
  /** Models per page of the list; undefined: all at once, as OpenRouter does. */
  pageSize: number | undefined;
  #listed = listedModels();
  #listFailure: ModelFailure | null = null;
  #failures = new Map<string, ModelFailure>();
  #steps: (ScriptStep & { left: number })[] = [];
  #waiters: Waiter[] = [];

  #key: string | undefined;

  constructor(private readonly options: OpenRouterOptions) {
    this.#key = options.key;
  }

  /** Makes a model fail, or well again with null. */
  setModel(id: string, failure: ModelFailure | null): void {
    if (failure === null) this.#failures.delete(id);
    else this.#failures.set(id, failure);
  }

  /** Changes what the list says of a model, adds one, or takes one away with null. Its answers stay as they are. */
  setListed(id: string, change: Partial<Omit<ListedModel, "id">> | null): void {
    this.#listed = withChange(this.#listed, id, change);
  }

  /** Makes the list itself fail, or well again with null. */
  setListFailure(failure: ModelFailure | null): void {
    this.#listFailure = failure;
  }

  /** Replaces the script. */
  script(steps: ScriptStep[]): void {
    this.#steps = steps.map((step) => ({ ...step, left: step.times ?? (step.toolCall ? 1 : Infinity) }));
  }

  /** Forgets failures, script and changes of the list. The recorded calls stay. */
  reset(): void {
    this.#listed = listedModels();
    this.#listFailure = null;
    this.pageSize = undefined;
    this.#failures.clear();
    this.#steps = [];
  }

  /**
   * Resolves with the first call after number `since` that the predicate accepts, one that came already or one to come.
   * @throws when none came within the time
   */
  waitForCall(predicate: (call: RecordedCall) => boolean, options: { since?: number; timeoutMs?: number } = {}) {
    const found = this.calls.find((call) => call.number > (options.since ?? 0) && predicate(call));
    if (found !== undefined) return Promise.resolve(found);
    return new Promise<RecordedCall>((resolve, reject) => {
      const timeoutMs = options.timeoutMs ?? 60_000;
      const waiter: Waiter = {
        predicate,
        resolve: (call) => {
          clearTimeout(timer);
          resolve(call);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(new Error(`No such call reached OpenRouter within ${timeoutMs / 1000} s (${this.calls.length} did).`));
      }, timeoutMs);
      this.#waiters.push(waiter);
    });
  }

  readonly handler: Handler = async (request, response) => {
    const url = new URL(request.url ?? "/", "http://openrouter");
    const path = url.pathname;
    const body = request.method === "POST" ? await readBody(request) : "";
    if (path === "/api/v1/models") return this.#list(url, response);
    if (!this.#authorised(request)) return sendError(response, 401, "No auth credentials found");
    if (path === "/api/v1/key" || path === "/api/v1/auth/key") return sendJson(response, 200, { data: KEY });
    if (path === "/api/v1/chat/completions" && request.method === "POST") return this.#complete(body, response);
    return sendError(response, 404, "Not Found");
  };

  #authorised(request: IncomingMessage): boolean {
    const [, key] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "") ?? [];
    return key !== undefined && (this.#key === undefined || key === this.#key);
  }

  #list(url: URL, response: ServerResponse): void {
    const { pageSize } = this;
    if (this.#listFailure === null) sendJson(response, 200, modelPage(this.#listed, url, pageSize));
    else sendFailure(response, this.#listFailure);
  }

  async #complete(body: string, response: ServerResponse): Promise<void> {
    let wire: WireRequest;
    try {
      wire = JSON.parse(body) as WireRequest;
    } catch {
      return sendError(response, 400, "The body is not JSON");
    }
    const call = recorded(wire, this.calls.length + 1);
    const failure = this.#failures.get(call.model);
    if (failure !== undefined) {
      call.status = failureStatus(failure);
      await this.#record(call);
      return failure.kind === "cut" ? sendCut(response, call) : sendFailure(response, failure);
    }
    const answer = this.#answerTo(call);
    if ("text" in answer) call.answer = answer.text;
    await this.#record(call);
    if (call.stream) sendStream(response, call.model, answer);
    else sendJson(response, 200, completion(call.model, answer));
  }

  #answerTo(call: RecordedCall): Answer {
    const question = lastUserText(call);
    const resultFollows = call.messages.at(-1)?.role === "tool";
    const step = this.#steps.find(
      (candidate) =>
        candidate.left > 0 &&
        !(resultFollows && candidate.toolCall !== undefined) &&
        matches(candidate.match, question),
    );
    if (step === undefined) return { text: pong(call) };
    step.left--;
    if (step.toolCall !== undefined) {
      return { toolCall: { name: step.toolCall.name, arguments: JSON.stringify(step.toolCall.arguments) } };
    }
    if (step.echoSystem !== undefined) {
      return { text: new RegExp(step.echoSystem).exec(call.system)?.[0] ?? "(the system prompt has no such text)" };
    }
    return { text: step.text ?? "" };
  }

  async #record(call: RecordedCall): Promise<void> {
    this.calls.push(call);
    const ready = this.#waiters.filter((waiter) => waiter.predicate(call));
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter));
    for (const waiter of ready) waiter.resolve(call);
    await mkdir(dirname(this.options.logFile), { recursive: true });
    await appendFile(this.options.logFile, `${JSON.stringify(call)}\n`, { mode: 0o600 });
  }

  /**
   * The same over the control socket: `key` {key} (the only one accepted from now on), `model` {id, failure}, `list`
   * {id, change} or {failure} or {pageSize}, `script` {steps}, `reset`, `calls` {since?}, `wait` {system?, question?,
   * tool?, model?, since?, timeoutMs?} (regular expression sources; `tool` is matched with the texts of tool results).
   */
  async control(action: string, body: Record<string, unknown>): Promise<unknown> {
    switch (action) {
      case "key":
        this.#key = String(body["key"]);
        return {};
      case "model":
        this.setModel(String(body["id"]), (body["failure"] as ModelFailure | undefined) ?? null);
        return {};
      case "list":
        this.#changeList(body);
        return {};
      case "script":
        this.script(body["steps"] as ScriptStep[]);
        return {};
      case "reset":
        this.reset();
        return {};
      case "calls":
        return this.calls.filter((call) => call.number > Number(body["since"] ?? 0));
      case "wait":
        return this.waitForCall(callMatcher(body), {
          since: Number(body["since"] ?? 0),
          timeoutMs: Number(body["timeoutMs"] ?? 60_000),
        });
      default:
        throw new Error(`openrouter: unknown action ${action}; there are key, model, list, script, reset, calls, wait`);
    }
  }

  #changeList(body: Record<string, unknown>): void {
    if (typeof body["id"] === "string") this.setListed(body["id"], body["change"] as Partial<ListedModel> | null);
    if ("failure" in body) this.setListFailure(body["failure"] as ModelFailure | null);
    if ("pageSize" in body) this.pageSize = (body["pageSize"] as number | null) ?? undefined;
  }
}

interface WireMessage {
  role: string;
  content?: string | { type: string; text?: string }[] | null;
  tool_calls?: { function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

interface WireRequest {
  model?: string;
  stream?: boolean;
  messages?: WireMessage[];
  tools?: { function?: { name?: string } }[];
}

/** GET /api/v1/key of an account that never bought credits. */
const KEY = {
  label: "sk-or-v1-lab",
  limit: null,
  limit_remaining: null,
  usage: 0,
  is_free_tier: true,
  is_provisioning_key: false,
  rate_limit: { requests: 20, interval: "60s" },
};

function recorded(wire: WireRequest, number: number): RecordedCall {
  const messages = (wire.messages ?? []).map(recordedMessage);
  const isSystem = (message: RecordedMessage): boolean => message.role === "system" || message.role === "developer";
  return {
    number,
    at: new Date().toISOString(),
    model: wire.model ?? "",
    stream: wire.stream === true,
    tools: (wire.tools ?? []).map((tool) => tool.function?.name ?? ""),
    system: messages
      .filter(isSystem)
      .map((message) => message.text)
      .join("\n"),
    messages: messages.filter((message) => !isSystem(message)),
    status: 200,
  };
}

function recordedMessage(message: WireMessage): RecordedMessage {
  const { content } = message;
  const text = typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("\n");
  return {
    role: message.role,
    text,
    ...(message.tool_calls ? { toolCalls: message.tool_calls.map((call) => call.function) } : {}),
    ...(message.tool_call_id !== undefined ? { toolCallId: message.tool_call_id } : {}),
  };
}

function lastUserText(call: RecordedCall): string {
  const answered = call.messages.findLastIndex((message) => message.role === "assistant");
  const asked = call.messages.slice(answered + 1).filter((message) => message.role === "user");
  return asked.map((message) => message.text).join("\n");
}

function matches(match: string | RegExp | undefined, text: string): boolean {
  if (match === undefined) return true;
  return (typeof match === "string" ? new RegExp(match) : match).test(text);
}

function callMatcher(body: Record<string, unknown>): (call: RecordedCall) => boolean {
  const pattern = (name: string): RegExp | undefined =>
    typeof body[name] === "string" ? new RegExp(body[name]) : undefined;
  const [system, question, tool, model] = ["system", "question", "tool", "model"].map(pattern);
  return (call) =>
    (system?.test(call.system) ?? true) &&
    (question?.test(lastUserText(call)) ?? true) &&
    (model?.test(call.model) ?? true) &&
    (tool === undefined || call.messages.some((message) => message.role === "tool" && tool.test(message.text)));
}

const usage = { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13, cost: 0 };

function identity(object: string, model: string): Record<string, unknown> {
  return { id: "gen-lab", provider: "hermes lab", model, object, created: Math.floor(Date.now() / 1000) };
}

let toolCallNumber = 0;

function toolCalls(toolCall: { name: string; arguments: string }): unknown[] {
  return [{ index: 0, id: `call_lab_${++toolCallNumber}`, type: "function", function: toolCall }];
}

function completion(model: string, answer: Answer): unknown {
  const choice =
    "text" in answer
      ? { message: { role: "assistant", content: answer.text }, finish_reason: "stop" }
      : {
          message: { role: "assistant", content: null, tool_calls: toolCalls(answer.toolCall) },
          finish_reason: "tool_calls",
        };
  return { ...identity("chat.completion", model), choices: [{ index: 0, ...choice }], usage };
}

function sendStream(response: ServerResponse, model: string, answer: Answer): void {
  const { event, delta } = startStream(response, model);
  if ("text" in answer) {
    for (const word of wordsOf(answer.text)) delta({ content: word });
    delta({}, "stop");
  } else {
    delta({ tool_calls: toolCalls(answer.toolCall) });
    delta({}, "tool_calls");
  }
  event({ choices: [], usage });
  response.end("data: [DONE]\n\n");
}

/** The beginning of an answer, then the connection breaks. The script is not used up: the next model may get it. */
function sendCut(response: ServerResponse, call: RecordedCall): void {
  const end = (): void => void response.destroy();
  if (call.stream) {
    const { delta } = startStream(response, call.model);
    for (const word of wordsOf(pong(call)).slice(0, 2)) delta({ content: word });
    response.write('data: {"id":"gen-', end);
    return;
  }
  const body = Buffer.from(JSON.stringify(completion(call.model, { text: pong(call) })));
  response.writeHead(200, { "content-type": "application/json; charset=utf-8", "content-length": body.length });
  response.write(body.subarray(0, body.length / 2), end);
}

function startStream(response: ServerResponse, model: string) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const event = (fields: Record<string, unknown>): void => {
    response.write(`data: ${JSON.stringify({ ...identity("chat.completion.chunk", model), ...fields })}\n\n`);
  };
  const delta = (part: Record<string, unknown>, finish: string | null = null): void =>
    event({ choices: [{ index: 0, delta: part, finish_reason: finish }] });
  delta({ role: "assistant", content: "" });
  return { event, delta };
}

const pong = ({ model }: RecordedCall): string => `PONG from ${model}`;
const wordsOf = (text: string): string[] => text.split(/(?<= )/);

function sendError(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { error: { message, code: status } });
}
