import { randomUUID } from "node:crypto";
import { isIP } from "node:net";
import { isoNow, type Cloud } from "./cloud";
import { conflict, notFound, unprocessable } from "./errors";
import { numbers, paged, param, required, route, texts, type Route } from "./route";
import type { FirewallRecord, RuleRecord } from "./state";
import { firewallView } from "./views";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9.-]*$/;
const PORTS = /^(all|0|\d{1,5}(-\d{1,5})?)$/;

type Wanted = Omit<FirewallRecord, "id" | "createdAt">;

/** Reads and checks the body of a create or a full update. */
function wantedFirewall(cloud: Cloud, body: Record<string, unknown>, self?: string): Wanted {
  const name = required(body, "name", "name is required");
  if (!NAME.test(name)) throw unprocessable("name must contain only alphanumeric characters, dashes and periods");
  if (Object.values(cloud.state.firewalls).some((f) => f.name === name && f.id !== self)) {
    throw conflict("duplicate name");
  }
  const inbound = rules(cloud, body["inbound_rules"], "sources");
  const outbound = rules(cloud, body["outbound_rules"], "destinations");
  if (inbound.length + outbound.length === 0) throw unprocessable("must have at least one rule");
  const tags = texts(body["tags"]);
  const dropletIds = numbers(body["droplet_ids"]);
  if (tags.length > 5) throw unprocessable("a firewall may have at most 5 tags");
  if (dropletIds.length > 10) throw unprocessable("a firewall may have at most 10 droplets");
  mustBeKnown(cloud, tags, dropletIds);
  return { name, inbound, outbound, tags, dropletIds };
}

function mustBeKnown(cloud: Cloud, tags: string[], dropletIds: number[]): void {
  for (const tag of tags) if (!cloud.state.tags.includes(tag)) throw unprocessable(`tag "${tag}" does not exist`);
  for (const id of dropletIds) {
    if (cloud.state.droplets[String(id)] === undefined) throw unprocessable(`droplet ${id} does not exist`);
  }
}

function rules(cloud: Cloud, value: unknown, side: "sources" | "destinations"): RuleRecord[] {
  return (Array.isArray(value) ? (value as Record<string, unknown>[]) : []).map((rule) => {
    const protocol = rule["protocol"];
    if (protocol !== "tcp" && protocol !== "udp" && protocol !== "icmp") {
      throw unprocessable(`protocol "${String(protocol)}" is invalid: tcp, udp and icmp are supported`);
    }
    const target = (rule[side] ?? {}) as Record<string, unknown>;
    const addresses = texts(target["addresses"]);
    const tags = texts(target["tags"]);
    const dropletIds = numbers(target["droplet_ids"]);
    addresses.forEach(mustBeAddress);
    mustBeKnown(cloud, tags, dropletIds);
    const asked = rule["ports"] as string | number | null | undefined;
    const ports = asked === undefined || asked === null ? undefined : String(asked);
    if (protocol !== "icmp") mustBePorts(ports);
    return { protocol, ...(ports === undefined ? {} : { ports }), target: { addresses, tags, dropletIds } };
  });
}

function mustBeAddress(address: string): void {
  const [ip = "", prefix, ...rest] = address.split("/");
  const bits = isIP(ip) === 4 ? 32 : isIP(ip) === 6 ? 128 : -1;
  const fits = prefix === undefined || (/^\d+$/.test(prefix) && Number(prefix) <= bits);
  if (bits < 0 || !fits || rest.length > 0) throw unprocessable(`invalid address "${address}"`);
}

function mustBePorts(ports: string | undefined): void {
  if (ports === undefined || !PORTS.test(ports)) throw unprocessable(`invalid ports "${ports ?? ""}"`);
  const [from = 0, to = from] = ports.split("-").map(Number);
  if (from > to || to > 65535) throw unprocessable(`invalid ports "${ports}"`);
}

function firewallBy(cloud: Cloud, id: string): FirewallRecord {
  const firewall = cloud.state.firewalls[id];
  if (firewall === undefined) throw notFound();
  return firewall;
}

export const firewallRoutes: Route[] = [
  route("GET", "/v2/firewalls", (cloud, call) =>
    paged("firewalls", Object.values(cloud.state.firewalls).map(firewallView), call),
  ),
  route("POST", "/v2/firewalls", async (cloud, { body }) => {
    const firewall = { ...wantedFirewall(cloud, body), id: randomUUID(), createdAt: isoNow() };
    cloud.state.firewalls[firewall.id] = firewall;
    await cloud.pushFirewalls();
    return { status: 202, body: { firewall: firewallView(firewall) } };
  }),
  route("GET", "/v2/firewalls/:firewall", (cloud, call) => ({
    status: 200,
    body: { firewall: firewallView(firewallBy(cloud, param(call))) },
  })),
  route("PUT", "/v2/firewalls/:firewall", async (cloud, call) => {
    const firewall = firewallBy(cloud, param(call));
    Object.assign(firewall, wantedFirewall(cloud, call.body, firewall.id));
    await cloud.pushFirewalls();
    return { status: 200, body: { firewall: firewallView(firewall) } };
  }),
  route("DELETE", "/v2/firewalls/:firewall", async (cloud, call) => {
    delete cloud.state.firewalls[firewallBy(cloud, param(call)).id];
    await cloud.pushFirewalls();
    return { status: 204 };
  }),
];
