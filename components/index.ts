export { Gateway, type GatewayArgs } from "./gateway";
export { Hermes, type HermesArgs } from "./hermes";
export { Host, type HostArgs } from "./host";
export { Perimeter, type PerimeterArgs } from "./perimeter";
export { Tailnet, TailnetNode, type TailnetArgs, type TailnetNodeArgs } from "./tailnet";
