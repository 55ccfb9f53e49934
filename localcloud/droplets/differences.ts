import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ADDRESSES } from "../addresses";
import type { DropletSpec } from "../substrate";

/** What a droplet is given before its first boot. */
export interface BirthContext {
  spec: DropletSpec;
  /** PEM of the lab's certificate authority. */
  caCertificate?: string;
  /** Runs a command in the root file system as the droplet will see it. */
  inRoot: (command: string[], input: string) => Promise<void>;
}

/** One way in which a droplet of the embedded cloud is not like one of DigitalOcean's. */
export interface Difference {
  what: string;
  why: string;
  /** Brings it about in the root file system before the first boot; absent where the lab around does it. */
  apply?: (root: string, context: BirthContext) => void | Promise<void>;
}

/**
 * Everything that the lab changes for a droplet relative to DigitalOcean, in one list. The user data is not in it: it
 * is given as it is.
 */
export const DIFFERENCES: Difference[] = [
  {
    what: "cloud-init reads a NoCloud seed in /var/lib/cloud/seed/nocloud, not DigitalOcean's metadata service",
    why: "the DigitalOcean datasource wants the DMI of their machines; a container has none. 169.254.169.254 answers all the same",
    apply: (root, { spec }) => {
      write(root, "etc/cloud/cloud.cfg.d/95-hermes-lab.cfg", CLOUD_CONFIG);
      const seed = renderSeed(spec);
      for (const [name, text] of Object.entries(seed)) write(root, `var/lib/cloud/seed/nocloud/${name}`, text, 0o600);
    },
  },
  {
    what: "the lab's certificate authority is in the trust store",
    why: "the lab plays the hosts of the internet that the bootstrap downloads from",
    apply: async (root, { caCertificate, inRoot }) => {
      if (caCertificate === undefined || trusts(root, caCertificate)) return;
      const script = "cat >/usr/local/share/ca-certificates/hermes-lab.crt && update-ca-certificates";
      await inRoot(["sh", "-c", script], caCertificate);
    },
  },
  {
    what: `name server and "the internet" are ${ADDRESSES.internet.v4}; every name leads there`,
    why: "no route leads out of the lab",
    apply: (root) => {
      link(root, "etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
    },
  },
  {
    what: "a fresh machine-id, where the image has none, and the host name are written before the first boot; systemd-firstboot is masked",
    why: "it would ask questions on a console that nobody sees, and fail",
    apply: (root, { spec }) => {
      if (!hasMachineId(root)) write(root, "etc/machine-id", `${randomBytes(16).toString("hex")}\n`, 0o444);
      write(root, "etc/hostname", `${spec.name}\n`);
      link(root, "etc/systemd/system/systemd-firstboot.service", "/dev/null");
    },
  },
  {
    what: "swap from /etc/fstab is switched on by hermes-lab-swap.service",
    why: "systemd in a container ignores swap units and fstab's swap lines",
    apply: (root) => {
      write(root, `etc/systemd/system/${SWAP_UNIT}`, SWAP_SERVICE);
      link(root, `etc/systemd/system/sysinit.target.wants/${SWAP_UNIT}`, `../${SWAP_UNIT}`);
    },
  },
  {
    what: "apt uses the mirror of this machine's own apt, and cloud-init leaves its sources alone",
    why: "that is the mirror whose name the lab answers for",
  },
  {
    what: "the kernel is this machine's; /proc/sys is read-only but for the network's part, no module can be loaded",
    why: "a container has no kernel of its own. sysctl settings in user data have no effect here",
  },
  {
    what: "/proc/meminfo and /proc/swaps are written by the lab every second: the size less 5 %, what the memory controller counts, the droplet's own swap",
    why: "the kernel shows the machine's memory (sysinfo(2) still does), and all droplets' swap",
  },
  {
    what: "memory and CPU time are limited for the droplet as a whole; limits of units inside have no effect",
    why: "with a v1 memory controller the cgroup v2 tree inside has no controllers",
  },
  {
    what: "the root disk is a directory of the machine's file system: df shows that one, the size's disk is not a limit",
    why: "copying a tree takes a second, and nothing has to be unmounted",
  },
  {
    what: "/usr, /opt and /var/cache are overlays on the image's or the snapshot's",
    why: "a whole system has too many files to be copied for every droplet",
  },
  {
    what: "no udev: volumes and /dev/disk/by-id, by-label appear because the lab makes them; a label that the droplet writes itself gets its link at the next attachment. Mount by label, by-id or from /etc/fstab, no .device unit is needed or made",
    why: "systemd in a container has no device units and mounts at once",
  },
  {
    what: "pulling the plug loses what was not flushed on volumes, but not on the root disk",
    why: "the root disk's cache is the machine's",
  },
  {
    what: "the public addresses are documentation ranges; there is no private (VPC) address, no droplet agent, no console",
    why: "nothing in the program uses them",
  },
];

/** Applies all of them to a fresh root file system. */
export async function applyDifferences(root: string, context: BirthContext): Promise<void> {
  for (const difference of DIFFERENCES) await difference.apply?.(root, context);
}

const SWAP_UNIT = "hermes-lab-swap.service";

const SWAP_SERVICE = `[Unit]
Description=Swap from fstab, which systemd in a container leaves off
DefaultDependencies=no
After=local-fs.target
Before=sysinit.target

[Service]
Type=oneshot
ExecStart=/usr/sbin/swapon --all --ifexists
`;

/** As DigitalOcean's images have it where they differ from Debian's: root logs in with the account's keys. */
const CLOUD_CONFIG = `datasource_list: [NoCloud]
disable_root: false
users: []
apt:
  preserve_sources_list: true
`;

/** The files of the NoCloud seed. JSON is YAML that needs no quoting rules. */
export function renderSeed(spec: DropletSpec): { "meta-data": string; "user-data": string; "network-config": string } {
  return {
    "meta-data": JSON.stringify(
      { "instance-id": String(spec.id), "local-hostname": spec.name, "public-keys": spec.sshKeys },
      null,
      2,
    ),
    "user-data": spec.userData,
    "network-config": JSON.stringify(networkConfig(spec), null, 2),
  };
}

function networkConfig({ ipv4, ipv6 }: DropletSpec): object {
  const { v4Gateway, v4Prefix, v6Gateway, v6Prefix } = ADDRESSES.droplets;
  const v6 =
    ipv6 === undefined
      ? { addresses: [], routes: [] }
      : { addresses: [`${ipv6}/${v6Prefix}`], routes: [{ to: "::/0", via: v6Gateway }] };
  return {
    version: 2,
    ethernets: {
      eth0: {
        dhcp4: false,
        dhcp6: false,
        "accept-ra": false,
        addresses: [`${ipv4}/${v4Prefix}`, ...v6.addresses],
        routes: [{ to: "0.0.0.0/0", via: v4Gateway }, ...v6.routes],
        nameservers: { addresses: [ADDRESSES.internet.v4] },
      },
    },
  };
}

/** A snapshot of one of the lab's droplets has the certificate among its own. */
function trusts(root: string, certificate: string): boolean {
  const bundle = join(root, "etc/ssl/certs/ca-certificates.crt");
  return existsSync(bundle) && readFileSync(bundle, "utf8").includes(certificate.trim());
}

/** Of a snapshot of a droplet that was not made free of its identity: two machines then have one, as there. */
function hasMachineId(root: string): boolean {
  const path = join(root, "etc/machine-id");
  return existsSync(path) && /^[0-9a-f]{32}\n?$/.test(readFileSync(path, "utf8"));
}

function link(root: string, path: string, target: string): void {
  const at = join(root, path);
  mkdirSync(join(at, ".."), { recursive: true });
  rmSync(at, { force: true });
  symlinkSync(target, at);
}

function write(root: string, path: string, text: string, mode = 0o644): void {
  const target = join(root, path);
  mkdirSync(join(target, ".."), { recursive: true });
  rmSync(target, { force: true });
  writeFileSync(target, text, { mode });
}
