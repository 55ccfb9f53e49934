// A backup of the state while the gateway runs: OpenClaw's own of everything but the workspaces, and tar's of those, since
// agents may put anything there; with the hash of every file, encrypted before it leaves. The droplet has the public half
// of the key only; what it made it cannot read.
//
// Both are made in the gateway's account, in a sandbox. Root works in folders that only root enters, and unpacks nothing.
import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  createReadStream,
  createWriteStream,
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  statSync,
} from "node:fs";
import { Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { backupName, backupTime, expired, isRecipient } from "./backup-names.ts";
import { Refused } from "./bundle.ts";
import { deliver, type MadeBackup } from "./deliver.ts";
import { openclaw } from "./gateway.ts";
import type { Host } from "./host.ts";
import { installedVersion } from "./openclaw-tree.ts";
import { BACKUP, BACKUP_CONFIG, SECRETS, STATE, UPLOAD, WORKSPACES } from "./places.ts";
import { removeTree } from "./remove.ts";
import { RETRIES, retryOf } from "./retry.ts";
import type { Bucket } from "./s3.ts";
import { list, putFile, remove, sizeOf } from "./s3.ts";
import { asGateway, type SandboxOptions } from "./sandbox.ts";
import { shown } from "./shown.ts";
import { readApplied } from "./store.ts";
import { readText, writePrivate } from "./text-file.ts";
import { FileHashes, TreeDigest, tarMembers, type Member } from "./tar-members.ts";

/** What is in a backup, beside the archives. */
export interface BackupManifest {
  /** 1: OpenClaw's archive has the workspaces too. */
  hermes: 1 | 2;
  kind: "backup";
  /** ISO 8601. */
  created: string;
  /** OpenClaw's version that wrote the state. */
  openclaw: string;
  /** SHA-256 of the configuration that ran. */
  configHash: string;
  /** SHA-256 of OpenClaw's archive. */
  archive: string;
  /** SHA-256 of every file of the state, by its path in there. */
  files: Record<string, string>;
  /** SHA-256 of tar's archive of the workspaces, and what is in it (see TreeDigest). */
  workspaces?: { archive: string; digest: string; files: number };
}

/** Where backups go by themselves, as the stack has it. */
interface BackupTarget {
  endpoint: string;
  region: string;
  bucket: string;
  /** Ends with a slash, or is empty. */
  prefix: string;
  keep: number;
  /** age recipient: the public half of the key, all of it that a droplet ever sees. */
  recipient: string;
}

export const ARCHIVE = "openclaw.tar.gz";
export const MANIFEST = "manifest.json";
export const WORKSPACES_ARCHIVE = "workspaces.tar.gz";
const PLAIN = `${BACKUP}/plain`;
/** OpenClaw writes there. */
const OUT = `${BACKUP}/openclaw`;
/** The same as the sandbox has it. */
const SHOWN_OUT = "/tmp/hermes-backup";
const CREATE_MS = 900_000;
const APT_MS = 300_000;
const AGE = "/usr/bin/age";

/**
 * `backup file RECIPIENT` leaves an encrypted file for the operator to fetch, `backup clean` removes it; `backup bucket`
 * puts one into the bucket, and removes those that are beyond what is kept. It holds a lock of its own, and makes the file
 * by `backup stage RECIPIENT`, which holds hermes-apply's: an upload may take long, and must not keep an `up` waiting.
 * hermes-backup.service adds `--timer`: systemd counts its retries.
 */
export async function backup(host: Host, [where = "", recipient = ""]: string[]): Promise<object> {
  if (where === "bucket")
    return { ok: true, ...(await toBucket(host, recipient === "--timer" ? await retryOf(host) : 0)) };
  const fresh = () => removeTree(host, BACKUP);
  const stop = () => void fresh().finally(() => process.exit(143));
  const signals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
  for (const signal of signals) process.once(signal, stop);
  await fresh();
  try {
    if (where === "file") return { ok: true, ...(await make(host, recipient)) };
    if (where === "stage") return { ok: true, ...moved(host, await make(host, recipient)) };
    if (where === "clean") return { ok: true };
    throw new Error("usage: hermes-apply backup file RECIPIENT|stage RECIPIENT|bucket [--timer]|clean");
  } catch (error) {
    await fresh();
    throw error;
  } finally {
    await removeTree(host, PLAIN, OUT);
    for (const signal of signals) process.off(signal, stop);
  }
}

async function make(host: Host, recipient: string): Promise<MadeBackup> {
  if (!isRecipient(recipient))
    throw new Refused("a backup is encrypted for an age recipient (age1…), and this is none");
  const version = installedVersion(host);
  if (version === undefined) throw new Refused("no OpenClaw runs here yet: there is nothing to back up");
  await needAge(host);
  mkdirSync(host.path(BACKUP), { recursive: true, mode: 0o700 });
  mkdirSync(host.path(PLAIN), { mode: 0o700 });
  const archive = await openclawBackup(host, version);
  const workspaces = await workspacesBackup(host);
  const created = new Date();
  const manifest: BackupManifest = {
    hermes: 2,
    kind: "backup",
    created: created.toISOString(),
    openclaw: version,
    configHash: readApplied(host).configHash ?? "",
    archive: await hashFile(archive),
    files: await hashesInArchive(archive),
    workspaces,
  };
  writePrivate(host, `${PLAIN}/${MANIFEST}`, JSON.stringify(manifest));
  const name = backupName(created);
  const path = `${BACKUP}/${name}`;
  await encrypt(host, recipient, path);
  const bytes = statSync(host.path(path)).size;
  const sha256 = await hashFile(host.path(path));
  const files = Object.keys(manifest.files).length + workspaces.files;
  return { name, path, bytes, sha256, files, openclaw: version };
}

/** Manifest and archives, through tar and age, into a file for root. */
async function encrypt(host: Host, recipient: string, path: string): Promise<void> {
  const args = ["--create", "--directory", host.path(PLAIN), MANIFEST, ARCHIVE, WORKSPACES_ARCHIVE];
  const tar = spawn("tar", args, { stdio: ["ignore", "pipe", "inherit"] });
  const age = spawn(host.path(AGE), ["--encrypt", "--recipient", recipient, "--output", host.path(path)], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  const ended = (child: ChildProcess) =>
    new Promise<number | null>((resolve, reject) => child.once("close", resolve).once("error", reject));
  const [codes] = await Promise.all([Promise.all([ended(tar), ended(age)]), pipeline(tar.stdout, age.stdin)]);
  if (codes.some((code) => code !== 0)) throw new Error(`tar and age ended with ${codes.join(" and ")}`);
  chmodSync(host.path(path), 0o600);
}

/**
 * Debian's age: what encrypts. Droplets whose first activation was before there were backups do not have it.
 *
 * @throws Error when apt cannot install it
 */
export async function needAge(host: Host): Promise<void> {
  if (existsSync(host.path(AGE))) return;
  host.say("installing age, which backups are encrypted with");
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]) =>
    host.run("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=120", ...args], { env, timeoutMs: APT_MS });
  await apt("update");
  const { code, stdout, stderr } = await apt("install", "--no-install-recommends", "age");
  if (code !== 0)
    throw new Error(
      `age, which backups are encrypted with, could not be installed: ${`${stdout}\n${stderr}`.trim().slice(-500)}`,
    );
}

