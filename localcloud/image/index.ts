export { ensureImage, imageRecipe, IMAGES, recipeHash, type ImageOptions, type ImageRecipe } from "./image";
export { machineAptSources, machineRelease, parseAptSources, renderSources, sourcesForRelease } from "./sources";
export type { AptSource } from "./sources";
