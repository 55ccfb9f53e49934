export { createNetwork, destroyNetwork, inNamespace, INTERFACES, namespacePath, networkPlan } from "./namespaces";
export { run, tryRun, waitFor } from "./run";
