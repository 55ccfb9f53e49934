// Files, read and replaced without ever following a link: agents write in workspaces, and this runs as root.
//
// Below STATE another account owns every folder. What stands there may be anything, and may change at any moment, so it
// stops nothing: what is in the way of a file from the repository is renamed, kept and named in a warning.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
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
  readSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import type { FileSpec } from "./bundle.ts";
import { contentOf } from "./bundle.ts";
import type { Host } from "./host.ts";
import { SET_ASIDE, STATE } from "./places.ts";
import { shown } from "./shown.ts";

/** What stands at a path. */
export type Entry =
  | { kind: "absent" }
  | { kind: "file"; content: Buffer; mode: number; uid: number; gid: number }
  | { kind: "link"; target: string }
  /** `what`: for people, "a directory". */
  | { kind: "other"; what: string };

/** What shall stand at a path. */
export type Wanted =
  | { kind: "absent" }
  | { kind: "file"; content: Buffer; mode: number; uid: number; gid: number }
  | { kind: "link"; target: string };

/** Bytes that are read of a file of another account. A file from the repository has 256 KiB at most (config/workspace.ts). */
const OTHERS_MAX_BYTES = 2 ** 20;

/** How often something is put where its owner keeps changing what is there. */
const TRIES = 8;

/** In a folder of another account: OpenClaw's and the agents'. */
export const isOthers = (path: string): boolean => path.startsWith(`${STATE}/`);

export function wantedFile(host: Host, file: FileSpec): Wanted & { kind: "file" } {
  return { kind: "file", content: contentOf(file), mode: parseInt(file.mode, 8), ...host.ids(file.owner) };
}

