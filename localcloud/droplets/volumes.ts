import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab";
import { run, tryRun } from "../network/run";
import type { VolumeSpec } from "../substrate";

/** Everything that one volume has on disk: `<lab.dir>/volumes/ID`. */
const volumePaths = (lab: Lab, id: string) => {
  const directory = join(lab.dir, "volumes", id);
  return { directory, spec: join(directory, "volume.json"), data: join(directory, "data.img") };
};

/** A device that stands for a volume in a droplet. */
export interface VolumeDevice {
  /** Loop device of this machine. */
  source: string;
  /** Where the droplet finds it, as DigitalOcean names it. */
  target: string;
  /** Links below /dev/disk that lead to it. */
  links: string[];
}

/** Makes a sparse file, with a file system on it when one is asked for. */
export async function createVolume(lab: Lab, spec: VolumeSpec): Promise<void> {
  const paths = volumePaths(lab, spec.id);
  mkdirSync(paths.directory, { recursive: true });
  const draft = `${paths.data}.new`;
  writeFileSync(draft, "");
  truncateSync(draft, gib(spec.sizeGiB));
  if (spec.filesystem !== undefined) await run(makeFilesystem(spec.filesystem, spec.label, draft));
  renameSync(draft, paths.data);
  writeFileSync(paths.spec, JSON.stringify(spec, null, 2));
}

function makeFilesystem(type: "ext4" | "xfs", label: string | undefined, file: string): string[] {
  const labelled = label === undefined ? [] : ["-L", label];
  return type === "ext4"
    ? ["mke2fs", "-q", "-F", "-t", "ext4", ...labelled, file]
    : ["mkfs.xfs", "-q", "-f", ...labelled, file];
}

/** Gives the volume a loop device, a new one each time: an old one may still be held by a system that lost it. */
export async function openVolume(lab: Lab, id: string, index: number): Promise<VolumeDevice> {
  const source = (await run(["losetup", "--find", "--show", volumePaths(lab, id).data])).trim();
  const probed = await tryRun(["blkid", "--probe", "--match-tag", "LABEL", "--output", "value", source]);
  const label = probed.stdout.trim();
  const links = [`by-id/scsi-0DO_Volume_${readVolume(lab, id).name}`, ...(label === "" ? [] : [`by-label/${label}`])];
  return { source, target: deviceTarget(index), links };
}

export const deviceTarget = (index: number): string => `/dev/sd${String.fromCharCode("a".charCodeAt(0) + index)}`;

export function readVolume(lab: Lab, id: string): VolumeSpec {
  const path = volumePaths(lab, id).spec;
  if (!existsSync(path)) throw new Error(`there is no volume ${id}`);
  return JSON.parse(readFileSync(path, "utf8")) as VolumeSpec;
}

/** Lets go of the volume's loop devices. One that is still mounted somewhere goes when it is not. */
export async function closeVolume(lab: Lab, id: string): Promise<void> {
  for (const device of await loopDevices(volumePaths(lab, id).data)) await tryRun(["losetup", "--detach", device]);
}

async function loopDevices(file: string): Promise<string[]> {
  if (!existsSync(file)) return [];
  const listed = await run(["losetup", "--noheadings", "--output", "NAME", "--associated", file]);
  return listed
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Larger only, as there. The file system inside is grown by whoever uses it. */
export async function growVolume(lab: Lab, id: string, sizeGiB: number): Promise<void> {
  const paths = volumePaths(lab, id);
  const spec = readVolume(lab, id);
  if (gib(sizeGiB) < statSync(paths.data).size)
    throw new Error(`volume ${spec.name} can only grow, not to ${sizeGiB} GiB`);
  truncateSync(paths.data, gib(sizeGiB));
  writeFileSync(paths.spec, JSON.stringify({ ...spec, sizeGiB }, null, 2));
  for (const device of await loopDevices(paths.data)) await run(["losetup", "--set-capacity", device]);
}

export async function removeVolume(lab: Lab, id: string): Promise<void> {
  await closeVolume(lab, id);
  rmSync(volumePaths(lab, id).directory, { recursive: true, force: true });
}

export function volumeIds(lab: Lab): string[] {
  const folder = join(lab.dir, "volumes");
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Writes the links that udev would make, into the directory that is bound over the droplet's /dev/disk. */
export function writeDiskLinks(disk: string, devices: VolumeDevice[]): void {
  mkdirSync(disk, { recursive: true });
  for (const folder of ["by-id", "by-label"]) {
    rmSync(join(disk, folder), { recursive: true, force: true });
    mkdirSync(join(disk, folder));
  }
  for (const device of devices) addDiskLinks(disk, device);
}

export function addDiskLinks(disk: string, device: VolumeDevice): void {
  for (const link of device.links) {
    rmSync(join(disk, link), { force: true });
    symlinkSync(linkText(device.target), join(disk, link));
  }
}

export function removeDiskLinks(disk: string, target: string): void {
  for (const folder of ["by-id", "by-label"]) {
    for (const name of readdirSync(join(disk, folder))) {
      if (readlinkSync(join(disk, folder, name)) === linkText(target)) rmSync(join(disk, folder, name));
    }
  }
}

const linkText = (target: string): string => `../../${target.slice("/dev/".length)}`;

const gib = (count: number): number => Math.round(count * 1024 ** 3);

/**
 * Mount points of a block device in the mount namespace of a process, by mountinfo(5).
 *
 * @param number "MAJOR:MINOR".
 */
export function mountPointsOf(mountinfo: string, number: string): string[] {
  return mountinfo
    .split("\n")
    .map((line) => line.split(" "))
    .filter((fields) => fields[2] === number)
    .map((fields) =>
      (fields[4] ?? "").replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    );
}

/** "MAJOR:MINOR" of a device node. */
export function deviceNumber(path: string): string {
  const { rdev } = statSync(path);
  return `${(rdev >> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >> 12) & 0xfff00)}`;
}

/**
 * Cuts a mounted file system off from its device: nothing that it has not written yet will ever be, as if the disk had
 * been pulled. FS_IOC_SHUTDOWN (0x8004587d) without flushing the log (2); ext4 and xfs know it. Node has no ioctl.
 */
const CUT_OFF = [
  "import fcntl, os, struct, sys",
  "fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY), 0x8004587d, struct.pack('I', 2))",
].join("\n");

/** Cuts a volume off in the droplet whose PID 1 is given. The file system is dead then wherever it is mounted. */
export async function cutOff(lab: Lab, volumeId: string, leader: number): Promise<void> {
  for (const device of await loopDevices(volumePaths(lab, volumeId).data)) {
    const [point] = mountPointsOf(readFileSync(`/proc/${leader}/mountinfo`, "utf8"), deviceNumber(device));
    if (point !== undefined) await run(["python3", "-c", CUT_OFF, `/proc/${leader}/root${point}`]);
  }
}
