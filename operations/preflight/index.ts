// What is looked up and refused before any resource is made.
export { refuseLockout } from "./lockout";
export { checkChain } from "./model-chain";
export { loadModels } from "./model-lookup";
export { checkRelease } from "./release";
export { loadRelease } from "./release-lookup";
export { sayChanges } from "./say-changes";
export { sayChain, sayRelease } from "./warnings";
