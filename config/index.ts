export { loadCatalogue } from "./catalogue";
export { checkConfig, type CheckContext } from "./check";
export { resourceNames } from "./names";
export { ConfigError, formatProblems, type Problem } from "./problem";
export { readConfig, readSecrets, wantedOpenclaw } from "./read";
export { withPlainErrors } from "./report";
export * from "./types";
export { readWorkspace, type Workspace } from "./workspace";
export { planInput } from "./local-model";
