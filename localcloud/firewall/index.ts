export { FIREWALL_TABLE, renderFirewall } from "./render";
