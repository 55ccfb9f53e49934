import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

interface FakeDevice {
  id: string;
  nodeId: string;
  name: string;
  hostname: string;
  tags: string[];
  addresses: string[];
  [field: string]: unknown;
}

/** The Tailscale API v2 calls that hermes makes, over lists in memory. */
export interface FakeTailscale {
  url: string;
  keys: Map<string, Record<string, unknown>>;
  devices: FakeDevice[];
  calls: { method: string; path: string; status: number; authorization: string }[];
  stop(): Promise<void>;
}

type Reply = { status: number; body: unknown };
const NOT_FOUND: Reply = { status: 404, body: { message: "not found" } };

/** @param apiKey the one API key that is accepted; an OAuth token made here is accepted too. */
export async function fakeTailscale(apiKey: string): Promise<FakeTailscale> {
  const keys: FakeTailscale["keys"] = new Map();
  const devices: FakeDevice[] = [];
  const calls: FakeTailscale["calls"] = [];
  const accepted = [`Basic ${Buffer.from(`${apiKey}:`).toString("base64")}`, "Bearer fake-oauth-token"];
  let made = 0;

  const createKey = (body: Record<string, unknown>): Reply => {
    const id = `kFAKE${++made}CNTRL`;
    const expirySeconds = Number(body["expirySeconds"] ?? 7_776_000);
    const key = {
      id,
      keyType: "auth",
      created: new Date().toISOString(),
      expires: new Date(Date.now() + expirySeconds * 1000).toISOString(),
      expirySeconds,
      invalid: false,
      capabilities: body["capabilities"],
      description: body["description"],
      userId: "uFAKE1CNTRL",
    };
    keys.set(id, key);
    return { status: 200, body: { ...key, key: `tskey-auth-${id}-FAKESECRET${made}` } };
  };

  const answer = (method: string, url: URL, body: Record<string, unknown>): Reply => {
    const parts = url.pathname.replace(/^\/api\/v2\//, "").split("/");
    if (parts[0] === "oauth") return { status: 200, body: { access_token: "fake-oauth-token", token_type: "Bearer" } };
    if (parts[0] === "tailnet" && parts[2] === "keys") {
      const id = parts[3];
      if (id === undefined)
        return method === "POST" ? createKey(body) : { status: 200, body: { keys: [...keys.values()] } };
      const key = keys.get(id);
      if (key === undefined) return NOT_FOUND;
      if (method === "DELETE") keys.delete(id);
      return { status: 200, body: method === "DELETE" ? null : key };
    }
    if (parts[0] === "tailnet" && parts[2] === "devices") {
      const matches = (device: FakeDevice) =>
        ["hostname", "name"].every(
          (key) => url.searchParams.get(key) === null || device[key] === url.searchParams.get(key),
        );
      return { status: 200, body: { devices: devices.filter(matches) } };
    }
    if (parts[0] === "device") {
      const device = devices.find((candidate) => candidate.id === parts[1] || candidate.nodeId === parts[1]);
      if (device === undefined) return NOT_FOUND;
      if (method === "DELETE") devices.splice(devices.indexOf(device), 1);
      // A label is given; what is listed has the tailnet's domain behind it.
      if (method === "POST" && parts[2] === "name") device.name = device.name.replace(/^[^.]*/, String(body["name"]));
      if (method === "POST" && parts[2] === "tags") device.tags = body["tags"] as string[];
      return { status: 200, body: method === "GET" ? device : {} };
    }
    return NOT_FOUND;
  };

  const server = createServer((request, response) => {
    readAll(request).then(
      (raw) => {
        const url = new URL(request.url ?? "/", "http://api.tailscale.com");
        const authorization = request.headers.authorization ?? "";
        const known = url.pathname.endsWith("/oauth/token") || accepted.includes(authorization);
        const body = raw.startsWith("{") ? (JSON.parse(raw) as Record<string, unknown>) : {};
        const reply = known
          ? answer(request.method ?? "", url, body)
          : { status: 401, body: { message: "API token invalid" } };
        const path = url.pathname;
        calls.push({
          method: request.method ?? "",
          path,
          status: reply.status,
          authorization: authorization.split(" ")[0] ?? "",
        });
        response.writeHead(reply.status, { "content-type": "application/json" }).end(JSON.stringify(reply.body));
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    keys,
    devices,
    calls,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
