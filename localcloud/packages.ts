import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Debian packages of the embedded cloud, each with a file that tells whether it is there. */
export const DEBIAN_PACKAGES: Record<string, string> = {
  age: "/usr/bin/age",
  "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
  dpkg: "/usr/bin/dpkg-deb",
  "apt-utils": "/usr/bin/apt-ftparchive",
  e2fsprogs: "/usr/sbin/mke2fs",
  gpg: "/usr/bin/gpg",
  iproute2: "/usr/sbin/ip",
  mmdebstrap: "/usr/bin/mmdebstrap",
  mount: "/usr/sbin/losetup",
  nftables: "/usr/sbin/nft",
  nmap: "/usr/bin/nmap",
  "openssh-client": "/usr/bin/ssh",
  procps: "/usr/bin/ps",
  "systemd-container": "/usr/bin/systemd-nspawn",
  "util-linux": "/usr/bin/nsenter",
  "xz-utils": "/usr/bin/xz",
  zstd: "/usr/bin/zstd",
};

/** What a virtual machine needs besides; most never boot one. */
export const VM_PACKAGES: Record<string, string> = { "qemu-system-x86": "/usr/bin/qemu-system-x86_64" };

export function missingPackages(
  exists: (path: string) => boolean = existsSync,
  packages: Record<string, string> = DEBIAN_PACKAGES,
): string[] {
  return Object.entries(packages)
    .filter(([, path]) => !exists(path))
    .map(([name]) => name);
}

/**
 * Installs what is missing, saying so in one line.
 *
 * @throws Error that names the packages, where apt-get can't install them.
 */
export function ensurePackages(say: (text: string) => void, packages?: Record<string, string>): void {
  const missing = missingPackages(existsSync, packages);
  if (missing.length === 0) return;
  say(`installing Debian packages: ${missing.join(" ")}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (args: string[]): void =>
    void execFileSync("apt-get", ["-qq", ...args], { env: environment, stdio: ["ignore", "ignore", "pipe"] });
  try {
    apt(["update"]);
    apt(["install", "-y", "--no-install-recommends", ...missing]);
  } catch (error) {
    const detail = (error as { stderr?: Buffer }).stderr?.toString().trim() ?? String(error);
    throw new Error(`these Debian packages could not be installed: ${missing.join(" ")}\n  ${detail}`);
  }
}
