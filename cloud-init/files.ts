import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OPENCLAW_DIGESTS } from "../config/keys";

/** A file to be on the droplet before the bootstrap runs. */
export interface DropletFile {
  /** Absolute path. */
  path: string;
  /** Octal. */
  mode: "0400" | "0600" | "0644" | "0755";
  text: string;
}

type CarriedFile = Omit<DropletFile, "text"> & { source: string };

export const INSTALL_OPENCLAW = "/usr/local/lib/hermes/install-openclaw.sh";
export const OPENCLAW_LOCK = "/usr/local/lib/hermes/openclaw-lock.json";

const CARRIED: readonly CarriedFile[] = [
  { source: "hermes-bootstrap.sh", path: "/usr/local/lib/hermes/hermes-bootstrap.sh", mode: "0755" },
  { source: "hermes-volume.sh", path: "/usr/local/lib/hermes/hermes-volume.sh", mode: "0755" },
  { source: "install-openclaw.sh", path: INSTALL_OPENCLAW, mode: "0755" },
  { source: "receive.mjs", path: "/usr/local/lib/hermes/receive.mjs", mode: "0644" },
  { source: "hermes-apply.sh", path: "/usr/local/sbin/hermes-apply", mode: "0755" },
  { source: "hermes-bootstrap.service", path: "/etc/systemd/system/hermes-bootstrap.service", mode: "0644" },
  { source: "hermes-nftables.service", path: "/etc/systemd/system/hermes-nftables.service", mode: "0644" },
  { source: "hermes-volume.service", path: "/etc/systemd/system/hermes-volume.service", mode: "0644" },
  { source: "tailscaled.conf", path: "/etc/systemd/system/tailscaled.service.d/hermes.conf", mode: "0644" },
  { source: "journald.conf", path: "/etc/systemd/journald.conf.d/hermes.conf", mode: "0644" },
  { source: "resolved.conf", path: "/etc/systemd/resolved.conf.d/hermes.conf", mode: "0644" },
  { source: "sysctl.conf", path: "/etc/sysctl.d/90-hermes.conf", mode: "0644" },
  { source: "apt.conf", path: "/etc/apt/apt.conf.d/99hermes", mode: "0644" },
];

/** A file of `cloud-init/files`, as it stands there. */
export function sourceText(name: string): string {
  return readFileSync(join(__dirname, "files", name), "utf8");
}

/**
 * The text without its comment lines and empty lines, to save bytes in the user data. Lines that begin with `#` go
 * (but for the first one's `#!`), in JavaScript and apt's configuration those with `//` (in the latter `#clear` is a
 * directive). Safe only because no carried file has a here-document or another text of several lines; a test says so.
 */
export function withoutComments(name: string, text: string): string {
  const comment = /\.mjs$|^apt\.conf$/.test(name) ? /^\s*\/\// : /^\s*#/;
  const kept = text.split("\n").filter((line, index) => {
    return line.trim() !== "" && (!comment.test(line) || (index === 0 && line.startsWith("#!")));
  });
  return kept.join("\n") + "\n";
}

/**
 * What npm installs for a version of OpenClaw, on one line; undefined if hermes has no lock of it, or if the stack wants
 * another tree than the lock's.
 */
export function openclawLock(version: string, sha256: string): string | undefined {
  if (version === "" || OPENCLAW_DIGESTS[version] !== sha256) return undefined;
  const text = readFileSync(join(__dirname, "locks", `openclaw-${version}.json`), "utf8");
  return JSON.stringify(JSON.parse(text));
}

/** What every droplet carries, the same whatever the configuration; values reach it by /etc/hermes/bootstrap.env. */
export function carriedFiles(): DropletFile[] {
  return CARRIED.map(({ source, ...file }) => ({ ...file, text: withoutComments(source, sourceText(source)) }));
}