/** Out of the way of the next backup, which starts with an empty folder. */
function moved(host: Host, made: MadeBackup): MadeBackup {
  mkdirSync(host.path(UPLOAD), { recursive: true, mode: 0o700 });
  const path = `${UPLOAD}/${made.name}`;
  renameSync(host.path(made.path), host.path(path));
  return { ...made, path };
}

/** The gateway goes first: memory, processor, disk. */
const LAST = ["MemoryHigh=384M", "MemoryMax=640M", "Nice=15", "IOSchedulingClass=idle"];

/**
 * OpenClaw's own, which the gateway need not be stopped for; it verifies what it wrote. It sees no workspaces: it takes
 * minutes for one sparse file, and does not end at a tree of 3,000 levels (seen with 2026.9.6).
 *
 * @returns where it is, in a folder of root's
 */
async function openclawBackup(host: Host, version: string): Promise<string> {
  makeFolderFor(host, OUT);
  const args = ["backup", "create", "--output", `${SHOWN_OUT}/${ARCHIVE}`, "--verify", "--json"];
  const { code, stdout, stderr } = await openclaw(host, args, {
    version,
    timeoutMs: CREATE_MS,
    folders: { [SHOWN_OUT]: host.path(OUT) },
    hidden: [WORKSPACES],
    // /tmp is small, and in memory.
    env: { TMPDIR: SHOWN_OUT },
    settings: LAST,
  });
  if (code !== 0)
    throw new Error(`OpenClaw could not make a backup (exit ${code}): ${reasonIn(`${stdout}\n${stderr}`)}`);
  return taken(host, `${OUT}/${ARCHIVE}`, `${PLAIN}/${ARCHIVE}`);
}

