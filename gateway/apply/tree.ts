// Files, read and replaced without ever following a link: agents write in workspaces, and this runs as root.
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import type { FileSpec } from "./bundle.ts";
import { contentOf } from "./bundle.ts";
import type { Host } from "./host.ts";

/** What stands at a path. */
export type Entry =
  | { kind: "absent" }
  | { kind: "file"; content: Buffer; mode: number; uid: number; gid: number }
  | { kind: "link"; target: string }
  | { kind: "other" };

/** What shall stand at a path. */
export type Wanted =
  | { kind: "absent" }
  | { kind: "file"; content: Buffer; mode: number; uid: number; gid: number }
  | { kind: "link"; target: string };

export function wantedFile(host: Host, file: FileSpec): Wanted & { kind: "file" } {
  return { kind: "file", content: contentOf(file), mode: parseInt(file.mode, 8), ...host.ids(file.owner) };
}

export function readEntry(host: Host, path: string): Entry {
  return inFolder(host, path, undefined, (at) => readAt(at)) ?? { kind: "absent" };
}

/** Same content; for a file also same mode and owner. */
export function isAs(entry: Entry, wanted: Wanted): boolean {
  if (entry.kind !== wanted.kind) return false;
  if (entry.kind === "link" && wanted.kind === "link") return entry.target === wanted.target;
  if (entry.kind !== "file" || wanted.kind !== "file") return true;
  const sameMeta = entry.mode === wanted.mode && entry.uid === wanted.uid && entry.gid === wanted.gid;
  return sameMeta && entry.content.equals(wanted.content);
}

/**
 * Replaces what is there in one step: whoever looks sees the old or the new, whole, with its owner and mode.
 * Nothing is written where it is so already, so that putting things back works on a full disk too.
 *
 * @throws Error that names the path, and in plain words a disk that is full or read-only
 */
export function put(host: Host, path: string, wanted: Wanted): void {
  try {
    putEntry(host, path, wanted);
  } catch (error) {
    throw diskError(path, error as NodeJS.ErrnoException);
  }
}

const DISK_FAULTS: Record<string, string> = {
  ENOSPC: "the disk is full. Make room (hermes doctor says where), then pulumi up",
  EDQUOT: "the disk is full. Make room (hermes doctor says where), then pulumi up",
  EROFS: "the disk is read-only, after an error, or gone. hermes doctor says what mends that; then pulumi up",
};

/** Node says which call failed, and not on what. */
function diskError(path: string, error: NodeJS.ErrnoException): Error {
  const fault = DISK_FAULTS[error.code ?? ""];
  return fault === undefined ? error : new Error(`${path} cannot be written: ${fault}`, { cause: error });
}

/** Below this the gateway does not come up again (gateway-start.sh waits for as much). */
const SPARE_BYTES = 2 ** 24;

/** Why nothing can be written at a path, undefined when it can. */
export function diskFault(host: Host, path: string, bytes = 0): string | undefined {
  const { free, writable } = host.disk(path);
  if (writable && free >= bytes + SPARE_BYTES) return undefined;
  return `${path} cannot be written: ${DISK_FAULTS[writable ? "ENOSPC" : "EROFS"]}`;
}

function putEntry(host: Host, path: string, wanted: Wanted): void {
  const owner = wanted.kind === "file" ? wanted : { uid: 0, gid: 0 };
  const done = inFolder(host, path, wanted.kind === "absent" ? undefined : owner, (at) => {
    const entry = readAt(at);
    if (entry.kind === "other") throw new Error(`${path} is there, and is no file`);
    // What a run that was killed had begun there.
    rmSync(partialOf(at), { force: true });
    if (wanted.kind === "absent") rmSync(at, { force: true });
    else if (!isAs(entry, wanted)) replace(at, wanted);
    return true;
  });
  if (done === undefined && wanted.kind !== "absent") throw new Error(`${path} cannot be made`);
}

function readAt(at: string): Entry {
  const stat = lstatSync(at, { throwIfNoEntry: false });
  if (stat === undefined) return { kind: "absent" };
  if (stat.isSymbolicLink()) return { kind: "link", target: readlinkSync(at) };
  if (!stat.isFile()) return { kind: "other" };
  const descriptor = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { mode, uid, gid } = fstatSync(descriptor);
    return { kind: "file", content: readFileSync(descriptor), mode: mode & 0o7777, uid, gid };
  } finally {
    closeSync(descriptor);
  }
}

const partialOf = (at: string): string => `${at}.hermes-partial`;

function replace(at: string, wanted: Exclude<Wanted, { kind: "absent" }>): void {
  const partial = partialOf(at);
  try {
    if (wanted.kind === "link") symlinkSync(wanted.target, partial);
    else writeWhole(partial, wanted);
    renameSync(partial, at);
  } catch (error) {
    // A full disk's half of a file would only keep it full.
    rmSync(partial, { force: true });
    throw error;
  }
}

function writeWhole(at: string, { content, mode, uid, gid }: Wanted & { kind: "file" }): void {
  const descriptor = openSync(
    at,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    for (let done = 0; done < content.length;) done += writeSync(descriptor, content, done);
    fchownSync(descriptor, uid, gid);
    fchmodSync(descriptor, mode);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Calls `use` with the path of an entry whose folders were opened one by one, none of them a link.
 * Missing folders are made when an owner is given; else the result is undefined.
 */
function inFolder<T>(
  host: Host,
  path: string,
  make: { uid: number; gid: number } | undefined,
  use: (at: string) => T,
): T | undefined {
  const parts = path.split("/").filter((part) => part !== "");
  const name = parts.pop() ?? "";
  let folder = openSync(host.path("/"), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const part of parts) {
      const next = openFolder(`/proc/self/fd/${folder}/${part}`, make, path);
      if (next === undefined) return undefined;
      closeSync(folder);
      folder = next;
    }
    const result = use(`/proc/self/fd/${folder}/${name}`);
    if (make !== undefined) fsyncSync(folder);
    return result;
  } finally {
    closeSync(folder);
  }
}

function openFolder(at: string, make: { uid: number; gid: number } | undefined, path: string): number | undefined {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  try {
    return openSync(at, flags);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOENT") throw new Error(`${path} is behind something that is no folder`);
    if (make === undefined) return undefined;
  }
  // Folders in a workspace belong to its owner, folders of the system are root's and open to all.
  mkdirSync(at, make.uid === 0 ? 0o755 : 0o700);
  const made = openSync(at, flags);
  fchownSync(made, make.uid, make.uid === 0 ? 0 : make.gid);
  return made;
}
