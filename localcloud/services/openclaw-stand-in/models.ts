import type { Config } from "./config";

interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

export interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
}

/** A model that was asked before the one that answered. */
interface Attempt {
  provider: string;
  model: string;
  error: string;
}

export interface Answer {
  provider: string;
  model: string;
  text: string;
  toolCalls: ToolCall[];
  attempts: Attempt[];
}

/** After these OpenClaw asks the next model at once. What it does after others, the stand-in does not know. */
const FINAL = [401, 402, 404];

/** Failures of models, so that the next one may be asked. */
class ModelFailed extends Error {}

const EXEC = {
  type: "function",
  function: {
    name: "exec",
    description: "Run shell",
    parameters: { type: "object", properties: { command: { type: "string" } }, required: ["command"] },
  },
};

/**
 * Asks the models in their order.
 *
 * @param keyOf - the API key of a provider
 * @throws Error that names every model with its reason when none answered, or the failure that the stand-in can't tell
 */
export async function complete(
  config: Config,
  chain: string[],
  messages: Message[],
  keyOf: (provider: string) => string,
  signal: AbortSignal,
): Promise<Answer> {
  const attempts: Attempt[] = [];
  for (const name of chain) {
    try {
      return { ...(await ask(config, name, messages, keyOf, signal)), attempts };
    } catch (error) {
      if (!(error instanceof ModelFailed)) throw error;
      attempts.push({ ...parts(name), error: error.message });
    }
  }
  const failures = attempts.map(({ provider, model, error }) => `${provider}/${model}: ${error}`);
  throw new Error(`All models failed (${failures.length}): ${failures.join(" | ")}`);
}

/** PROVIDER/MODEL, where the model's name has slashes of its own. */
function parts(name: string): { provider: string; model: string } {
  const end = name.indexOf("/");
  return { provider: name.slice(0, end), model: name.slice(end + 1) };
}

async function ask(
  config: Config,
  name: string,
  messages: Message[],
  keyOf: (provider: string) => string,
  signal: AbortSignal,
): Promise<Omit<Answer, "attempts">> {
  const { provider, model } = parts(name);
  const settings = config.models.providers[provider];
  if (settings === undefined) throw new Error(`the stand-in knows no provider of ${name}`);
  const reply = await fetch(`${settings.baseUrl}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${keyOf(provider)}`, "content-type": "application/json" },
    body: JSON.stringify({ model, messages, tools: [EXEC], stream: true }),
    signal,
  });
  if (reply.status === 200) return { provider, model, ...readStream(await reply.text()) };
  const said = await reply.text();
  if (FINAL.includes(reply.status) || (reply.status === 429 && said.includes("free-models-per-day")))
    throw new ModelFailed(`${reply.status} ${messageIn(said)}`);
  throw new Error(`the stand-in does not know how OpenClaw takes HTTP ${reply.status} from ${name}`);
}

function messageIn(said: string): string {
  try {
    return (JSON.parse(said) as { error: { message: string } }).error.message;
  } catch {
    return said.slice(0, 200);
  }
}

interface Chunk {
  choices?: { delta?: { content?: string; tool_calls?: (ToolCall & { index: number })[] } }[];
}

/** @throws Error when it breaks off */
function readStream(text: string): Pick<Answer, "text" | "toolCalls"> {
  const lines = text.split("\n").flatMap((line) => (line.startsWith("data: ") ? [line.slice("data: ".length)] : []));
  if (lines.at(-1) !== "[DONE]")
    throw new Error("the stand-in does not know how OpenClaw takes a stream that breaks off");
  const answer: Pick<Answer, "text" | "toolCalls"> = { text: "", toolCalls: [] };
  for (const line of lines.slice(0, -1)) {
    const { content = "", tool_calls = [] } = (JSON.parse(line) as Chunk).choices?.[0]?.delta ?? {};
    answer.text += content;
    for (const { index, ...call } of tool_calls) answer.toolCalls[index] = call;
  }
  return answer;
}
