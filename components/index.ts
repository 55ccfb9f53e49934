export { Hermes } from "./hermes";
