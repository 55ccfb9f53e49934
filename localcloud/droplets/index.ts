export { dropletCommand, dropletIds, dropletPaths, execInDroplet, type DropletRecord } from "./container";
export { startMetadata } from "./metadata";
export { ContainerSubstrate, releaseDroplets } from "./substrate";
