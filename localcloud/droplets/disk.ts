// A droplet's root disk, and what snapshots keep of it.
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab";
import { run, waitFor } from "../network";
import { dropletIds, dropletPaths, type DropletRecord } from "./container";

/**
 * Folders that hold nearly all files of a system and change little. On a droplet they are the image's or the snapshot's,
 * with what the droplet changes laid over them; a copy would take longer than all the rest of its creation.
 * Not the root folder itself: the kernel swaps to no file of an overlay.
 */
const LAID_OVER = ["usr", "opt", "var/cache"];

const snapshotsOf = (lab: Lab): string => join(lab.dir, "snapshots");

/** The root file system that a snapshot has kept. Never written to. */
export const snapshotTree = (lab: Lab, snapshotId: string): string => join(snapshotsOf(lab), snapshotId, "tree");

/** One folder of a droplet that lies over that of its tree. */
interface Layer {
  /** Below the root. */
  folder: string;
  lower: string;
  upper: string;
}

function layersOf(lab: Lab, { spec, tree }: DropletRecord): Layer[] {
  if (tree === undefined) return [];
  const upper = join(dropletPaths(lab, spec.id).directory, "over");
  return LAID_OVER.map((folder) => ({ folder, lower: join(tree, folder), upper: join(upper, folder) }));
}

/** Arguments of systemd-nspawn; the mounts are the container's own, and go with it. */
export const overlayArguments = (lab: Lab, record: DropletRecord): string[] =>
  layersOf(lab, record).map(({ folder, lower, upper }) => `--overlay=${lower}:${upper}:/${folder}`);

/** Makes a new droplet's root file system of the tree of its record. */
export async function makeRoot(lab: Lab, record: DropletRecord & { tree: string }): Promise<void> {
  const { root } = dropletPaths(lab, record.spec.id);
  const layers = layersOf(lab, record);
  const { tree } = record;
  mkdirSync(root, { recursive: true, mode: 0o755 });
  await copyBeside(layers, tree, root);
  for (const { folder, upper } of layers) {
    mkdirSync(join(root, folder));
    mkdirSync(upper, { recursive: true });
  }
  showSystem(tree, root);
}

/** Mounts pairs of a lower and an upper folder at a third, in order, and runs the command that follows `--` in the root. */
const IN_ROOT = `root=$1 && shift
while [ "$1" != -- ]; do mkdir -p "$2.work" && mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$2.work" "$root/$3" && shift 3; done
shift && exec chroot "$root" "$@"`;

/** Runs a command in a droplet's root file system as the droplet will see it; the mounts are the command's own. */
export async function runInRoot(lab: Lab, record: DropletRecord, command: string[], input: string): Promise<void> {
  const { root } = dropletPaths(lab, record.spec.id);
  const layers = layersOf(lab, record);
  const mounts = layers.flatMap(({ folder, lower, upper }) => [lower, upper, folder]);
  const apart = ["unshare", "--mount", "--propagation=private", "sh", "-euc", IN_ROOT, "sh", root, ...mounts, "--"];
  // The caller's own temporary folder does not exist in there.
  await run([...apart, ...command], { input, env: { TMPDIR: "/tmp" } });
  await run(["rm", "--recursive", "--force", ...layers.map(({ upper }) => `${upper}.work`)]);
}

/** systemd-nspawn looks for this file before anything is laid over. */
function showSystem(tree: string, root: string): void {
  const file = "usr/lib/os-release";
  mkdirSync(join(root, file, ".."), { recursive: true });
  copyFileSync(join(tree, file), join(root, file));
}