/** A folder that the gateway's account writes to, in one that it does not enter. */
export function makeFolderFor(host: Host, path: string): void {
  const { uid, gid } = host.ids("openclaw:openclaw");
  mkdirSync(host.path(path), { mode: 0o700 });
  chownSync(host.path(path), uid, gid);
}

/** Moves a file out of a folder of the gateway's account, all processes of which have ended. */
function taken(host: Host, from: string, to: string): string {
  renameSync(host.path(from), host.path(to));
  if (!lstatSync(host.path(to)).isFile()) throw new Error(`OpenClaw's backup is not a file`);
  const { uid, gid } = host.ids("root:root");
  chownSync(host.path(to), uid, gid);
  chmodSync(host.path(to), 0o600);
  return host.path(to);
}

/**
 * Prints an archive of a folder, in an order that is the same wherever it is. Holes stay holes. Left out are sockets and
 * devices, what its owner cannot read, and what has a path longer than a call takes.
 */
const ARCHIVE_FOLDER = `export LC_ALL=C; cd "$1" && find . -xdev -maxdepth 512 -type f,d,l,p -print0 |
  sort -z --compress-program=gzip |
  tar --create --null --no-recursion --files-from=- --sparse --format=posix --ignore-failed-read`;

/** All members of a folder that only the gateway's account enters, as an archive that `sink` takes. */
export async function archiveFolder(
  host: Host,
  folder: string,
  options: Pick<SandboxOptions, "readOnly" | "sink">,
): Promise<void> {
  const command = ["bash", "-c", ARCHIVE_FOLDER, "-", folder];
  const { code, stderr } = await asGateway(host, command, { ...options, timeoutMs: CREATE_MS, settings: LAST });
  if (stderr.trim() !== "") host.say(`warning: not everything is in the archive: ${shown(stderr.trim().slice(-300))}`);
  // 1: a file changed or went while it was read.
  if (code > 1) throw new Error(`${folder} could not be archived (exit ${code}): ${shown(stderr.trim().slice(-500))}`);
}

/** Files that claim more bytes than this are named. */
const LARGE_BYTES = 2 ** 30;
/** Bytes of the disk that a backup leaves free. */
const SPARE_BYTES = 2 ** 28;

async function workspacesBackup(host: Host): Promise<NonNullable<BackupManifest["workspaces"]>> {
  const path = host.path(`${PLAIN}/${WORKSPACES_ARCHIVE}`);
  const digest = new TreeDigest();
  const large: string[] = [];
  const members = tarMembers((member) => {
    digest.add(member);
    if (member.sparse && member.size > LARGE_BYTES && large.length < 5) large.push(sayLarge(member));
  });
  const sink = (stdout: Readable) =>
    pipeline(stdout, members, createGzip(), bounded(host), createWriteStream(path, { mode: 0o600, flags: "wx" }));
  await archiveFolder(host, WORKSPACES, { sink });
  for (const each of large) host.say(`warning: ${each}`);
  return { archive: await hashFile(path), digest: digest.digest(), files: digest.files };
}

const sayLarge = ({ name, size }: Member): string =>
  `${shown(`${WORKSPACES}/${name.replace(/^\.\//, "")}`)} claims ${size} bytes, most of them holes: it is backed up with its holes`;

/** Ends a stream before the disk is full. */
function bounded(host: Host): Transform {
  let left = host.disk(BACKUP).free - SPARE_BYTES;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      left -= chunk.length;
      if (left >= 0) return done(null, chunk);
      done(
        new Error(`the workspaces have no room on the disk of ${BACKUP}: ./hermes doctor names the largest folders`),
      );
    },
  });
}

