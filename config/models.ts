import type { Reader } from "./reader";
import { OLLAMA_TAG } from "./local-model";
import type { ModelsConfig } from "./types";

/** OpenRouter's own routers: the only ids that may stand without a vendor. */
const ROUTERS = ["openrouter/free", "openrouter/auto"];

const PART = "[A-Za-z0-9][A-Za-z0-9._-]*";
const OPENROUTER = new RegExp(`^openrouter/(${PART})/(${PART})(:[a-z0-9-]+)?$`);

const ALLOWED = 'A model of OpenRouter: "openrouter/<vendor>/<model>", with ":free" for the free variant.';
const FIX = 'For example "openrouter/google/gemma-4-31b-it:free"; the list is on https://openrouter.ai/models.';

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

function modelFix(model: string): string {
  if (/^openrouter\/[^/]+$/.test(model)) return `Write "openrouter/<vendor>/${model.slice("openrouter/".length)}".`;
  if (/^[\w.-]+\/[\w.:-]+$/.test(model) && !/^(ollama|openrouter)\//.test(model))
    return `If OpenRouter offers it, write "openrouter/${model}".`;
  return FIX;
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
