import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chainOf, type Config } from "./config";
import { complete, type Answer, type Message } from "./models";
import { execInSandbox } from "./sandbox";
import { openAgent } from "./state";

export interface Question {
  agent: string;
  /** Without the agent's name. */
  session: string;
  message: string;
  seconds: number;
}

/** Files of a workspace that every turn's system prompt has. */
const IN_PROMPT = ["AGENTS.md", "SOUL.md"];
const MOST_CALLS = 20;

/** What `openclaw agent --json` prints. */
export async function turn(config: Config, question: Question, keyOf: (provider: string) => string): Promise<object> {
  const runId = randomUUID();
  const signal = AbortSignal.timeout(question.seconds * 1000);
  try {
    const { provider, model, text, attempts } = await converse(config, question, keyOf, signal);
    const fallback = attempts.length > 0 ? { fallbackAttempts: attempts } : {};
    const agentMeta = { provider, model, sessionFile: sessionKey(question), ...fallback };
    return {
      ...{ runId, status: "ok", summary: "completed" },
      result: { payloads: [{ text, mediaUrl: null }], meta: { agentMeta, aborted: false } },
    };
  } catch (error) {
    if (!signal.aborted) return { ok: false, runId, error: { type: "cli_error", message: (error as Error).message } };
    const text = "Request timed out before a response was generated.";
    const result = { payloads: [{ text, isError: true, mediaUrl: null }], meta: { aborted: true } };
    return { runId, status: "timeout", summary: "aborted", result };
  }
}

const sessionKey = ({ agent, session }: Question): string => `agent:${agent}:${session}`;

/** Model and tools in turn until the model has nothing more to run. Only a whole turn is remembered. */
async function converse(
  config: Config,
  question: Question,
  keyOf: (provider: string) => string,
  signal: AbortSignal,
): Promise<Answer> {
  const { agent, message } = question;
  if (!(agent in config.agents.entries)) throw new Error(`Unknown agent id "${agent}".`);
  const database = openAgent(agent);
  try {
    const key = sessionKey(question);
    const rows = database.prepare("SELECT message FROM messages WHERE session = ? ORDER BY number").all(key);
    const history = rows.map((row) => JSON.parse(String(row["message"])) as Message);
    const fresh: Message[] = [{ role: "user", content: message }];
    const system: Message = { role: "system", content: systemPrompt(config, agent) };
    for (let calls = 0; calls < MOST_CALLS; calls++) {
      const answer = await complete(config, chainOf(config, agent), [system, ...history, ...fresh], keyOf, signal);
      const { text, toolCalls } = answer;
      fresh.push({ role: "assistant", content: text, ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}) });
      if (toolCalls.length === 0) {
        const insert = database.prepare("INSERT INTO messages (session, message) VALUES (?, ?)");
        for (const each of fresh) insert.run(key, JSON.stringify(each));
        return answer;
      }
      for (const { id, function: called } of toolCalls) {
        const result = await run(config, agent, called, signal);
        fresh.push({ role: "tool", content: result, tool_call_id: id });
      }
    }
    throw new Error(`the model called tools ${MOST_CALLS} times`);
  } finally {
    database.close();
  }
}

async function run(
  config: Config,
  agent: string,
  { name, arguments: text }: { name: string; arguments: string },
  signal: AbortSignal,
): Promise<string> {
  if (name !== "exec") throw new Error(`the stand-in of OpenClaw has no tool ${name}`);
  const { command } = JSON.parse(text) as { command: string };
  return execInSandbox(config, agent, command, signal);
}

function systemPrompt(config: Config, agent: string): string {
  const workspace = config.agents.entries[agent]?.workspace ?? "";
  const files = IN_PROMPT.flatMap((name) => {
    try {
      return [`## ${name}\n\n${readFileSync(join(workspace, name), "utf8")}`];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  });
  return ["You are the agent of a stand-in of OpenClaw.", ...files].join("\n\n");
}
