import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeOnce } from "../make-once";
import { run } from "../network/run";
import { machineAptSources, machineRelease, renderSources, sourcesForRelease } from "./sources";

/** Image slugs that the embedded cloud can boot, with the Debian release behind each. */
export const IMAGES: Readonly<Record<string, string>> = { "debian-13-x64": "trixie" };

/**
 * What DigitalOcean's Debian image has and a droplet of hermes relies on. Everything that the bootstrap would otherwise
 * install from Debian's mirrors is here, as it is there or as an apt call finds it already installed.
 */
const PACKAGES = [
  ...["systemd-sysv", "systemd-resolved", "systemd-timesyncd", "dbus", "udev", "libpam-systemd"],
  ...["cloud-init", "netplan.io", "cloud-guest-utils", "e2fsprogs", "xfsprogs", "fdisk", "openssh-server", "sudo"],
  ...["age", "ca-certificates", "curl", "gnupg", "xz-utils", "zstd", "unattended-upgrades", "apt-utils"],
  ...["nftables", "iptables", "iproute2", "iputils-ping", "netbase", "procps", "psmisc", "python3", "less", "rsync"],
];

/** Everything that the tree depends on; its hash names the tree in the cache. */
export interface ImageRecipe {
  release: string;
  packages: string[];
  /** apt sources as text. */
  sources: string;
  /** Certificates that this machine trusts beyond Debian's, by file name: its mirrors may need them. */
  certificates: Record<string, string>;
  /** Raised when the steps below change. */
  revision: number;
}

export interface ImageOptions {
  onProgress?: (text: string) => void;
}

/** @throws when there is no such image, naming those that exist. */
export function imageRecipe(slug: string): ImageRecipe {
  const release = IMAGES[slug];
  if (release === undefined) {
    throw new Error(`There is no image "${slug}" in the embedded cloud; it has: ${Object.keys(IMAGES).join(", ")}.`);
  }
  const sources = sourcesForRelease(machineAptSources(), machineRelease(), release);
  return {
    release,
    packages: PACKAGES,
    sources: renderSources(sources),
    certificates: localCertificates("/usr/local/share/ca-certificates"),
    revision: 1,
  };
}

export function recipeHash(recipe: ImageRecipe): string {
  return createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 16);
}

function localCertificates(folder: string): Record<string, string> {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".crt")) : [];
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

/**
 * The tree of an image, built by mmdebstrap when the cache has none (40–80 s), shared by all clones on this machine.
 *
 * @param cache the cache directory of a lab.
 * @returns path of the tree. It must never be written to.
 */
export async function ensureImage(cache: string, slug: string, options: ImageOptions = {}): Promise<string> {
  const recipe = imageRecipe(slug);
  const folder = join(cache, "image");
  const finished = join(folder, recipeHash(recipe));
  const onProgress = options.onProgress ?? (() => undefined);
  await makeOnce(finished, () => makeImage(recipe, folder, finished, onProgress), onProgress);
  return join(finished, "tree");
}

async function makeImage(
  recipe: ImageRecipe,
  folder: string,
  finished: string,
  onProgress: (text: string) => void,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await removeAbandonedDrafts(folder);
  const draft = mkdtempSync(join(folder, `building-${process.pid}-`));
  try {
    await build(recipe, join(draft, "tree"), onProgress);
    renameSync(draft, finished);
  } finally {
    await run(["rm", "--recursive", "--force", "--one-file-system", draft]);
  }
}

/** Drafts of builders that were killed. */
async function removeAbandonedDrafts(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    const pid = /^building-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await run(["rm", "--recursive", "--force", "--one-file-system", join(folder, name)]);
  }
}

async function build(recipe: ImageRecipe, tree: string, onProgress: (text: string) => void): Promise<void> {
  onProgress(
    `building the droplets' image: Debian ${recipe.release}, ${recipe.packages.length} packages and their own`,
  );
  const started = Date.now();
  const command = ["mmdebstrap", "--variant=minbase", "--format=directory", "--skip=output/dev"];
  const packages = `--include=${recipe.packages.join(",")}`;
  await run([...command, packages, recipe.release, tree, "-"], { input: recipe.sources });
  for (const [name, text] of Object.entries(recipe.certificates)) {
    writeFileSync(join(tree, "usr/local/share/ca-certificates", name), text);
  }
  // The caller's own temporary folder does not exist in there.
  await run(["chroot", tree, "update-ca-certificates"], { env: { TMPDIR: "/tmp" } });
  onProgress(`built the droplets' image in ${Math.round((Date.now() - started) / 1000)} s`);
}
