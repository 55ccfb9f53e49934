// What carries a stack's tag or name and is not in its state: found by `up`, removed by `hermes sweep`.
export { restoreBotTags } from "./bot-tags";
export { alone, refuseMoved, refuseShared, refuseStrays, straysIn, survey, type Survey } from "./guard";
export { remove } from "./remove";
export type { StateResource } from "./state";
export { knownOf, nextStep, strays, type Stray } from "./strays";
export { nodesOf, thingsOf, type Thing } from "./things";
