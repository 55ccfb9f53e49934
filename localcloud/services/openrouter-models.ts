/** A model that the OpenRouter stand-in lists. */
export interface ListedModel {
  id: string;
  contextLength: number;
  maxOutput: number;
  /** US dollars per token, as OpenRouter writes them. */
  prompt: string;
  completion: string;
}

const free = (id: string, contextLength: number, maxOutput: number): ListedModel => ({
  id,
  contextLength,
  maxOutput,
  prompt: "0",
  completion: "0",
});

/** The chain that hermes starts from, free and able to call tools (seen 2026-11-10), and one paid model. */
export const LISTED_MODELS: ListedModel[] = [
  free("google/gemma-4-31b-it:free", 262_144, 32_768),
  free("google/gemma-4-26b-a4b-it:free", 262_144, 32_768),
  free("nvidia/nemotron-3-ultra-550b-a55b:free", 1_000_000, 65_536),
  free("openrouter/free", 200_000, 4_096),
  {
    id: "openai/gpt-oss-20b",
    contextLength: 131_072,
    maxOutput: 32_768,
    prompt: "0.00000003",
    completion: "0.00000013",
  },
];

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
    supported_parameters: [
      "max_tokens",
      "reasoning",
      "response_format",
      "temperature",
      "tool_choice",
      "tools",
      "top_p",
    ],
    expiration_date: null,
  };
}
