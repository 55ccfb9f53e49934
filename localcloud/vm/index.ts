export { ensureVmImage, type Provisioning } from "./image";
export { Machine, missingVmRequirement } from "./machine";
