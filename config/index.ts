export { loadCatalogue } from "./catalogue";
export { checkConfig, type CheckContext, type CheckResult } from "./check";
export { baseName, resourceNames, type ResourceNames } from "./names";
export { ConfigError, formatProblems, type Problem } from "./problem";
export { readConfig, readSecrets, wantedOpenclaw } from "./read";
export { withPlainErrors } from "./report";
export * from "./types";
export { readWorkspace, type Workspace, type WorkspaceEntry } from "./workspace";
export { planInput } from "./local-model";
