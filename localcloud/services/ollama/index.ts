import { existsSync } from "node:fs";
import { findLocalModel } from "../../../planner";
import type { Lab } from "../../lab";
import type { Handler } from "../web";
import { githubHost, RELEASE_ASSETS, releaseAssetsHost } from "./dist";
import { ollamaKind } from "./kind";
import { realModel, standInModel, type Model } from "./models";
import { OllamaRegistry } from "./registry";
import { weightsPath } from "./weights";

export { buildOllamaDist } from "./dist";
export { OllamaRegistry } from "./registry";

/** Where registry.ollama.ai redirects those who want a blob. */
const STORAGE = "dd20bb891979d25aebc8bec07b2b3bbc.r2.cloudflarestorage.com";

/** Ollama's registry in the lab, with the models of the planner's table. */
export function openRegistry(lab: Lab): OllamaRegistry {
  return new OllamaRegistry({
    storage: `https://${STORAGE}`,
    modelFor: async (repository, tag) => (isReal(lab) ? realModel(weightsPath(lab.cache)) : table(repository, tag)),
  });
}

const isReal = (lab: Lab): boolean => ollamaKind(lab) === "real" && existsSync(weightsPath(lab.cache));

/** Only tags that the planner knows, so that a wrong one is missed here as it would be at Ollama's. */
function table(repository: string, tag: string): Model | undefined {
  const [, ofLibrary] = /^library\/(.+)$/.exec(repository) ?? [];
  const name = `${ofLibrary ?? `hf.co/${repository}`}:${tag}`;
  const model = findLocalModel(name);
  return model === undefined ? undefined : standInModel(name, model.nativeContext, model.tools);
}

/** Everything of Ollama's that a droplet asks the internet for. */
export function ollamaHosts(lab: Lab, registry: OllamaRegistry, log: (line: string) => void): [string, Handler][] {
  return [
    ["github.com", githubHost(log)],
    [RELEASE_ASSETS, releaseAssetsHost(lab)],
    ["registry.ollama.ai", registry.handler],
    // For tags such as hf.co/OWNER/REPOSITORY:QUANTISATION.
    ["hf.co", registry.handler],
    [STORAGE, registry.handler],
  ];
}
