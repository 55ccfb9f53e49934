import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { ADDRESSES } from "../addresses";
import { RECIPES } from "../engine/build";
import type { Lab } from "../lab";
import { openAuthority, type Authority } from "./authority";
import { startDns, type Answer } from "./dns";
import { Mirror } from "./mirror";
import { nodeDistHost } from "./node-dist";
import { ollamaHosts, openRegistry, type OllamaRegistry } from "./ollama";
import { OpenclawPackage } from "./openclaw";
import { lazyObjectStore } from "./object-store";
import { OpenRouter } from "./openrouter";
import { tailscaleAptHost } from "./tailscale-apt";
import { Telegram } from "./telegram";
import { uplinkSocket } from "./uplink";
import { readUpstreams, type Upstreams } from "./upstreams";
import { startWeb, type Handler } from "./web";

export { caCertificatePath } from "./authority";
export { localSources, type LocalSources } from "./sources";
export { startUplink } from "./uplink";
export type { ModelFailure, RecordedCall } from "./openrouter";

export interface ServicesOptions {
  /** Where to listen. @default the lab's internet address, v4 and v6, on 53, 80 and 443 */
  listen?: { addresses: string[]; dnsPort: number; httpPort: number; httpsPort: number };
  /** Registries behind the mirrors. @default those of this machine */
  upstreams?: Upstreams;
  /** Key that the OpenRouter stand-in accepts. @default any */
  openrouterKey?: string;
  /** Token that the Telegram stand-in accepts. @default any that looks like one */
  telegramToken?: string;
  /** What opens the bucket {@link BUCKET}. @default there is no object store */
  objectStore?: { keyId: string; secret: string };
  /** The npm package openclaw is a small stand-in. @default false: the real one */
  standInOpenclaw?: boolean;
}

/** Where buckets are in the lab's internet, and the one that is there. */
export const OBJECT_STORE = "s3.hermes.test";
export const BUCKET = "hermes-backups";

/** The services of the lab's internet, as one. */
export interface Services {
  /** PEM file of the lab's certificate authority, for trust stores. */
  caCertificatePath: string;
  authority: Authority;
  openrouter: OpenRouter;
  telegram: Telegram;
  ollama: OllamaRegistry;
  faults: ServiceFaults;
  /** Control API: `openrouter/ACTION`, `telegram/ACTION`, `ollama/ACTION`, `openclaw` {standIn?}, `faults` {registryDown?}; see each `control`. */
  handleControl(path: string, body: Record<string, unknown>): Promise<unknown>;
  stop(): Promise<void>;
}

interface ServiceFaults {
  /** 503 for everything from the package registries. */
  registryDown: boolean;
}

/**
 * Starts DNS, the web server and the stand-ins behind it. Runs in the lab's network namespace; the uplink must be
 * running before a package that is not in the cache is asked for.
 */
export async function startServices(lab: Lab, options: ServicesOptions = {}): Promise<Services> {
  const log = logger(join(lab.dir, "logs", "services.log"));
  const listen = options.listen ?? {
    addresses: [ADDRESSES.internet.v4, ADDRESSES.internet.v6],
    dnsPort: 53,
    httpPort: 80,
    httpsPort: 443,
  };
  const [authority, upstreams] = await Promise.all([openAuthority(lab), options.upstreams ?? readUpstreams()]);
  const mirror = new Mirror({ dir: join(lab.cache, "mirror"), uplink: uplinkSocket(lab), upstreams, log });
  const openclaw = new OpenclawPackage(mirror, options.standInOpenclaw === true, log);
  const openrouter = new OpenRouter({
    logFile: join(lab.dir, "logs", "openrouter.jsonl"),
    ...(options.openrouterKey === undefined ? {} : { key: options.openrouterKey }),
  });
  const telegram = new Telegram({
    logFile: join(lab.dir, "logs", "telegram.jsonl"),
    ...(options.telegramToken === undefined ? {} : { token: options.telegramToken }),
  });
  const ollama = openRegistry(lab);
  const objectStore = options.objectStore && openObjectStore(lab, options.objectStore);
  const hosts = new Map<string, Handler>([
    ...[...mirror.hosts()].map(([host, handler]) => [host, openclaw.handler(handler)] as const),
    ["nodejs.org", nodeDistHost(lab, log)],
    ["pkgs.tailscale.com", tailscaleAptHost(lab, log)],
    ["openrouter.ai", openrouter.handler],
    ["api.telegram.org", telegram.handler],
    ...ollamaHosts(lab, ollama, log),
    ...(objectStore === undefined ? [] : [[OBJECT_STORE, objectStore.handler] as const]),
  ]);
  const dns = await startDns({ addresses: listen.addresses, port: listen.dnsPort, resolve: resolveName });
  const web = await startWeb({ ...listen, authority, hosts, log }).catch(async (error: unknown) => {
    await Promise.all([dns.stop(), objectStore?.stop()]);
    throw error;
  });
  const faults: ServiceFaults = {
    get registryDown() {
      return mirror.down;
    },
    set registryDown(down: boolean) {
      mirror.down = down;
    },
  };
  return {
    caCertificatePath: authority.certificatePath,
    authority,
    openrouter,
    telegram,
    ollama,
    faults,
    handleControl: async (path, body) => {
      const [part, action = ""] = path.replace(/^\//, "").split("/");
      if (part === "openrouter") return openrouter.control(action, body);
      if (part === "telegram") return telegram.control(action, body);
      if (part === "ollama") return ollama.control(action, body);
      if (part === "openclaw") return openclaw.control(body);
      if (part !== "faults") throw new Error(`services: unknown path ${path}`);
      if (typeof body["registryDown"] === "boolean") faults.registryDown = body["registryDown"];
      return { registryDown: faults.registryDown };
    },
    stop: async () => {
      telegram.stop();
      await Promise.all([dns.stop(), web.stop(), objectStore?.stop()]);
    },
  };
}

const openObjectStore = (lab: Lab, credentials: { keyId: string; secret: string }) =>
  lazyObjectStore({
    program: join(lab.cache, "bin", RECIPES.objectStore.binary),
    dir: join(lab.dir, "object-store"),
    buckets: [BUCKET],
    ...credentials,
  });

/** Every name is the lab's internet, but the control server's. */
export function resolveName(name: string): Answer {
  if (name === ADDRESSES.headscale.name) return { v4: ADDRESSES.headscale.v4 };
  return { v4: ADDRESSES.internet.v4 };
}

function logger(path: string): (line: string) => void {
  mkdirSync(join(path, ".."), { recursive: true });
  return (line) => appendFileSync(path, `${new Date().toISOString()} ${line}\n`, { mode: 0o600 });
}
