import { shippedList } from "../../planner/openrouter/list";

/** A model that the OpenRouter stand-in lists. */
export interface ListedModel {
  id: string;
  contextLength: number;
  maxOutput: number;
  /** US dollars per token, as OpenRouter writes them. */
  prompt: string;
  completion: string;
  /** False: its supported_parameters lack "tools". */
  tools: boolean;
  /** ISO date after which it is gone; null: it stays. */
  expires: string | null;
}

const listed = (id: string, change: Partial<ListedModel> = {}): ListedModel => ({
  id,
  contextLength: 131_072,
  maxOutput: 32_768,
  prompt: "0",
  completion: "0",
  tools: true,
  expires: null,
  ...change,
});

/** What hermes ships as OpenRouter's list (as of 2026-11-10), and ids that a chain must not have. */
export function listedModels(): Map<string, ListedModel> {
  const shipped = shippedList().models.map(({ id, contextLength = 0, maxOutput = 0, price }) =>
    listed(id, { contextLength, maxOutput, prompt: perToken(price?.input), completion: perToken(price?.output) }),
  );
  const paid = { contextLength: 1_000_000, maxOutput: 64_000, prompt: "0.000002", completion: "0.00001" };
  return new Map([...shipped, listed("anthropic/claude-sonnet-5", paid)].map((model) => [model.id, model]));
}

/** OpenRouter writes "-1" for what depends on where a router sends the request. */
const perToken = (perMillion: number | undefined): string =>
  perMillion === undefined ? "-1" : String(Number((perMillion / 1e6).toPrecision(12)));

/** The list with one model changed, added, or (null) taken away. */
export function withChange(
  models: ReadonlyMap<string, ListedModel>,
  id: string,
  change: Partial<Omit<ListedModel, "id">> | null,
): Map<string, ListedModel> {
  const changed = new Map(models);
  if (change === null) changed.delete(id);
  else changed.set(id, { ...(models.get(id) ?? listed(id)), ...change });
  return changed;
}

const PARAMETERS = ["max_tokens", "reasoning", "response_format", "temperature", "top_p"];

/** One entry of GET /api/v1/models. */
export function modelEntry(model: ListedModel): Record<string, unknown> {
  return {
    id: model.id,
    canonical_slug: model.id.replace(/:free$/, ""),
    name: model.id,
    created: 1_767_225_600,
    description: "",
    context_length: model.contextLength,
    architecture: {
      modality: "text->text",
      input_modalities: ["text"],
      output_modalities: ["text"],
      tokenizer: "Other",
      instruct_type: null,
    },
    pricing: { prompt: model.prompt, completion: model.completion, request: "0", image: "0" },
    top_provider: {
      context_length: model.contextLength,
      max_completion_tokens: model.maxOutput,
      is_moderated: false,
    },
    per_request_limits: null,
    supported_parameters: model.tools ? [...PARAMETERS, "tool_choice", "tools"] : PARAMETERS,
    expiration_date: model.expires,
  };
}

/**
 * The answer to GET /api/v1/models: all at once, or in pages, each naming the next.
 * @param pageSize - models per page; absent: all
 */
export function modelPage(models: ReadonlyMap<string, ListedModel>, url: URL, pageSize?: number): unknown {
  const size = pageSize ?? Infinity;
  const from = Number(url.searchParams.get("offset") ?? 0);
  const data = [...models.values()].slice(from, from + size).map(modelEntry);
  const next = from + size < models.size ? `${url.pathname}?offset=${from + size}` : null;
  return { data, ...(pageSize === undefined ? {} : { links: { next } }) };
}
