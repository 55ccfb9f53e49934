// A backup of the state while the gateway runs: OpenClaw's own, with the hash of every file, encrypted before it leaves.
// The droplet has the public half of the key only; what it made it cannot read.
import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { pipeline } from "node:stream/promises";
import { backupName, backupTime, expired, isRecipient } from "./backup-names.ts";
import { Refused } from "./bundle.ts";
import { openclaw } from "./gateway.ts";
import type { Host } from "./host.ts";
import { BACKUP, BACKUP_CONFIG, OPENCLAW_CURRENT, SECRETS, STATE, UPLOAD } from "./places.ts";
import type { Bucket } from "./s3.ts";
import { list, putFile, remove, sizeOf } from "./s3.ts";
import { readApplied, readText, writePrivate } from "./store.ts";
import { readEntry } from "./tree.ts";

/** What is in a backup, beside OpenClaw's own archive. */
export interface BackupManifest {
  hermes: 1;
  kind: "backup";
  /** ISO 8601. */
  created: string;
  /** OpenClaw's version that wrote the state: none older reads it. */
  openclaw: string;
  /** SHA-256 of the configuration that ran. */
  configHash: string;
  /** SHA-256 of OpenClaw's archive. */
  archive: string;
  /** SHA-256 of every file of the state, by its path in there. */
  files: Record<string, string>;
}