export function readEntry(host: Host, path: string): Entry {
  const limit = isOthers(path) ? OTHERS_MAX_BYTES : Infinity;
  try {
    return inFolder(host, path, undefined, (folder, name) => readAt(inside(folder, name), limit)) ?? { kind: "absent" };
  } catch (error) {
    if (!isOwnersDoing(path, error)) throw error;
    return { kind: "other", what: `not readable (${codeOf(error)})` };
  }
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
 * In a folder of another account it renames what is in the way. It says so if that does not help, and throws nothing: a
 * workspace must not keep the gateway down.
 *
 * @throws Error that names the path, and in plain words a disk that is full or read-only
 */
export function put(host: Host, path: string, wanted: Wanted): void {
  for (let tries = 1; ; tries++) {
    try {
      return putEntry(host, path, wanted);
    } catch (error) {
      if (!isOwnersDoing(path, error)) throw diskError(path, error as NodeJS.ErrnoException);
      if (tries < TRIES) continue;
      const why = codeOf(error);
      return host.say(
        `warning: ${shown(path)} could not be written (${why}): it is left as the agent's account made it`,
      );
    }
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "";

/** No fault of the disk, and none of this program. */
const isOwnersDoing = (path: string, error: unknown): boolean =>
  isOthers(path) && /^E[A-Z0-9]+$/.test(codeOf(error)) && !["EIO", ...Object.keys(DISK_FAULTS)].includes(codeOf(error));

const DISK_FAULTS: Record<string, string> = {
  ENOSPC: "the disk is full. Make room (./hermes doctor says where), then pulumi up",
  EDQUOT: "the disk is full. Make room (./hermes doctor says where), then pulumi up",
  EROFS: "the disk is read-only, after an error, or gone. ./hermes doctor says what mends that; then pulumi up",
};

/** Node says which call failed, and not on what. */
function diskError(path: string, error: NodeJS.ErrnoException): Error {
  const fault = DISK_FAULTS[error.code ?? ""];
  return fault === undefined ? error : new Error(`${path} cannot be written: ${fault}`, { cause: error });
}

/** Below this the gateway does not come up again (has-room.sh: gateway-start.sh waits for as much). */
const SPARE_BYTES = 2 ** 24;

/** Files that have to be free for the same: a start and a turn make some, beside what a change brings. */
const SPARE_FILES = 64;

/** Why nothing can be written at a path, undefined when it can. */
export function diskFault(host: Host, path: string, bytes = 0): string | undefined {
  const { free, freeFiles = Infinity, writable } = host.disk(path);
  if (writable && freeFiles < SPARE_FILES)
    return `${path} cannot be written: the disk has room for ${freeFiles} more files. Remove some (./hermes doctor says where), then pulumi up`;
  if (writable && free >= bytes + SPARE_BYTES) return undefined;
  return `${path} cannot be written: ${DISK_FAULTS[writable ? "ENOSPC" : "EROFS"]}`;
}

function putEntry(host: Host, path: string, wanted: Wanted): void {
  const owner = wanted.kind === "file" ? wanted : { uid: 0, gid: 0 };
  const done = inFolder(host, path, wanted.kind === "absent" ? undefined : owner, (folder, name) => {
    const at = { host, path, folder, name };
    if (wanted.kind === "absent") return remove(at);
    const entry = readAt(inside(folder, name), isOthers(path) ? OTHERS_MAX_BYTES : Infinity);
    clearPartial(at);
    if (isAs(entry, wanted)) return true;
    if (entry.kind === "other") setAside(at, entry.what);
    replace(at, wanted);
    return true;
  });
  if (done === undefined && wanted.kind !== "absent") throw new Error(`${path} cannot be made`);
}

/** An entry by its name in an open folder. */
interface Place {
  host: Host;
  /** For people; what was asked for. */
  path: string;
  folder: number;
  name: string;
}

const inside = (folder: number, name: string): string => `/proc/self/fd/${folder}/${name}`;

function remove(at: Place): true {
  clearPartial(at);
  const stat = lstatSync(inside(at.folder, at.name), { throwIfNoEntry: false });
  if (stat === undefined) return true;
  if (stat.isFile() || stat.isSymbolicLink()) unlinkSync(inside(at.folder, at.name));
  else if (isOthers(at.path)) at.host.say(`warning: ${shown(at.path)} is ${kindOf(stat)}: it is left where it is`);
  else throw new Error(`${at.path} is ${kindOf(stat)}, not a file. Remove it, then run pulumi up.`);
  return true;
}

/** What a run that was killed had begun there. */
function clearPartial(at: Place): void {
  const name = partialOf(at.name);
  const partial = { ...at, name, path: `${at.path.slice(0, at.path.lastIndexOf("/"))}/${name}` };
  const stat = lstatSync(inside(at.folder, partial.name), { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isFile() && !stat.isSymbolicLink()) return setAside(partial, kindOf(stat));
  try {
    unlinkSync(inside(at.folder, partial.name));
  } catch (error) {
    if (codeOf(error) !== "EPERM") throw error;
    setAside(partial, "a file that cannot be removed");
  }
}

/**
 * Renames what is in the way, whatever is in it, so that it is kept and takes no time.
 *
 * @throws Error in a folder of root's: nobody else puts anything there
 */
function setAside({ host, path, folder, name }: Place, what: string): void {
  if (!isOthers(path)) throw new Error(`${path} is ${what}, not a file. Remove it, then run pulumi up.`);
  const kept = beside(name, `.set-aside-${Date.now()}${randomBytes(3).toString("hex")}`);
  move(folder, name, kept, name);
  const entry = { path: `${path.slice(0, path.lastIndexOf("/"))}/${kept}`, what, of: path };
  host.say(`warning: ${saySetAside(entry)}`);
  const list = [...setAsides(host), entry].slice(-SET_ASIDE_MAX);
  const content = Buffer.from(JSON.stringify(list));
  put(host, SET_ASIDE, { kind: "file", content, mode: 0o600, ...host.ids("root:root") });
}

/** Something that was in the way of a managed file. */
export interface SetAside {
  /** Where it is kept. */
  path: string;
  /** For people: "a directory". */
  what: string;
  /** The path that it was in the way of. */
  of: string;
}

/** The newest count: an agent can bring about as many as it likes. */
const SET_ASIDE_MAX = 20;

export const saySetAside = ({ path, what, of }: SetAside): string =>
  `${shown(of)} was ${what}: it is kept as ${shown(path)}`;

/** What was set aside and is still there. */
export function setAsides(host: Host): SetAside[] {
  const entry = readEntry(host, SET_ASIDE);
  const all = entry.kind === "file" ? (JSON.parse(entry.content.toString("utf8")) as SetAside[]) : [];
  return all.filter(({ path }) => readEntry(host, path).kind !== "absent");
}

/** `chattr +i` and `+a` let not even root rename. In the open folder, so that no link on the way counts. */
function makeMutable(folder: number, name: string): void {
  const cwd = `/proc/self/fd/${folder}`;
  spawnSync("chattr", ["-f", "-ia", "--", ".", `./${name}`], { cwd, stdio: "ignore", timeout: 10_000 });
}

/** Longest name that a file system takes. */
const NAME_MAX_BYTES = 255;

/** A further name, for something that stands beside what has this one. */
export function beside(name: string, suffix: string): string {
  let start = name;
  while (Buffer.byteLength(start + suffix) > NAME_MAX_BYTES) start = [...start].slice(0, -1).join("");
  return start + suffix;
}

/** @throws Error when it changes meanwhile */
function readAt(at: string, limit: number): Entry {
  const stat = lstatSync(at, { throwIfNoEntry: false });
  if (stat === undefined) return { kind: "absent" };
  if (stat.isSymbolicLink()) return { kind: "link", target: readlinkSync(at) };
  if (!stat.isFile()) return { kind: "other", what: kindOf(stat) };
  const descriptor = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const opened = fstatSync(descriptor);
    if (!opened.isFile()) return { kind: "other", what: kindOf(opened) };
    const content = opened.size > limit ? undefined : readBounded(descriptor, limit);
    if (content === undefined) return { kind: "other", what: `a file of ${opened.size} bytes, more than ${limit}` };
    return { kind: "file", content, mode: opened.mode & 0o7777, uid: opened.uid, gid: opened.gid };
  } finally {
    closeSync(descriptor);
  }
}

/** All of a file; undefined if there is more than the limit, whatever its size was a moment ago. */
function readBounded(descriptor: number, limit: number): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let length = 0; length <= limit;) {
    const part = Buffer.alloc(65_536);
    const read = readSync(descriptor, part, 0, part.length, null);
    if (read === 0) return Buffer.concat(parts);
    parts.push(part.subarray(0, read));
    length += read;
  }
  return undefined;
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return "a directory";
  if (stat.isSymbolicLink()) return "a link";
  if (stat.isFIFO()) return "a FIFO";
  if (stat.isSocket()) return "a socket";
  return stat.isFile() ? "a file" : "a device";
}

const partialOf = (name: string): string => beside(name, ".hermes-partial");

function replace({ folder, name }: Place, wanted: Exclude<Wanted, { kind: "absent" }>): void {
  const partial = inside(folder, partialOf(name));
  let written = false;
  try {
    if (wanted.kind === "link") symlinkSync(wanted.target, partial);
    else writeWhole(partial, wanted, () => (written = true));
    written = true;
    move(folder, partialOf(name), name, name);
  } catch (error) {
    // A full disk's half of a file would only keep it full.
    if (written) unlinkIfThere(partial);
    throw error;
  }
}

/** @param others - the one of the two names that may be another account's, which may have made it immutable */
function move(folder: number, from: string, to: string, others: string): void {
  try {
    renameSync(inside(folder, from), inside(folder, to));
  } catch (error) {
    if (codeOf(error) !== "EPERM") throw error;
    makeMutable(folder, others);
    renameSync(inside(folder, from), inside(folder, to));
  }
}

function unlinkIfThere(at: string): void {
  try {
    unlinkSync(at);
  } catch (error) {
    if (!["ENOENT", "EISDIR", "EPERM"].includes(codeOf(error))) throw error;
  }
}

function writeWhole(at: string, { content, mode, uid, gid }: Wanted & { kind: "file" }, made: () => void): void {
  const descriptor = openSync(
    at,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  made();
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
 * Calls `use` with the last folder of a path, opened one by one from the root, none of them a link, and the entry's name.
 * Missing folders are made when an owner is given, and what is in the place of one below STATE is set aside; otherwise the
 * result is undefined.
 */
function inFolder<T>(
  host: Host,
  path: string,
  make: Owner | undefined,
  use: (folder: number, name: string) => T,
): T | undefined {
  const parts = path.split("/").filter((part) => part !== "");
  const name = parts.pop() ?? "";
  let folder = openSync(host.path("/"), FOLDER);
  try {
    for (const [depth, part] of parts.entries()) {
      const before = `/${parts.slice(0, depth + 1).join("/")}`;
      const next = openFolder({ host, path: before, folder, name: part }, make, path);
      if (next === undefined) return undefined;
      closeSync(folder);
      folder = next;
    }
    const result = use(folder, name);
    if (make !== undefined) fsyncSync(folder);
    return result;
  } finally {
    closeSync(folder);
  }
}

/** Calls `use` with a path of a folder that was opened one by one from the root, none of them a link. */
export function withFolder<T>(host: Host, path: string, use: (folder: string) => T): T {
  const place = inFolder(host, `${path}/.`, undefined, (folder) => ({ used: use(`/proc/self/fd/${folder}`) }));
  if (place === undefined) throw new Error(`${path} is missing, or behind a link`);
  return place.used;
}

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

interface Owner {
  uid: number;
  gid: number;
}

function openFolder(at: Place, make: Owner | undefined, path: string): number | undefined {
  const place = inside(at.folder, at.name);
  try {
    return openSync(place, FOLDER);
  } catch (error) {
    const missing = codeOf(error) === "ENOENT";
    if (!missing && !isOthers(at.path)) throw new Error(`${path} is behind something that is no folder`);
    // Also below STATE: nothing stands behind what is no folder.
    if (make === undefined) return undefined;
    const stat = missing ? undefined : lstatSync(place, { throwIfNoEntry: false });
    if (stat !== undefined) setAside(at, kindOf(stat));
  }
  // Folders in a workspace belong to its owner, folders of the system are root's and open to all.
  mkdirSync(place, make.uid === 0 ? 0o755 : 0o700);
  const made = openSync(place, FOLDER);
  // Only what root has just made: in a folder of another account another one may be in its place by now.
  if (fstatSync(made).uid === process.getuid?.()) fchownSync(made, make.uid, make.uid === 0 ? 0 : make.gid);
  return made;
}