/** OpenClaw's own reason among its lines of JSON, else their end. */
export const reasonIn = (said: string): string =>
  /\[openclaw\] Reason: ([^"\n]+)/.exec(said)?.[1] ?? said.trim().slice(-800);

/** SHA-256 of every file of the state in OpenClaw's archive: what a restore has to end with, byte by byte. */
async function hashesInArchive(archive: string): Promise<Record<string, string>> {
  const files = new FileHashes(inState);
  const members = tarMembers(files.add);
  members.resume();
  await pipeline(createReadStream(archive), createGunzip(), members);
  return files.hashes;
}

/** A path in OpenClaw's archive → its path in the state. */
export function inState(name: string): string | undefined {
  const [, path] = new RegExp(`^(?:\\./)?[^/]+/payload/posix${STATE}/(.+)$`, "s").exec(name) ?? [];
  return path;
}

export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** @throws Refused when the stack has no bucket */
function bucketOf(host: Host): { bucket: Bucket; target: BackupTarget } {
  const text = readText(host, BACKUP_CONFIG);
  const secret = (name: string) => readText(host, `${SECRETS}/${name}`)?.trim();
  const [keyId, key] = [secret("backupS3KeyId"), secret("backupS3Secret")];
  if (text === undefined || keyId === undefined || key === undefined)
    throw new Refused("this stack has no bucket for backups: set hermes:backup.to");
  const target = JSON.parse(text) as BackupTarget;
  const { endpoint, region, bucket } = target;
  return { bucket: { endpoint, region, bucket, keyId, secret: key }, target };
}

/** What became of the last attempt, for the doctor: the journal may be gone by then. */
export interface LastBackup {
  /** Of the newest one that is in the bucket. */
  name?: string;
  /** Why the last attempt brought none. */
  error?: string;
  /** Why older backups than those that are kept are still in the bucket. */
  unpruned?: string;
}

export const LAST_BACKUP = "/var/lib/hermes/last-backup.json";

async function toBucket(host: Host, retry: number): Promise<object> {
  // Only a killed attempt gets here: the last one that fails ends with GAVE_UP.
  if (retry > RETRIES) throw new Error(`${RETRIES} retries failed: the timer's next time counts`);
  const { bucket, target } = bucketOf(host);
  const store = async (made: MadeBackup): Promise<void> => {
    const key = target.prefix + made.name;
    await putFile(bucket, key, host.path(made.path), made);
    const there = await sizeOf(bucket, key);
    if (there !== made.bytes) throw new Error(`the bucket has ${there} bytes of ${made.name}, not ${made.bytes}`);
    note(host, { name: made.name });
  };
  try {
    const { recipient } = target;
    const make = () => makeUnderLock(host, recipient);
    const delivery = { recipient, now: Date.now(), retry: retry > 0, make, store };
    const { made, ...more } = await deliver(host, delivery);
    const { name, bytes, sha256, files, openclaw } = made;
    const pruned = await prune(bucket, target);
    if (pruned.unpruned !== undefined) note(host, { name, unpruned: pruned.unpruned });
    return { name, key: target.prefix + name, bytes, sha256, files, openclaw, ...more, ...pruned };
  } catch (error) {
    const before = JSON.parse(readText(host, LAST_BACKUP) ?? "{}") as LastBackup;
    note(host, { ...before, error: (error as Error).message });
    throw error;
  }
}

const note = (host: Host, last: LastBackup): void => writePrivate(host, LAST_BACKUP, JSON.stringify(last));

interface Pruned {
  /** Names of those that are gone. */
  removed: string[];
  /** How many are there now. Absent: the bucket does not say. */
  kept?: number;
  unpruned?: string;
}

/** Never fails: the new backup is stored, and to make and send another one would not help. */
async function prune(bucket: Bucket, target: BackupTarget): Promise<Pruned> {
  const removed: string[] = [];
  try {
    const there = (await list(bucket, target.prefix)).map((each) => each.key.slice(target.prefix.length));
    for (const each of expired(there, target.keep)) {
      await remove(bucket, target.prefix + each);
      removed.push(each);
    }
    return { removed, kept: there.filter((each) => backupTime(each) !== undefined).length - removed.length };
  } catch (error) {
    return { removed, unpruned: (error as Error).message };
  }
}

async function makeUnderLock(host: Host, recipient: string): Promise<MadeBackup> {
  const self = [...process.execArgv, process.argv[1] ?? "", "backup", "stage", recipient];
  const env = { NODE_USE_SYSTEM_CA: "1" };
  const { stdout, stderr } = await host.run(process.execPath, self, { env, timeoutMs: 2 * CREATE_MS });
  const reply = lastJson<MadeBackup & { ok: boolean; error?: string }>(stdout);
  if (reply?.ok === true) return reply;
  throw new Error(reply?.error ?? `no backup was made: ${stderr.trim().slice(-500)}`);
}

function lastJson<T>(text: string): T | undefined {
  try {
    return JSON.parse(text.trim().split("\n").at(-1) ?? "") as T;
  } catch {
    return undefined;
  }
}
