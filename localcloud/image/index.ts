export { ensureImage, imageRecipe, IMAGES, recipeHash } from "./image";
export { parseAptSources, sourcesForRelease } from "./sources";
