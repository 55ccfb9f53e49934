import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { dump } from "js-yaml";
import type { Access, HermesConfig, OpenclawConfig, SourcesConfig, TailnetConfig } from "../config/types";
import {
  carriedFiles,
  INSTALL_OPENCLAW,
  OPENCLAW_LOCK,
  openclawLock,
  sourceText,
  withoutComments,
  type DropletFile,
} from "./files";
import { renderNftables } from "./nftables";
import { privateTargets, type PrivateTarget } from "./private-targets";
import { environmentFile } from "./shell";
import { tarball } from "./tar";

/**
 * Bytes. DigitalOcean takes 64 KiB. Half of this is the lock of OpenClaw's dependencies; a user data that grows past it has
 * work in it that belongs into a bundle.
 */
export const MAX_USER_DATA_BYTES = 26 * 1024;

/** What a droplet is told at birth, but for the secrets. */
export interface BootstrapInput {
  /** Host name of the droplet and name on the tailnet. */
  hostname: string;
  /** Swap file in GiB; 0: none. */
  swapGiB: number;
  access: Access;
  tailnet: TailnetConfig;
  /** With the digest of its tree, or `first-install`. */
  openclaw: OpenclawConfig & { sha256: string };
  /** Official tarball (`.tar.xz`) with its SHA-256, hexadecimal. */
  node: { version: string; url: string; sha256: string };
  tailscale: SourcesConfig["tailscale"];
  /** A volume labelled "hermes" is expected: without it nothing that keeps state starts. */
  volume: boolean;
  mcpPrivateTargets: PrivateTarget[];
}

export interface UserDataInput extends BootstrapInput {
  /** Single-use, short-lived, tagged key: the one secret of the user data. */
  tailnetKey: string;
  /** authorized_keys line of the key that deploys, for root. */
  deployPublicKey: string;
}

/** Picks what the user data needs out of the configuration. `{version}` in Node's URL becomes the version. */
export function bootstrapInput(config: HermesConfig): BootstrapInput {
  const { node, openclaw, tailscale } = config.sources;
  return {
    hostname: config.tailnet.hostname,
    swapGiB: config.swapGiB,
    access: config.access,
    tailnet: config.tailnet,
    openclaw: { ...config.openclaw, sha256: openclaw.sha256 },
    node: {
      version: config.node.version,
      url: node.url.replaceAll("{version}", config.node.version),
      sha256: node.sha256,
    },
    tailscale,
    volume: config.volumeGiB > 0,
    mcpPrivateTargets: privateTargets(config.mcpServers),
  };
}

/**
 * Cloud-config for the first boot. Everything that images differ in is said: accounts, root's login, host keys, names,
 * package lists, disk, swap, time zone. The files travel as one compressed archive, values in an environment file.
 *
 * Until the rules of {@link renderNftables} are loaded by the bootstrap, a table closed to all but loopback and
 * answers stands; it is there before sshd starts (cloud-init's network stage is ordered before sysinit.target).
 *
 * @throws when the result is longer than {@link MAX_USER_DATA_BYTES}.
 */
export function renderUserData(input: UserDataInput): string {
  const yaml = dump(cloudConfig(input), { indent: 1, seqNoIndent: true, seqInlineFirst: true, lineWidth: -1 });
  const text = `#cloud-config\n${yaml}`;
  const size = Buffer.byteLength(text);
  if (size > MAX_USER_DATA_BYTES) {
    throw new Error(
      `The user data has ${size} bytes, at most ${MAX_USER_DATA_BYTES} are meant to be. ` +
        `Fewer or shorter hermes:adminCidrs make it smaller; what may come later belongs into the config bundle.`,
    );
  }
  return text;
}

/**
 * SHA-256 over everything that the user data says, secrets left out: differs from the one at birth when the next
 * `bootstrapRevision` would bring something new. Left out too is what hermes-apply brings in place: swap, the versions of
 * OpenClaw and Node, the script that installs OpenClaw, the rules of nftables. Taken before compression, which is not the
 * same on every machine.
 */
export function userDataDigest(input: BootstrapInput): string {
  const none = { version: "", before: "", url: "", sha256: "" };
  const lasting = { ...input, swapGiB: 0, openclaw: none, node: none };
  const files = birthFiles(lasting).filter(({ path }) => path !== NFTABLES && path !== INSTALL_OPENCLAW);
  const said = [cloudConfigBase(lasting), ...files, bootstrapEnvironment(lasting)];
  return createHash("sha256").update(JSON.stringify(said)).digest("hex");
}

