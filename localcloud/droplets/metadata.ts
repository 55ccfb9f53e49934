import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { ADDRESSES } from "../addresses";
import type { Lab } from "../lab";
import type { DropletSpec } from "../substrate";
import { dropletIds, dropletPaths, type DropletRecord } from "./container";

/** The document behind /metadata/v1.json, for one droplet. */
function metadataOf(spec: DropletSpec): Record<string, unknown> {
  const { v4Gateway, v6Gateway, v6Prefix } = ADDRESSES.droplets;
  const ipv4 = { ip_address: spec.ipv4, netmask: "255.255.255.0", gateway: v4Gateway };
  const ipv6 = spec.ipv6 === undefined ? {} : { ipv6: { ip_address: spec.ipv6, cidr: v6Prefix, gateway: v6Gateway } };
  return {
    droplet_id: spec.id,
    hostname: spec.name,
    user_data: spec.userData,
    public_keys: spec.sshKeys,
    region: spec.region,
    interfaces: { public: [{ ipv4, ...ipv6, type: "public" }] },
    dns: { nameservers: [ADDRESSES.internet.v4] },
    tags: spec.tags,
  };
}

/**
 * Answers a path of the metadata service as text: leaves as they are, lists a line each, folders as the names in them
 * (those of folders end in "/").
 *
 * @returns undefined for a path that is not there.
 */
export function answerMetadata(path: string, spec: DropletSpec): string | undefined {
  const document = metadataOf(spec);
  if (path === "/metadata/v1.json") return JSON.stringify(document);
  if (!/^\/metadata\/v1(\/|$)/.test(path)) return undefined;
  const parts = path.slice("/metadata/v1".length).split("/").filter(Boolean);
  return listing(parts.reduce(step, renamed(document) as unknown));
}

/** Where the document says droplet_id, the paths say id. */
function renamed(document: Record<string, unknown>): Record<string, unknown> {
  const { droplet_id, ...rest } = document;
  return { id: droplet_id, ...rest };
}

function step(node: unknown, part: string): unknown {
  if (node === undefined || node === null || typeof node !== "object") return undefined;
  return Object.entries(node).find(([name]) => pathName(name) === part)?.[1];
}

/** The document's ip_address is a path's "address". */
const pathName = (name: string): string => (name === "ip_address" ? "address" : name.replaceAll("_", "-"));

function listing(node: unknown): string | undefined {
  if (node === undefined) return undefined;
  if (node === null) return "null";
  const scalar = node as string | number | boolean | object;
  if (typeof scalar !== "object") return String(scalar);
  if (Array.isArray(node) && node.every((item) => typeof item !== "object")) return node.join("\n");
  return Object.entries(node)
    .map(([name, value]) => `${pathName(name)}${typeof value === "object" ? "/" : ""}`)
    .join("\n");
}

/** The droplet that has an address. */
function dropletAt(lab: Lab, address: string): DropletSpec | undefined {
  return dropletIds(lab)
    .map((id) => dropletPaths(lab, id).record)
    .filter(existsSync)
    .map((path) => (JSON.parse(readFileSync(path, "utf8")) as DropletRecord).spec)
    .find((spec) => spec.ipv4 === address);
}

/**
 * Starts the metadata service: each droplet is told about itself, by the address it asks from; nobody else is told
 * anything. Only a process in the lab's network namespace can listen there.
 */
export function startMetadata(lab: Lab): Promise<Server> {
  const server = createServer((request, response) => {
    const source = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
    const spec = dropletAt(lab, source);
    const answer =
      spec === undefined ? undefined : answerMetadata(new URL(request.url ?? "/", "http://m").pathname, spec);
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "text/plain; charset=utf-8" });
    response.end(answer ?? "not found\n");
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(ADDRESSES.metadata.port, ADDRESSES.metadata.v4, () => resolve(server));
  });
}
