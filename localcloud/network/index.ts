export { createNetwork, destroyNetwork, inNamespace, INTERFACES, networkPlan } from "./namespaces";
export { run, tryRun, waitFor } from "./run";
