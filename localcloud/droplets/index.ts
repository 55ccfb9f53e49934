export { dropletCommand, dropletIds, dropletPaths, execInDroplet, leaderOf, type DropletRecord } from "./container";
export { DIFFERENCES, type Difference } from "./differences";
export { answerMetadata, startMetadata } from "./metadata";
export { ContainerSubstrate, releaseDroplets, type ContainerOptions, type DropletEvents } from "./substrate";