/** All that is in no layer. */
async function copyBeside(layers: readonly Layer[], tree: string, target: string, below = ""): Promise<void> {
  const folders = layers.map(({ folder }) => folder);
  const names = readdirSync(join(tree, below)).map((name) => join(below, name));
  const divided = names.filter((name) => folders.some((folder) => folder.startsWith(`${name}/`)));
  const whole = names.filter((name) => !folders.includes(name) && !divided.includes(name));
  await copy(
    whole.map((name) => join(tree, name)),
    join(target, below),
  );
  for (const name of divided) {
    const { mode, uid, gid } = statSync(join(tree, name));
    mkdirSync(join(target, name));
    chmodSync(join(target, name), mode);
    chownSync(join(target, name), uid, gid);
    await copyBeside(layers, tree, target, name);
  }
}

const copy = (sources: string[], target: string): Promise<string> =>
  run(["cp", "--archive", "--reflink=auto", "--target-directory", target, "--", ...sources]);

/** Keeps a copy of a droplet's root disk: without its volumes, and whole or not at all. */
export async function takeSnapshot(lab: Lab, record: DropletRecord, snapshotId: string): Promise<void> {
  const { root, cgroups } = dropletPaths(lab, record.spec.id);
  const finished = join(snapshotsOf(lab), snapshotId);
  const partial = `${finished}.partial`;
  const tree = join(partial, "tree");
  const layers = layersOf(lab, record);
  await run(["rm", "--recursive", "--force", "--one-file-system", partial]);
  mkdirSync(tree, { recursive: true, mode: 0o755 });
  const release = await freeze(cgroups);
  try {
    await copyBeside(layers, root, tree);
    for (const layer of layers) await copyMerged(layer, tree);
  } finally {
    release();
  }
  renameSync(partial, finished);
}

/** What the droplet sees in such a folder, by a mount that only the copying process has. */
async function copyMerged({ folder, lower, upper }: Layer, tree: string): Promise<void> {
  const merged = join(tree, folder);
  const at = `${merged}.merged`;
  const script = 'mount -t overlay overlay -o "lowerdir=$1:$2" "$3" && cp --archive --reflink=auto "$3" "$4"';
  mkdirSync(at);
  await run(["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh", upper, lower, at, merged]);
  rmdirSync(at);
}

/** Stops every process of a droplet that is on, so that its files are those of one moment. @returns what lets them go on */
async function freeze(cgroups: string): Promise<() => void> {
  const groups = existsSync(cgroups) ? readFileSync(cgroups, "utf8").trim().split("\n") : [];
  const group = groups.find((directory) => existsSync(join(directory, "cgroup.freeze")));
  if (group === undefined) return () => undefined;
  const release = (): void => {
    // The group is gone when the droplet was ended meanwhile.
    if (existsSync(group)) writeFileSync(join(group, "cgroup.freeze"), "0");
  };
  writeFileSync(join(group, "cgroup.freeze"), "1");
  const isFrozen = (): boolean => /^frozen 1$/m.test(readFileSync(join(group, "cgroup.events"), "utf8"));
  await waitFor("the droplet stands still", isFrozen, { timeoutMs: 10_000 }).catch((error: unknown) => {
    release();
    throw error;
  });
  return release;
}

/** Marks a snapshot as deleted. Its files go with the last droplet that lies over them: {@link collectSnapshots}. */
export function forgetSnapshot(lab: Lab, snapshotId: string): void {
  const folder = join(snapshotsOf(lab), snapshotId);
  if (existsSync(folder)) writeFileSync(join(folder, "deleted"), "");
}

/** Folders of snapshots that nobody needs any more, also of those that were cut off while they were taken. */
export function collectSnapshots(lab: Lab, busy: readonly string[] = []): string[] {
  const folder = snapshotsOf(lab);
  const used = new Set(dropletIds(lab).map((id) => snapshotOf(dropletPaths(lab, id).record)));
  return (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => !busy.includes(name.replace(/\.partial$/, "")))
    .filter((name) => name.endsWith(".partial") || (existsSync(join(folder, name, "deleted")) && !used.has(name)))
    .map((name) => join(folder, name));
}

function snapshotOf(record: string): string | undefined {
  return existsSync(record) ? (JSON.parse(readFileSync(record, "utf8")) as DropletRecord).spec.snapshotId : undefined;
}
