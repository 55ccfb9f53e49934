import type { Reader } from "./reader";
import { OLLAMA_TAG } from "./local-model";
import type { ModelsConfig } from "./types";

/** OpenRouter's own routers: the only ids that may stand without a vendor. */
const ROUTERS = ["openrouter/free", "openrouter/auto"];

const PART = "[A-Za-z0-9][A-Za-z0-9._-]*";
const OPENROUTER = new RegExp(`^openrouter/(${PART})/(${PART})(:[a-z0-9-]+)?$`);

const ALLOWED = 'A model of OpenRouter: "openrouter/<vendor>/<model>", with ":free" for the free variant.';
/** Free, and in the committed stack. */
const EXAMPLES = [
  "openrouter/google/gemma-4-31b-it:free",
  "openrouter/google/gemma-4-26b-a4b-it:free",
  "openrouter/nvidia/nemotron-3-ultra-550b-a55b:free",
  "openrouter/openrouter/free",
];

const isModel = (text: string): boolean =>
  text.startsWith("ollama/")
    ? OLLAMA_TAG.test(text.slice("ollama/".length))
    : OPENROUTER.test(text) || ROUTERS.includes(text);

/**
 * `provider/vendor/model`, or undefined when it is no model that hermes can set up.
 * @param others models that may not stand here again, which is therefore not suggested
 */
export function readModel(
  reader: Reader,
  key: string,
  value: unknown,
  others: readonly unknown[] = [],
): string | undefined {
  const examples = EXAMPLES.filter((example) => example === value || !others.includes(example));
  const fix = `Write ${examples[0] ?? EXAMPLES[0]}, or another of https://openrouter.ai/models.`;
  const model = reader.text(key, value, { isValid: isModel, allowed: ALLOWED, fix });
  if (model === undefined || isModel(model)) return model;
  reader.reject(key, model, modelFault(model), ALLOWED, modelFix(model, examples, fix));
  return undefined;
}

function modelFault(model: string): string {
  if (model.startsWith("ollama/")) return "it is not a tag of Ollama";
  if (/^openrouter\/[^/]+$/.test(model)) return "the vendor is missing";
  if (!model.startsWith("openrouter/")) return "its provider is not one that hermes sets up";
  return "it is not an id of OpenRouter";
}

/** What is written has to pass the next preview too: what costs money is proposed with its price. */
function modelFix(model: string, examples: readonly string[], otherwise: string): string {
  const plain = model.toLowerCase().replace(/^["'`\s]+|["'`\s]+$/g, "");
  if (plain !== model && (OPENROUTER.test(plain) || ROUTERS.includes(plain))) return `Write ${plain}.`;
  const meant = examples.find((example) => example.endsWith(`/${plain.replace(/^openrouter\//, "")}`));
  if (meant !== undefined) return `Write ${meant}.`;
  if (/^openrouter\/[^/]+$/.test(model)) return `Put the vendor before it, or write ${examples[0]}.`;
  const full = `openrouter/${plain}`;
  if (!OPENROUTER.test(full) || /^(ollama|openrouter)\//.test(plain)) return otherwise;
  if (plain.endsWith(":free")) return `Write ${full}.`;
  return `Write ${examples[0]}, which is free; or ${full} together with hermes:models.allowPaid: true, for it costs money.`;
}

export function readModels(reader: Reader, value: unknown): ModelsConfig {
  const key = "hermes:models";
  const map = reader.map(key, value, ["primary", "fallbacks", "allowUnknown", "allowPaid"]);
  const listed = Array.isArray(map["fallbacks"]) ? (map["fallbacks"] as unknown[]) : [];
  const primary = readModel(reader, `${key}.primary`, map["primary"], listed) ?? "";
  const seen = new Set([canonicalModel(primary)]);
  const example = `[${EXAMPLES.find((each) => each !== primary)}]`;
  const fallbacks = reader.list(`${key}.fallbacks`, map["fallbacks"], { example, isEntry: isModel }).map((entry, i) => {
    const place = `${key}.fallbacks[${i}]`;
    const model = readModel(reader, place, entry, [map["primary"], ...listed]) ?? "";
    if (model && seen.has(canonicalModel(model)))
      reader.reject(place, model, "it stands earlier in the chain already", "Each model once.", "Remove it.");
    seen.add(canonicalModel(model));
    return model;
  });
  return {
    primary,
    fallbacks,
    allowUnknown: reader.boolean(`${key}.allowUnknown`, map["allowUnknown"], false) ?? false,
    allowPaid: reader.boolean(`${key}.allowPaid`, map["allowPaid"], false) ?? false,
  };
}

/** OpenClaw resolves `openrouter/free` and `openrouter/openrouter/free` to the same router. */
export function canonicalModel(model: string): string {
  return ROUTERS.includes(model) ? `openrouter/${model}` : model;
}
