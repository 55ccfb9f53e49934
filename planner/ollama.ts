import { BATCH, sumMiB } from "./budget";
import type { LocalModel } from "./local-models";
import type { Constants } from "./measured";
import type { Budget, LocalModelPlan, LocalModelRequest } from "./types";

/** What Ollama and its unit are set to for a model that was weighed and has room. */
export function ollamaPlan(
  model: LocalModel,
  { contextTokens, cacheType }: LocalModelRequest,
  memory: Budget,
  constants: Constants,
): LocalModelPlan {
  return {
    tag: model.tag,
    contextTokens,
    nativeContext: model.nativeContext,
    cacheType,
    batch: BATCH,
    fileBytes: model.fileBytes,
    memoryMaxMiB: ollamaMaxMiB(memory, constants),
    environment: {
      OLLAMA_HOST: "127.0.0.1:11434",
      OLLAMA_MODELS: "/var/lib/ollama/models",
      OLLAMA_CONTEXT_LENGTH: String(contextTokens),
      // Without it a quantised cache saves nothing.
      OLLAMA_FLASH_ATTENTION: "1",
      OLLAMA_KV_CACHE_TYPE: cacheType,
      OLLAMA_NUM_PARALLEL: "1",
      OLLAMA_MAX_LOADED_MODELS: "1",
      // Loaded for good: reading it in again, and its prompt, takes minutes.
      OLLAMA_KEEP_ALIVE: "-1",
      OLLAMA_LOAD_TIMEOUT: "15m",
      // A pull that was interrupted goes on, also when Ollama was restarted an hour later.
      OLLAMA_NOPRUNE: "1",
      // No model of ollama.com: prompts stay on the droplet.
      OLLAMA_NO_CLOUD: "1",
      // For newer versions, which start llama-server; the pinned one does not read them. docs/memory.md says more.
      LLAMA_ARG_CACHE_RAM: "256",
      LLAMA_ARG_CTX_CHECKPOINTS: "4",
    },
  };
}

/** The model's lines and a margin, but never what system and gateway need. */
function ollamaMaxMiB({ lines, memTotalMiB }: Budget, constants: Constants): number {
  const own = sumMiB(lines, "local model");
  const margin = Math.max(constants.ollamaMarginMinMiB, Math.ceil((own * constants.ollamaMarginPercent) / 100));
  const others = sumMiB(lines, "system") + sumMiB(lines, "gateway");
  return Math.min(own + margin, memTotalMiB - others);
}
