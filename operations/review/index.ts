export type { Level, PreviewDigest, Report, ReportInput, ResourceState, Verdict } from "./types";
export { LEVELS } from "./types";
export { renderReport } from "./report";
export { secretsIn, tooShort } from "./secrets";
