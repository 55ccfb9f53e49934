export { policySettings, strictSettings } from "./settings";
export { findingsOn, findingsOver, RULES, violations } from "./rules";
export { UNKNOWN, type PolicyResource, type PolicySettings } from "./types";
