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
const FIX = `Write ${EXAMPLES[0]}, or another of https://openrouter.ai/models.`;

/** `provider/vendor/model`, or undefined when it is no model that hermes can set up. */
export function readModel(reader: Reader, key: string, value: unknown): string | undefined {
  const model = reader.text(key, value, { allowed: ALLOWED, fix: FIX });
  if (model === undefined) return undefined;
  if (model.startsWith("ollama/") && OLLAMA_TAG.test(model.slice("ollama/".length))) return model;
  if (OPENROUTER.test(model) || ROUTERS.includes(model)) return model;
  reader.reject(key, model, modelFault(model), ALLOWED, modelFix(model));
  return undefined;
}

function modelFault(model: string): string {
  if (model.startsWith("ollama/")) return "it is not a tag of Ollama";
  if (/^openrouter\/[^/]+$/.test(model)) return "the vendor is missing";
  if (!model.startsWith("openrouter/")) return "its provider is not one that hermes sets up";
  return "it is not an id of OpenRouter";
}

/** What is written has to pass the next preview too: what costs money is proposed with its price. */
function modelFix(model: string): string {
  const plain = model.toLowerCase().replace(/^["'`\s]+|["'`\s]+$/g, "");
  if (plain !== model && (OPENROUTER.test(plain) || ROUTERS.includes(plain))) return `Write ${plain}.`;
  const meant = EXAMPLES.find((example) => example.endsWith(`/${plain.replace(/^openrouter\//, "")}`));
  if (meant !== undefined) return `Write ${meant}.`;
  if (/^openrouter\/[^/]+$/.test(model)) return `Put the vendor before it, or write ${EXAMPLES[0]}.`;
  const full = `openrouter/${plain}`;
  if (!OPENROUTER.test(full) || /^(ollama|openrouter)\//.test(plain)) return FIX;
  if (plain.endsWith(":free")) return `Write ${full}.`;
  return `Write ${EXAMPLES[0]}, which is free; or ${full} together with hermes:models.allowPaid: true, for it costs money.`;
}

export function readModels(reader: Reader, value: unknown): ModelsConfig {
  const key = "hermes:models";
  const map = reader.map(key, value, ["primary", "fallbacks", "allowUnknown", "allowPaid"]);
  const primary = readModel(reader, `${key}.primary`, map["primary"]) ?? "";
  const seen = new Set([canonicalModel(primary)]);
  const fallbacks = reader.list(`${key}.fallbacks`, map["fallbacks"]).map((entry, i) => {
    const place = `${key}.fallbacks[${i}]`;
    const model = readModel(reader, place, entry) ?? "";
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
