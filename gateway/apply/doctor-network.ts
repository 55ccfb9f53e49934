// The doctor's checks of what the droplet shows to others, and of its way to them.
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { contentOf } from "./bundle.ts";
import type { Check } from "./doctor-findings.ts";
import { clock, DAY_SECONDS, day, fail, ok, output, warn } from "./doctor-findings.ts";
import type { Host } from "./host.ts";
import { OPENCLAW_CONFIG } from "./places.ts";
import type { Applied } from "./store.ts";

/** Gateway, the agents' sshd, Ollama: on loopback, or nowhere. */
export const PRIVATE_PORTS = [18789, 2222, 11434];
const AGENT_UID = 2102;
const NFTABLES = "/etc/hermes/nftables.nft";

interface Listener {
  protocol: string;
  address: string;
  port: number;
  program: string;
  uid: number;
}

export function readListeners(text: string): Listener[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [protocol = "", , , , local = ""] = line.trim().split(/\s+/);
      const at = local.lastIndexOf(":");
      return {
        protocol,
        address: local
          .slice(0, at)
          .replace(/%.*$/, "")
          .replace(/^\[|\]$/g, ""),
        port: Number(local.slice(at + 1)),
        program: /users:\(\("([^"]+)"/.exec(line)?.[1] ?? "somebody",
        uid: Number(/\buid:(\d+)/.exec(line)?.[1] ?? 0),
      };
    });
}

const isLoopback = ({ address }: Listener): boolean => /^(::ffff:)?127\./.test(address) || address === "::1";

/** sshd behind both firewalls, tailscaled's own ports, and the client that asks for the droplet's address. */
const isExpected = ({ protocol, port, program }: Listener): boolean =>
  (protocol === "tcp" && port === 22) || program === "tailscaled" || (protocol === "udp" && [68, 546].includes(port));

const name = ({ program, protocol, address, port }: Listener): string => `${program} on ${address} ${protocol} ${port}`;

const listeners: Check = async ({ host }) => {
  const open = readListeners(await output(host, "ss", ["-Hltnupe"])).filter((each) => !isLoopback(each));
  const guarded = open.filter(({ protocol, port }) => protocol === "tcp" && PRIVATE_PORTS.includes(port));
  if (guarded.length > 0)
    return fail(
      `not on loopback only: ${guarded.map(name).join(", ")}`,
      "pulumi up --replace '**-activate' if its configuration was changed here; else stop that program",
    );
  const foreign = open.filter((each) => !isExpected(each) && !PRIVATE_PORTS.includes(each.port));
  const others = foreign.filter(({ uid }) => uid !== AGENT_UID);
  if (others.length > 0)
    return fail(
      `listens for everybody: ${others.map(name).join(", ")}`,
      "stop it (./hermes ssh), or bind it to 127.0.0.1; the firewalls still close it",
    );
  if (foreign.length > 0)
    return warn(
      `an agent's command listens for everybody: ${foreign.map(name).join(", ")}`,
      "the firewalls close it; have the agent bind it to 127.0.0.1",
    );
  return ok("loopback, SSH and tailscaled only");
};

/**
 * The kernel's table beside what the file makes of it in a network namespace that is thrown away: both as nft prints
 * them, so that only a difference of meaning shows.
 */
const nftables: Check = async ({ host }) => {
  const list = ["--stateless", "list", "table", "inet", "hermes"];
  const { code, stdout: live } = await host.run("nft", list, { timeoutMs: 20_000 });
  const fix = "./hermes ssh systemctl restart hermes-nftables";
  if (code === 127) throw new Error("there is no nft");
  if (code !== 0) return fail("table inet hermes is not loaded", fix);
  if (!/hook input priority (filter|0); policy drop;/.test(live))
    return fail("its input chain does not drop by policy", fix);
  const script = `nft -f "$1" && nft ${list.join(" ")}`;
  const wanted = await host.run("unshare", ["--net", "sh", "-c", script, "sh", NFTABLES], { timeoutMs: 20_000 });
  if (wanted.code !== 0) return ok("loaded, drops by policy; its rules could not be compared");
  return wanted.stdout === live
    ? ok("loaded, as in its file")
    : fail(`the loaded rules are not those of ${NFTABLES}`, fix);
};

const dns: Check = async ({ host, applied }) => {
  const names = namesNeeded(applied);
  if (names.length === 0) return undefined;
  const lost: string[] = [];
  for (const each of names) {
    const { code } = await host.run("getent", ["ahosts", each], { timeoutMs: 15_000 });
    if (code === 127) throw new Error("there is no getent");
    if (code !== 0) lost.push(each);
  }
  if (lost.length === 0) return ok(`resolves ${names.join(", ")}`);
  return fail(
    `does not resolve ${lost.join(", ")}`,
    "./hermes ssh resolvectl status; ./hermes ssh systemctl restart systemd-resolved",
  );
};

