// What carries a stack's tag or name and is not in its state: found by `up`, removed by `hermes sweep`.
export { alone, refuseStrays, straysIn, survey, type Survey } from "./guard";
export { remove } from "./remove";
export { knownOf, nextStep, strays, type StateResource, type Stray } from "./strays";
export { nodesOf, thingsOf, type Thing } from "./things";
