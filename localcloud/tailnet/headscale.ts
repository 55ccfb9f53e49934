import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { startTimeOf } from "../../lib/process-start";
import { ADDRESSES } from "../addresses";
import type { Lab } from "../lab";
import { inNamespace, run, waitFor } from "../network";
import { logOf, startRecorded, stopRecorded } from "../processes";
import { openAuthority } from "../services/authority";
import { BASE_DOMAIN, OPERATOR, policy } from "./policy";

/** A node as Headscale's API v1 has it (proto/headscale/v1/node.proto); what the adapter needs of it. */
export interface HeadscaleNode {
  id: string;
  machineKey: string;
  nodeKey: string;
  ipAddresses: string[];
  /** What the machine calls itself. */
  name: string;
  /** Unique in the tailnet. */
  givenName: string;
  user?: { id: string; name: string };
  lastSeen?: string | null;
  expiry?: string | null;
  createdAt: string;
  online: boolean;
  tags: string[];
  preAuthKey?: HeadscaleKey | null;
}

export interface HeadscaleKey {
  id: string;
  key: string;
  reusable: boolean;
  ephemeral: boolean;
  used: boolean;
  expiration: string;
  createdAt: string;
  aclTags: string[];
}

const stateDir = (lab: Lab): string => join(lab.dir, "headscale");
const configPath = (lab: Lab): string => join(stateDir(lab), "config.yaml");
const program = (lab: Lab): string => join(lab.cache, "bin", "headscale");

/** A failed call of Headscale's API. */
export class HeadscaleError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Headscale's REST API, version 1. Works only inside the lab's network namespace. */
export class HeadscaleApi {
  constructor(
    private readonly key: string,
    private readonly ca: string,
  ) {}

  async nodes(): Promise<HeadscaleNode[]> {
    return (await this.#call<{ nodes?: HeadscaleNode[] }>("GET", "node")).nodes ?? [];
  }

  async deleteNode(id: string): Promise<void> {
    await this.#call("DELETE", `node/${id}`);
  }

  async renameNode(id: string, name: string): Promise<void> {
    await this.#call("POST", `node/${id}/rename/${encodeURIComponent(name)}`);
  }

  async expireNode(id: string): Promise<void> {
    await this.#call("POST", `node/${id}/expire`);
  }

  async setTags(id: string, tags: string[]): Promise<void> {
    await this.#call("POST", `node/${id}/tags`, { tags });
  }

  async keys(): Promise<HeadscaleKey[]> {
    return (await this.#call<{ preAuthKeys?: HeadscaleKey[] }>("GET", "preauthkey")).preAuthKeys ?? [];
  }

  async createKey(wanted: {
    user?: string;
    reusable: boolean;
    ephemeral: boolean;
    aclTags: string[];
    expiration: string;
  }): Promise<HeadscaleKey> {
    return (await this.#call<{ preAuthKey: HeadscaleKey }>("POST", "preauthkey", wanted)).preAuthKey;
  }

  async deleteKey(id: string): Promise<void> {
    await this.#call("DELETE", `preauthkey?id=${id}`);
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, text } = await this.#request(method, path, body === undefined ? undefined : JSON.stringify(body));
    const parsed = text === "" ? {} : (JSON.parse(text) as { message?: string });
    if (status >= 400) throw new HeadscaleError(status, parsed.message ?? `Headscale answered ${status}`);
    return parsed as T;
  }

  #request(method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
    const { v4, port, name } = ADDRESSES.headscale;
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          // A connection for each call: Headscale closes an idle one after 30 s, perhaps just when the next call takes it.
          agent: false,
          ca: this.ca,
          host: v4,
          port,
          servername: name,
          method,
          path: `/api/v1/${path}`,
          headers: { host: name, authorization: `Bearer ${this.key}`, "content-type": "application/json" },
          timeout: 10_000,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
          );
        },
      );
      request.on("timeout", () => request.destroy(new Error("Headscale was silent for 10 s")));
      request.on("error", reject);
      request.end(body);
    });
  }
}

/** Starts Headscale in the lab's namespace, recorded under the name "headscale"; resolves when it answers. */
export async function startHeadscale(lab: Lab, tags: string[]): Promise<void> {
  // One that a dead daemon left behind holds the address.
  await stopHeadscale(lab);
  await writeConfiguration(lab, tags);
  const pid = startRecorded(lab, "headscale", inNamespace(lab.ns.lab, command(lab, ["serve"])));
  await waitFor(
    "Headscale answers",
    async () => {
      if (startTimeOf(pid) === undefined) throw new Error(`Headscale ended at once. See ${logOf(lab, "headscale")}.`);
      return headscale(lab, ["users", "list"]).then(
        () => true,
        () => false,
      );
    },
    { timeoutMs: 30_000 },
  );
  await ensureOperator(lab);
}