function cloudConfig(input: UserDataInput): Record<string, unknown> {
  return {
    ...cloudConfigBase(input),
    ssh_authorized_keys: [input.deployPublicKey.trim()],
    write_files: writeFiles(input),
  };
}

function cloudConfigBase(input: BootstrapInput): Record<string, unknown> {
  const swap = { filename: "/swapfile", size: input.swapGiB * 1024 ** 3, maxsize: input.swapGiB * 1024 ** 3 };
  return {
    hostname: input.hostname,
    preserve_hostname: false,
    manage_etc_hosts: "localhost",
    timezone: "Etc/UTC",
    users: [{ name: "root", lock_passwd: true }],
    disable_root: false,
    ssh_pwauth: false,
    ssh_deletekeys: true,
    ssh_genkeytypes: ["ed25519"],
    package_update: false,
    package_upgrade: false,
    growpart: { mode: "auto", devices: ["/"] },
    resize_rootfs: true,
    ...(input.swapGiB > 0 ? { swap } : {}),
    bootcmd: [CLOSE_UNTIL_BOOTSTRAP],
    runcmd: [
      ["tar", "-xmf", ARCHIVE, "-C", "/"],
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "--now", "--no-block", "hermes-bootstrap.service"],
    ],
  };
}

const NFTABLES = "/etc/hermes/nftables.nft";
const ARCHIVE = "/var/lib/hermes/birth.tar";

/** At later boots hermes-nftables.service has done it already, and better. */
const CLOSE_UNTIL_BOOTSTRAP =
  "nft list table inet hermes >/dev/null 2>&1 || nft 'table inet hermes { chain input { type filter hook input " +
  'priority filter; policy drop; iif "lo" accept; ct state established,related accept; ' +
  "icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept; }; }'";

function writeFiles(input: UserDataInput): Record<string, string>[] {
  const plain = [
    { path: "/etc/hermes/bootstrap.env", mode: "0600", text: bootstrapEnvironment(input) },
    { path: "/etc/hermes/tailnet.key", mode: "0600", text: `${input.tailnetKey.trim()}\n` },
    sshdDropIn(),
  ];
  const archive = gzipSync(tarball(birthFiles(input)), { level: 9 }).toString("base64");
  return [
    ...plain.map(({ path, mode, text }) => ({ path, permissions: mode, content: text })),
    { path: ARCHIVE, permissions: "0600", encoding: "gz+b64", content: archive },
  ];
}

/** In plain text, so that it is in place before sshd starts for the first time. */
function sshdDropIn(): DropletFile {
  const text = withoutComments("sshd.conf", sourceText("sshd.conf"));
  return { path: "/etc/ssh/sshd_config.d/10-hermes.conf", mode: "0644", text };
}

/** The files of the archive. */
export function birthFiles(input: BootstrapInput): DropletFile[] {
  const { access, mcpPrivateTargets } = input;
  const rules = renderNftables({ access, mcpPrivateTargets });
  const flag: DropletFile = { path: "/etc/hermes/volume", mode: "0644", text: "" };
  const lock = openclawLock(input.openclaw.version, input.openclaw.sha256);
  return [
    ...carriedFiles(),
    { path: NFTABLES, mode: "0644", text: withoutComments("nftables.nft", rules) },
    ...(input.volume ? [flag] : []),
    ...(lock === undefined ? [] : [{ path: OPENCLAW_LOCK, mode: "0644" as const, text: `${lock}\n` }]),
  ];
}

function bootstrapEnvironment(input: BootstrapInput): string {
  return environmentFile({
    HERMES_HOSTNAME: input.hostname,
    HERMES_LOGIN_SERVER: input.tailnet.loginServer ?? "",
    HERMES_NODE_VERSION: input.node.version,
    HERMES_NODE_URL: input.node.url,
    HERMES_NODE_SHA256: input.node.sha256,
    HERMES_OPENCLAW_VERSION: input.openclaw.version,
    HERMES_OPENCLAW_BEFORE: input.openclaw.before,
    HERMES_OPENCLAW_SHA256: input.openclaw.sha256,
    HERMES_TAILSCALE_URL: input.tailscale.url,
    HERMES_TAILSCALE_SUITE: input.tailscale.suite,
    HERMES_TAILSCALE_KEY_URL: input.tailscale.keyUrl,
    HERMES_TAILSCALE_FINGERPRINT: input.tailscale.fingerprint.replace(/\s/g, "").toUpperCase(),
  });
}
