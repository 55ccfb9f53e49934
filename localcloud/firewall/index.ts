export { renderFirewall } from "./render";
