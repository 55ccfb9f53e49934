import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ADDRESSES } from "../addresses";
import type { Lab } from "../lab";
import { openAuthority } from "../services/authority";
import { TailscaleApi, type ApiCredentials, type ApiFault } from "./api";
import { createApiKey, HeadscaleApi, startHeadscale, stopHeadscale } from "./headscale";
import { DEFAULT_TAGS } from "./policy";

export type { ApiCredentials } from "./api";
export { inOperator, operatorEnvironment, operatorMember, startOperator } from "./operator";

export interface TailnetOptions {
  /** Tags that keys may carry. @default tag:hermes, tag:hermes-sandbox */
  tags?: string[];
}

/** The lab's tailnet: a real control server and Tailscale's API before it. */
export interface LabTailnet {
  /** What the stack's tailnet.loginServer must be. */
  loginServer: string;
  /** What TAILSCALE_BASE_URL must be. */
  apiUrl: string;
  credentials: ApiCredentials;
  api: TailscaleApi;
  /** Control API: `calls`, `faults` {faults} (replaces them), `server` {running}, `expire` {hostname} (the node's key). */
  handleControl(path: string, body: Record<string, unknown>): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts Headscale and the adapter. Runs in the lab's network namespace. */
export async function startTailnet(lab: Lab, options: TailnetOptions = {}): Promise<LabTailnet> {
  const tags = options.tags ?? DEFAULT_TAGS;
  await startHeadscale(lab, tags);
  const authority = await openAuthority(lab);
  const control = new HeadscaleApi(await createApiKey(lab), await readFile(authority.certificatePath, "utf8"));
  const credentials = await tailnetCredentials(lab);
  const { v4, port } = ADDRESSES.tailscaleApi;
  const api = new TailscaleApi({ address: v4, port, credentials, control });
  await api.start();
  return {
    loginServer: `https://${ADDRESSES.headscale.name}`,
    apiUrl: `http://${v4}`,
    credentials,
    api,
    handleControl: async (path, body) => {
      switch (path.replace(/^\//, "")) {
        case "calls":
          return api.calls;
        case "faults":
          if (Array.isArray(body["faults"])) api.faults = body["faults"] as ApiFault[];
          return api.faults;
        case "server":
          return body["running"] === true ? startHeadscale(lab, tags) : stopHeadscale(lab);
        case "expire":
          return expireKeys(control, String(body["hostname"]));
        default:
          throw new Error(`tailnet: unknown path ${path}; there are calls, faults, server, expire`);
      }
    },
    stop: async () => {
      await api.stop();
      await stopHeadscale(lab);
    },
  };
}

/** As when the time of their keys is up. */
async function expireKeys(control: HeadscaleApi, hostname: string): Promise<void> {
  for (const node of await control.nodes()) if (node.name === hostname) await control.expireNode(node.id);
}

/** The lab's API key and OAuth client, made once per lab and kept (0600). Fine in every network namespace. */
export async function tailnetCredentials(lab: Lab): Promise<ApiCredentials> {
  const path = join(lab.dir, "tailnet-credentials.json");
  if (!existsSync(path)) {
    const secret = (): string => randomBytes(16).toString("hex");
    const made: ApiCredentials = {
      apiKey: `tskey-api-lab-${secret()}`,
      oauthClientId: `lab-${randomBytes(4).toString("hex")}`,
      oauthClientSecret: `tskey-client-lab-${secret()}`,
    };
    await mkdir(lab.dir, { recursive: true });
    await writeFile(`${path}.new`, JSON.stringify(made, null, 2), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }
  return JSON.parse(await readFile(path, "utf8")) as ApiCredentials;
}
