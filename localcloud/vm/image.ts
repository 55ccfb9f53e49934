import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureImage, imageRecipe, recipeHash } from "../image";
import { run } from "../network/run";

/** What is in a machine's image beyond Debian and a kernel. */
export interface Provisioning {
  /** Run by bash as root in the tree, with the network of this machine. */
  script: string;
  /** Files and folders of this machine that the script may read, by their path in the tree. */
  binds: Record<string, string>;
  environment: Record<string, string>;
}

export interface VmImage {
  /** Root disk, raw and sparse. Machines write to a copy that ends with them. */
  disk: string;
  /** Swap disk. */
  swap: string;
  kernel: string;
  initrd: string;
}

/** Raised when the steps of this file change. */
const REVISION = 1;
/** Label by which DigitalOcean's images name their root. */
const ROOT_LABEL = "cloudimg-rootfs";
const DISK_GIB = 16;
const remove = (path: string): Promise<string> => run(["rm", "--recursive", "--force", "--one-file-system", path]);

/**
 * A machine's disks and kernel: the tree that containers boot, Debian's cloud kernel and what the caller provisions,
 * made once per cache (1 to 2 min).
 *
 * @param cache the cache directory of a lab.
 * @param swapGiB size of the swap disk.
 */
export async function ensureVmImage(
  cache: string,
  slug: string,
  swapGiB: number,
  provisioning: Provisioning,
  say: (text: string) => void,
): Promise<VmImage> {
  const recipe = [REVISION, recipeHash(imageRecipe(slug)), swapGiB, KERNEL, SETTINGS, provisioning];
  const hash = createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 16);
  const folder = join(cache, "vm");
  const finished = join(folder, hash);
  mkdirSync(folder, { recursive: true });
  await removeAbandoned(folder);
  if (!existsSync(finished)) {
    const base = await ensureImage(cache, slug, { onProgress: say });
    say("building the machine's image: kernel, programs, disk");
    const draft = mkdtempSync(join(folder, `building-${process.pid}-`));
    try {
      await build(base, draft, swapGiB, provisioning);
      renameSync(draft, finished);
    } finally {
      await remove(draft);
    }
  }
  const [disk, swap, kernel, initrd] = ["disk.raw", "swap.raw", "vmlinuz", "initrd.img"].map((each) =>
    join(finished, each),
  ) as [string, string, string, string];
  return { disk, swap, kernel, initrd };
}

/** Folders `…-PID-…` of processes that were killed. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    const pid = /^[a-z]+-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await remove(join(folder, name));
  }
}

async function build(base: string, draft: string, swapGiB: number, provisioning: Provisioning): Promise<void> {
  const tree = join(draft, "tree");
  await run(["cp", "--archive", "--reflink=auto", base, tree]);
  await runInTree(tree, { script: KERNEL, binds: {}, environment: {} });
  await runInTree(tree, provisioning);
  await runInTree(tree, { script: SETTINGS, binds: {}, environment: {} });
  for (const name of ["vmlinuz", "initrd.img"]) await run(["cp", "--dereference", join(tree, name), join(draft, name)]);
  await run(["mke2fs", "-q", "-t", "ext4", "-L", ROOT_LABEL, "-d", tree, join(draft, "disk.raw"), `${DISK_GIB}G`]);
  await remove(tree);
  const swap = join(draft, "swap.raw");
  writeFileSync(swap, "");
  truncateSync(swap, swapGiB * 1024 ** 3);
  await run(["mkswap", "--quiet", "--label", "swap", swap]);
}

/** Runs a script in a tree, with this machine's network and nothing else of it: all mounts end with it. */
async function runInTree(tree: string, { script, binds, environment }: Provisioning): Promise<void> {
  const command = [
    ...["systemd-nspawn", "--quiet", "--settings=no", "--register=no", "--keep-unit", "--pipe"],
    ...["--resolv-conf=replace-host", "--timezone=off", "--link-journal=no", `--directory=${tree}`],
    // A folder named "tree" is a name that others use too.
    `--machine=hermes-vm-${process.pid}`,
    ...Object.entries(binds).map(([inside, outside]) => `--bind-ro=${outside}:${inside}`),
    ...Object.entries(environment).map(([name, value]) => `--setenv=${name}=${value}`),
    ...["bash", "-e", "-s"],
  ];
  await run(command, { input: script, env: { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1", SYSTEMD_NSPAWN_LOCK: "0" } });
}

const KERNEL = `
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends linux-image-cloud-amd64 initramfs-tools
apt-get clean
`;

/** In place of cloud-init, which has nothing to say to a machine that is made ready already. */
const SETTINGS = `
touch /etc/cloud/cloud-init.disabled
printf 'LABEL=${ROOT_LABEL} / ext4 defaults,noatime 0 1\\nLABEL=swap none swap sw 0 0\\n' >/etc/fstab
printf '[Match]\\nType=ether\\n[Network]\\nDHCP=yes\\n' >/etc/systemd/network/50-vm.network
echo hermes >/etc/hostname
systemctl -q enable systemd-networkd
systemctl -q mask systemd-firstboot systemd-networkd-wait-online
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
: >/etc/machine-id
`;
