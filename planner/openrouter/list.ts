import { asMap } from "../../lib/maps";
import shipped from "./models.json";

/** Tokens. Below it no agent works: a first turn takes some 14,000, and OpenClaw keeps 20,000 for what follows. */
export const CONTEXT_MIN = 32_768;

/** Tokens. From here an agent has room for its work, not only for its instructions. */
export const CONTEXT_COMFORTABLE = 65_536;

/** A model that goes away within this time is worth a word now. */
export const NOTICE_DAYS = 30;

/** A model that OpenRouter offers, as far as its list says. */
export interface ListedModel {
  /** OpenRouter's own id, without the provider: "google/gemma-4-31b-it:free". */
  id: string;
  /** Tokens of prompt and answer together. */
  contextLength?: number;
  /** Tokens of one answer. */
  maxOutput?: number;
  /** Whether it can call tools; absent: the list does not say. */
  tools?: boolean;
  /** Absent: not known, which counts as paid. */
  price?: Price;
  /** ISO date after which OpenRouter no longer offers it. */
  expires?: string;
}

/** US dollars per million tokens. */
export interface Price {
  input: number;
  output: number;
}

/** OpenRouter's models, and where that knowledge is from. */
export interface ModelList {
  models: ListedModel[];
  /** `live`: asked from OpenRouter in this run; `shipped`: the list that came with hermes. */
  source: "live" | "shipped";
  /** ISO date of the shipped list. */
  asOf?: string;
  /** Why OpenRouter was not asked with success. */
  failure?: string;
}

/** The list that came with hermes (`openrouter.json`, with its source). Only a part of what OpenRouter offers. */
export function shippedList(): ModelList & { asOf: string } {
  const models = shipped.models.map((model) => ({
    id: model.id,
    contextLength: model.context,
    maxOutput: model.max_output,
    tools: model.tools,
    ...priceOf(model),
  }));
  return { models, source: "shipped", asOf: shipped.as_of };
}

/** What became of an id that was offered once; undefined for all others. */
export function whatBecameOf(id: string): string | undefined {
  return shipped.gone.find((gone) => gone.id === id)?.what;
}

/**
 * OpenRouter's own id of `openrouter/VENDOR/MODEL`. Its routers are of the vendor "openrouter", which their short form
 * (`openrouter/free`) leaves out.
 */
export function openrouterId(model: string): string {
  const rest = model.slice("openrouter/".length);
  return rest.includes("/") ? rest : `openrouter/${rest}`;
}

/** Ways of routing that may follow any id; the list has the id alone. */
const ROUTING = /:(nitro|floor|exacto|online)$/;

export function findModel(models: readonly ListedModel[], id: string): ListedModel | undefined {
  const bare = id.replace(ROUTING, "");
  return models.find((model) => model.id === id) ?? models.find((model) => model.id === bare);
}

/** One entry of OpenRouter's `GET /api/v1/models`; undefined when it names no model. Fields may be missing. */
export function parseEntry(value: unknown): ListedModel | undefined {
  const entry = asMap(value);
  if (typeof entry["id"] !== "string" || entry["id"] === "") return undefined;
  const { id } = entry;
  const provider = asMap(entry["top_provider"]);
  const parameters = entry["supported_parameters"];
  const expires = entry["expiration_date"];
  return {
    id,
    ...whole("contextLength", entry["context_length"] ?? provider["context_length"]),
    ...whole("maxOutput", provider["max_completion_tokens"]),
    ...(Array.isArray(parameters) ? { tools: parameters.includes("tools") } : {}),
    ...(entry["pricing"] === undefined ? priceByName(id) : priceOf(asMap(entry["pricing"]))),
    ...(typeof expires === "string" && !Number.isNaN(Date.parse(expires)) ? { expires } : {}),
  };
}

const whole = <Name extends string>(name: Name, value: unknown): { [name in Name]?: number } =>
  (Number.isSafeInteger(value) && (value as number) > 0 ? { [name]: value } : {}) as { [name in Name]?: number };

const FREE: Price = { input: 0, output: 0 };

/** Where a list has no prices at all, OpenRouter's `:free` still says what it says. */
const priceByName = (id: string): { price?: Price } => (id.endsWith(":free") ? { price: FREE } : {});

/** Prices are per token, as text; a router's is "-1", since it depends on where the request goes. */
function priceOf(pricing: Record<string, unknown>): { price?: Price } {
  const [prompt, completion, request] = [pricing["prompt"], pricing["completion"], pricing["request"] ?? 0].map(
    dollars,
  );
  if (prompt === undefined || completion === undefined || request !== 0) return {};
  return { price: { input: perMillion(prompt), output: perMillion(completion) } };
}

function dollars(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? number : undefined;
}

const perMillion = (perToken: number): number => Number((perToken * 1e6).toPrecision(12));

/** The router over free models is free; where the other routers send a request, and what that costs, is not known. */
export function isFree({ id, price }: ListedModel): boolean {
  if (id.startsWith("openrouter/")) return id === "openrouter/free";
  return price?.input === 0 && price.output === 0;
}

/** Days until OpenRouter takes it off, negative after; undefined: it stays. */
export function daysLeft({ expires }: ListedModel, now: Date): number | undefined {
  return expires === undefined ? undefined : (Date.parse(expires) - now.getTime()) / 86_400_000;
}
