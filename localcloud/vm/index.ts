export { ensureVmImage, type Provisioning } from "./image";
export { Machine, vmHindrance } from "./machine";