interface MadeBackup {
  name: string;
  /** On the droplet, encrypted, for root. */
  path: string;
  bytes: number;
  sha256: string;
  files: number;
  openclaw: string;
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
const PLAIN = `${BACKUP}/plain`;
const CREATE_MS = 900_000;
const APT_MS = 300_000;
const AGE = "/usr/bin/age";

/**
 * `backup file RECIPIENT` leaves an encrypted file for the operator to fetch, `backup clean` removes it; `backup bucket`
 * puts one into the bucket, and removes those that are beyond what is kept. It runs without the lock, and makes the file
 * by `backup stage RECIPIENT`, which holds it: an upload may take long, and must not keep an `up` waiting.
 */
export async function backup(host: Host, [where = "", recipient = ""]: string[]): Promise<object> {
  if (where === "bucket") return { ok: true, ...(await toBucket(host)) };
  const fresh = () => rmSync(host.path(BACKUP), { recursive: true, force: true });
  const stop = () => {
    fresh();
    process.exit(143);
  };
  const signals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
  for (const signal of signals) process.once(signal, stop);
  fresh();
  try {
    if (where === "file") return { ok: true, ...(await make(host, recipient)) };
    if (where === "stage") return { ok: true, ...moved(host, await make(host, recipient)) };
    if (where === "clean") return { ok: true };
    throw new Error("usage: hermes-apply backup file RECIPIENT|stage RECIPIENT|bucket|clean");
  } catch (error) {
    fresh();
    throw error;
  } finally {
    rmSync(host.path(PLAIN), { recursive: true, force: true });
    for (const signal of signals) process.off(signal, stop);
  }
}

async function make(host: Host, recipient: string): Promise<MadeBackup> {
  if (!isRecipient(recipient))
    throw new Refused("a backup is encrypted for an age recipient (age1…), and this is none");
  const current = readEntry(host, OPENCLAW_CURRENT);
  if (current.kind !== "link") throw new Refused("no OpenClaw runs here yet: there is nothing to back up");
  await needAge(host);
  const version = current.target;
  mkdirSync(host.path(BACKUP), { recursive: true });
  // Whatever the umask: OpenClaw's account passes through, and nobody else's sees what is in plain.
  chmodSync(host.path(BACKUP), 0o711);
  mkdirSync(host.path(PLAIN), { mode: 0o700 });
  const owner = host.ids("openclaw:openclaw");
  chownSync(host.path(PLAIN), owner.uid, owner.gid);
  const archive = await openclawBackup(host, version);
  const created = new Date();
  const manifest: BackupManifest = {
    hermes: 1,
    kind: "backup",
    created: created.toISOString(),
    openclaw: version,
    configHash: readApplied(host).configHash ?? "",
    archive: await hashFile(archive),
    files: await hashesInArchive(host, archive),
  };
  writePrivate(host, `${PLAIN}/${MANIFEST}`, JSON.stringify(manifest));
  const name = backupName(created);
  const path = `${BACKUP}/${name}`;
  await encrypt(host, recipient, path);
  const bytes = statSync(host.path(path)).size;
  const sha256 = await hashFile(host.path(path));
  return { name, path, bytes, sha256, files: Object.keys(manifest.files).length, openclaw: version };
}

/** Manifest and archive, through tar and age, into a file for root. */
async function encrypt(host: Host, recipient: string, path: string): Promise<void> {
  const args = ["--create", "--directory", host.path(PLAIN), MANIFEST, ARCHIVE];
  const tar = spawn("tar", args, { stdio: ["ignore", "pipe", "inherit"] });
  const age = spawn(AGE, ["--encrypt", "--recipient", recipient, "--output", host.path(path)], {
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

/** OpenClaw's own, which the gateway need not be stopped for; it verifies what it wrote. @returns where it is */
async function openclawBackup(host: Host, version: string): Promise<string> {
  const out = `${PLAIN}/${ARCHIVE}`;
  const args = ["backup", "create", "--output", host.path(out), "--verify", "--json"];
  const { code, stdout, stderr } = await openclaw(host, args, { version, timeoutMs: CREATE_MS });
  if (code === 0) return host.path(out);
  throw new Error(`OpenClaw could not make a backup (exit ${code}): ${reasonIn(`${stdout}\n${stderr}`)}`);
}

/** OpenClaw's own reason among its lines of JSON, else their end. */
export const reasonIn = (said: string): string =>
  /\[openclaw\] Reason: ([^"\n]+)/.exec(said)?.[1] ?? said.trim().slice(-800);

/** The archive unpacked, hashed and thrown away: what a restore has to end with, byte by byte. */
async function hashesInArchive(host: Host, archive: string): Promise<Record<string, string>> {
  const tree = host.path(`${PLAIN}/tree`);
  mkdirSync(tree, { recursive: true, mode: 0o700 });
  const { code, stderr } = await host.run("tar", ["--extract", "--gzip", "--file", archive, "--directory", tree], {
    timeoutMs: CREATE_MS,
  });
  if (code !== 0) throw new Error(`OpenClaw's backup could not be read: ${stderr.trim().slice(-500)}`);
  const hashes = await hashTree(stateIn(tree));
  rmSync(tree, { recursive: true, force: true });
  return hashes;
}

/** The state in an unpacked archive of OpenClaw's. */
export function stateIn(tree: string): string {
  const [root, ...others] = readdirSync(tree);
  if (root === undefined || others.length > 0) throw new Refused("OpenClaw's archive has another layout than is known");
  return `${tree}/${root}/payload/posix${STATE}`;
}

/** SHA-256 of every file below a folder, by its path in there. */
export async function hashTree(folder: string): Promise<Record<string, string>> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => `${entry.parentPath}/${entry.name}`).sort();
  const hashes: Record<string, string> = {};
  for (const path of paths) hashes[path.slice(folder.length + 1)] = await hashFile(path);
  return hashes;
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
}

export const LAST_BACKUP = "/var/lib/hermes/last-backup.json";

async function toBucket(host: Host): Promise<object> {
  const { bucket, target } = bucketOf(host);
  let made: MadeBackup | undefined;
  try {
    made = await makeUnderLock(host, target.recipient);
    const key = target.prefix + made.name;
    await putFile(bucket, key, host.path(made.path), made);
    const stored = await sizeOf(bucket, key);
    if (stored !== made.bytes) throw new Error(`the bucket has ${stored} bytes of ${made.name}, not ${made.bytes}`);
    writePrivate(host, LAST_BACKUP, JSON.stringify({ name: made.name } satisfies LastBackup));
    const there = (await list(bucket, target.prefix)).map((each) => each.key.slice(target.prefix.length));
    const removed = expired(there, target.keep);
    for (const name of removed) await remove(bucket, target.prefix + name);
    const kept = there.filter((each) => backupTime(each) !== undefined).length - removed.length;
    const { name, bytes, sha256, files, openclaw } = made;
    return { name, key, bytes, sha256, files, openclaw, removed, kept };
  } catch (error) {
    const before = JSON.parse(readText(host, LAST_BACKUP) ?? "{}") as LastBackup;
    const failed: LastBackup = { ...before, error: (error as Error).message };
    writePrivate(host, LAST_BACKUP, JSON.stringify(failed));
    throw error;
  } finally {
    if (made !== undefined) rmSync(host.path(made.path), { force: true });
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