/** What a turn of an agent needs by name. */
function namesNeeded({ config }: Applied): string[] {
  const file = config?.files[OPENCLAW_CONFIG];
  if (file === undefined) return [];
  const { models, channels } = JSON.parse(contentOf(file).toString("utf8")) as {
    models?: { providers?: Record<string, { baseUrl?: string }> };
    channels?: { telegram?: { enabled?: boolean } };
  };
  const urls = Object.values(models?.providers ?? {}).flatMap(({ baseUrl }) => baseUrl ?? []);
  const hosts = urls.map((url) => new URL(url).hostname).filter((host) => !/^[\d.]+$|^\[|^localhost$/.test(host));
  const telegram = channels?.telegram?.enabled === true ? ["api.telegram.org"] : [];
  return [...new Set([...hosts, ...telegram])];
}

interface TailscaleStatus {
  BackendState?: string;
  Health?: string[] | null;
  Self?: { Online?: boolean; DNSName?: string; KeyExpiry?: string; Expired?: boolean };
}

const tailscale = async (host: Host): Promise<TailscaleStatus> =>
  JSON.parse(await output(host, "tailscale", ["status", "--json", "--peers=false"])) as TailscaleStatus;

/** The state on the volume wakes up as the same node; without a way in that is left, a new droplet gets a new key. */
const LOST =
  "./hermes ssh systemctl restart tailscaled; else pulumi config set hermes:bootstrapRevision one higher, pulumi up (state on a volume stays; without one it is LOST)";

const tailnet: Check = async ({ host }) => {
  const { BackendState, Health, Self } = await tailscale(host);
  if (BackendState !== "Running") return fail(`tailscaled says ${BackendState ?? "nothing"}`, LOST);
  if (Self?.Online !== true) {
    const why = (Health ?? []).join("; ").slice(0, 300);
    return fail(`the control server does not see it online${why === "" ? "" : `: ${why}`}`, LOST);
  }
  return ok(`online${Self.DNSName ? ` as ${Self.DNSName.replace(/\.$/, "")}` : ""}`);
};

const EXPIRY_DAYS = 14;

const nodeKey: Check = async ({ host }) => {
  const { Self } = await tailscale(host);
  const fix =
    "disable key expiry for this machine where the tailnet is administered (tagged machines have none), or ./hermes ssh tailscale up --force-reauth";
  if (Self?.Expired === true) return fail("the node's key has expired", LOST);
  if (Self?.KeyExpiry === undefined) return ok("does not expire");
  const expiry = Date.parse(Self.KeyExpiry) / 1000;
  const left = Math.floor((expiry - (await clock(host))) / DAY_SECONDS);
  if (left < 0) return fail(`expired on ${day(expiry)}`, LOST);
  return left < EXPIRY_DAYS ? warn(`expires on ${day(expiry)}, in ${left} days`, fix) : ok(`expires on ${day(expiry)}`);
};

const tailnetLock: Check = async ({ host }) => {
  const text = await output(host, "tailscale", ["lock", "status", "--json"]);
  const { Enabled, NodeKeySigned, NodeKey } = JSON.parse(text) as {
    Enabled?: boolean;
    NodeKeySigned?: boolean;
    NodeKey?: string;
  };
  if (Enabled !== true) return ok("off");
  if (NodeKeySigned === true) return ok("on, this node is signed");
  return fail(
    "on, and this node is not signed: nobody can reach it",
    `on a signing machine: tailscale lock sign ${NodeKey ?? "NODEKEY"}`,
  );
};

const CERTIFICATES = "/var/lib/tailscale/certs";

const certificate: Check = async ({ host }) => {
  const folder = host.path(CERTIFICATES);
  const names = existsSync(folder) ? readdirSync(folder).filter((each) => each.endsWith(".crt")) : [];
  if (names.length === 0) return undefined;
  const now = await clock(host);
  const ends = names.map((each) => ({
    name: each.replace(/\.crt$/, ""),
    end: Date.parse(new X509Certificate(readFileSync(`${folder}/${each}`)).validTo) / 1000,
  }));
  const first = ends.reduce((a, b) => (a.end <= b.end ? a : b));
  const found = `${first.name} ${first.end < now ? "expired" : "expires"} on ${day(first.end)}`;
  const fix = `./hermes ssh tailscale cert ${first.name}`;
  if (first.end < now) return fail(found, fix);
  return first.end - now < EXPIRY_DAYS * DAY_SECONDS ? warn(found, fix) : ok(found);
};

export const NETWORK_CHECKS: Record<string, Check> = {
  listeners,
  nftables,
  dns,
  tailnet,
  "node key": nodeKey,
  "tailnet lock": tailnetLock,
  certificate,
};
