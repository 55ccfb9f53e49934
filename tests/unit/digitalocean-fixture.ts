import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  recordOnly,
  startDigitalOcean,
  type CatalogueSize,
  type DigitalOcean,
  type DigitalOceanOptions,
} from "../../localcloud/digitalocean";

export const TOKEN = "dop_v1_unit";

export const CATALOGUE: CatalogueSize[] = [
  { slug: "s-1vcpu-2gb", memoryMiB: 2048, vcpus: 1, diskGiB: 50, priceMonthlyUsd: 12, regions: ["fra1", "nyc3"] },
  { slug: "s-2vcpu-4gb", memoryMiB: 4096, vcpus: 2, diskGiB: 80, priceMonthlyUsd: 24, regions: ["fra1", "nyc3"] },
  { slug: "s-4vcpu-8gb", memoryMiB: 8192, vcpus: 4, diskGiB: 160, priceMonthlyUsd: 48, regions: ["nyc3"] },
];

export const PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHOm3Zr8xFKE2cXl1Q4m6yFf2b1yVwzM0v7w8nD1kAaa unit";

/** What the tests read of the replies; one has the part that its call is about. */
interface Body {
  id: string;
  message: string;
  action: { id: number; status: string };
  actions: { status: string }[];
  droplet: { id: number; status: string; locked: boolean; image: unknown };
  droplets: unknown[];
  firewall: { id: string; outbound_rules: unknown };
  image: unknown;
  images: { id: number; name: string }[];
  links: { pages: { next: string } };
  meta: { total: number };
  snapshot: { tags: string[]; resource_id: string };
  snapshots: { id: string }[];
  ssh_key: { id: number; fingerprint: string };
  tag: { resources: { count: number; images: { count: number } } };
  volume: { id: string; droplet_ids: number[]; size_gigabytes: number };
}

export interface Answer {
  status: number;
  body: Body;
  headers: Headers;
}

export interface Account {
  api: DigitalOcean;
  substrate: ReturnType<typeof recordOnly>;
  stateFile: string;
  call(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  /** Stops and starts again on the same file. */
  restart(): Promise<void>;
  /** Calls until the droplet is unlocked; then its view, undefined when it is gone. */
  settled(dropletId: number): Promise<Record<string, unknown> | undefined>;
  close(): Promise<void>;
}

export async function openAccount(options: Partial<DigitalOceanOptions> = {}): Promise<Account> {
  const dir = mkdtempSync(join(tmpdir(), "hermes-do-"));
  const stateFile = join(dir, "state.json");
  const substrate = recordOnly();
  const start = () =>
    startDigitalOcean({
      substrate,
      listen: { host: "127.0.0.1", port: 0 },
      stateFile,
      token: TOKEN,
      catalogue: CATALOGUE,
      ...options,
    });
  const account: Account = {
    api: await start(),
    substrate,
    stateFile,
    async call(method, path, body, token = TOKEN) {
      const response = await fetch(`${account.api.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const read = (text === "" ? undefined : JSON.parse(text)) as Body;
      return { status: response.status, body: read, headers: response.headers };
    },
    async restart() {
      await account.api.stop();
      account.api = await start();
    },
    async settled(dropletId) {
      for (;;) {
        await account.api.idle();
        const { status, body } = await account.call("GET", `/v2/droplets/${dropletId}`);
        if (status === 404) return undefined;
        if (body.droplet.locked === false) return { ...body.droplet };
      }
    },
    async close() {
      await account.api.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return account;
}

export const OPEN = { addresses: ["0.0.0.0/0", "::/0"] };
export const OUTBOUND = [{ protocol: "tcp", ports: "all", destinations: OPEN }];

export const dropletBody = (more: Record<string, unknown> = {}) => ({
  name: "hermes",
  region: "fra1",
  size: "s-1vcpu-2gb",
  image: "debian-13-x64",
  ...more,
});