export async function stopHeadscale(lab: Lab): Promise<void> {
  await stopRecorded(lab, { only: (name) => name === "headscale" });
}

/** Headscale's own command line, over its Unix socket: works in every network namespace. */
async function headscale(lab: Lab, args: string[]): Promise<unknown> {
  return JSON.parse((await run(command(lab, [...args, "--output", "json"]))) || "null");
}

const command = (lab: Lab, args: string[]): string[] => [program(lab), "--config", configPath(lab), ...args];

interface User {
  id: number;
  name: string;
}

async function ensureOperator(lab: Lab): Promise<number> {
  const users = ((await headscale(lab, ["users", "list"])) ?? []) as User[];
  const found = users.find((user) => user.name === OPERATOR);
  return (found ?? ((await headscale(lab, ["users", "create", OPERATOR])) as User)).id;
}

/** A single-use key that is good for ten minutes, for the operator's machine. */
export async function createOperatorKey(lab: Lab): Promise<string> {
  const user = String(await ensureOperator(lab));
  const created = await headscale(lab, ["preauthkeys", "create", "--user", user, "--expiration", "10m"]);
  return (created as { key: string }).key;
}

/** A key for the REST API. */
export async function createApiKey(lab: Lab): Promise<string> {
  const created = await headscale(lab, ["apikeys", "create", "--expiration", "90d"]);
  return typeof created === "string" ? created : (created as { key: string }).key;
}

async function writeConfiguration(lab: Lab, tags: string[]): Promise<void> {
  const dir = stateDir(lab);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  await rm(join(dir, "hs.sock"), { force: true });
  const { certificate, key } = await (await openAuthority(lab)).issue(ADDRESSES.headscale.name);
  await writeFile(join(dir, "tls.pem"), certificate);
  await writeFile(join(dir, "tls.key"), key, { mode: 0o600 });
  await writeFile(join(dir, "policy.json"), JSON.stringify(policy(tags), null, 2));
  // JSON is YAML.
  await writeFile(configPath(lab), JSON.stringify(configuration(dir), null, 2), { mode: 0o600 });
}

/** Everything that Headscale would keep elsewhere or fetch from the internet is named here. */
function configuration(dir: string): Record<string, unknown> {
  const { v4, port, name } = ADDRESSES.headscale;
  return {
    server_url: `https://${name}`,
    listen_addr: `${v4}:${port}`,
    metrics_listen_addr: "127.0.0.1:9090",
    grpc_listen_addr: "127.0.0.1:50443",
    tls_cert_path: join(dir, "tls.pem"),
    tls_key_path: join(dir, "tls.key"),
    noise: { private_key_path: join(dir, "noise.key") },
    prefixes: { v4: "100.64.0.0/10", v6: "fd7a:115c:a1e0::/48", allocation: "sequential" },
    derp: {
      // Droplets take no packet that they did not ask for: peers find one another through the relay.
      server: {
        enabled: true,
        region_id: 999,
        region_code: "lab",
        region_name: "hermes lab",
        verify_clients: true,
        stun_listen_addr: `${v4}:3478`,
        private_key_path: join(dir, "derp.key"),
        automatically_add_embedded_derp_region: true,
        ipv4: v4,
        // "none" to clients; else each waits 3 s for an answer over IPv6 before it calls itself online.
        ipv6: "none",
      },
      urls: [],
      paths: [],
      auto_update_enabled: false,
    },
    // News to the others' nodes at once, as Tailscale's own server sends it.
    tuning: { batch_change_delay: "50ms" },
    disable_check_updates: true,
    node: { expiry: 0, ephemeral: { inactivity_timeout: "30m" } },
    database: { type: "sqlite", sqlite: { path: join(dir, "db.sqlite"), write_ahead_log: true } },
    log: { level: "info", format: "text" },
    policy: { mode: "file", path: join(dir, "policy.json") },
    dns: { magic_dns: true, base_domain: BASE_DOMAIN, override_local_dns: false, nameservers: { global: [] } },
    unix_socket: join(dir, "hs.sock"),
    unix_socket_permission: "0700",
    logtail: { enabled: false },
  };
}
