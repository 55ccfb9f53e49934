// What one turn of an agent came to: who answered, and which models were asked before and did not. Reads what
// `openclaw agent --json` prints; as seen with OpenClaw 2026.9.6.

/** A model that was asked and gave no answer. */
export interface FailedModel {
  model: string;
  /** What it answered instead, for people. */
  reason: string;
}

export interface AgentTurn {
  ok: boolean;
  text?: string;
  /** Which one answered. */
  model?: string;
  /** Those that were asked before it, in their order. Absent: none. */
  failed?: FailedModel[];
  error?: string;
}

interface Attempt {
  provider?: string;
  model?: string;
  error?: string;
  reason?: string;
  code?: string;
}

interface TurnOutput {
  status?: string;
  /** Where every model failed by an error: which were asked, and what they said. */
  error?: { message?: string };
  result?: {
    payloads?: { text?: string }[];
    meta?: {
      agentMeta?: { provider?: string; model?: string; fallbackAttempts?: Attempt[] };
      /** The same attempts in less detail, also where no model is known to have answered. */
      executionTrace?: { attempts?: (Attempt & { result?: string })[] };
    };
  };
}

const REASON_LENGTH = 300;

/** @returns undefined when it is not what OpenClaw prints */
export function readTurn(stdout: string): AgentTurn | undefined {
  try {
    return turnIn(JSON.parse(stdout.slice(stdout.indexOf("{"))) as TurnOutput);
  } catch {
    return undefined;
  }
}

function turnIn({ status, error, result }: TurnOutput): AgentTurn {
  if (error?.message) return { ok: false, error: withAdvice(error.message.slice(0, 1000)) };
  const failed = failedModels(result?.meta);
  const text = result?.payloads?.[0]?.text;
  if (status !== "ok" || !text) return { ok: false, error: noAnswer(status, failed) };
  const { provider, model } = result.meta?.agentMeta ?? {};
  return {
    ok: true,
    text: text.slice(0, 500),
    ...(model ? { model: nameOf({ ...(provider ? { provider } : {}), model }) } : {}),
    ...(failed.length > 0 ? { failed } : {}),
  };
}

function failedModels(meta: NonNullable<TurnOutput["result"]>["meta"]): FailedModel[] {
  const traced = meta?.executionTrace?.attempts?.filter(({ result }) => result !== "success");
  const attempts = meta?.agentMeta?.fallbackAttempts ?? traced ?? [];
  return attempts.map((attempt) => ({ model: nameOf(attempt), reason: reasonOf(attempt) }));
}

const nameOf = ({ provider, model = "an unnamed model" }: Attempt): string =>
  provider === undefined ? model : `${provider}/${model}`;

/** OpenClaw's codes of an answer without words, whose error is made for a chat. */
const EMPTY = ["incomplete_result", "empty_result"];

function reasonOf({ error, reason, code = "" }: Attempt): string {
  if (EMPTY.includes(code)) return "an empty answer";
  return (error ?? reason ?? "no reason given").replace(/\s+/g, " ").trim().slice(0, REASON_LENGTH);
}

function noAnswer(status: string | undefined, failed: FailedModel[]): string {
  const ended = `the agent's turn ended with ${status ?? "nothing"}`;
  return failed.length === 0 ? ended : withAdvice(`${ended}; no model answered: ${failedText(failed)}`);
}

/** "a/b (429 Rate limit exceeded), c/d (an empty answer)" */
export const failedText = (failed: readonly FailedModel[]): string =>
  failed.map(({ model, reason }) => `${model} (${reason})`).join(", ");

/**
 * OpenRouter answers 404 where the account's privacy settings leave no endpoint of a model, and OpenClaw takes that for a
 * model that does not exist.
 */
export function privacyAdvice(said: string): string | undefined {
  if (!/openrouter\.ai\/settings\/privacy|data policy/i.test(said)) return undefined;
  const setting = /data policy \(([^)]{1,60})\)/i.exec(said)?.[1];
  const what = setting === undefined ? "what the model's providers do with prompts" : `"${setting}"`;
  return (
    `The privacy settings of the OpenRouter account exclude these models. Allow ${what} on ` +
    "https://openrouter.ai/settings/privacy, or choose other models (hermes:models)"
  );
}

function withAdvice(error: string): string {
  const advice = privacyAdvice(error);
  return advice === undefined ? error : `${error}\n  ${advice}`;
}
