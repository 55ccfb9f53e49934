export { ensureVmImage, type Provisioning, type VmImage } from "./image";
export { Machine, vmHindrance, type Accelerator, type MachineOptions } from "./machine";
