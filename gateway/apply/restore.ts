// Puts the state of a backup in the place of the one that is there, or leaves everything as it was. The decrypted backup
// comes on standard input: the key that opens it never is on the droplet.
//
// RESTORE/journal.json says how far the swap is: "aside" - old state is being moved to old/; "in" - all of it is there, and
// the new one is being moved in. Either way an interrupted one is undone, by the next restore or activation.
import { spawn } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isDeepStrictEqual } from "node:util";
import type { BackupManifest } from "./backup.ts";
import {
  ARCHIVE,
  MANIFEST,
  WORKSPACES_ARCHIVE,
  archiveFolder,
  hashFile,
  inState,
  makeFolderFor,
  reasonIn,
} from "./backup.ts";
import { Refused } from "./bundle.ts";
import { openclaw, start, unitState, waitReady } from "./gateway.ts";
import type { Host } from "./host.ts";
import { installedVersion } from "./openclaw-tree.ts";
import { AGENT, AGENT_WORKSPACES, CACHES, GATEWAY, RESTORE, STATE, STATE_HOME, WORKSPACES } from "./places.ts";
import { removeTree } from "./remove.ts";
import { asGateway } from "./sandbox.ts";
import { shown } from "./shown.ts";
import { readApplied } from "./store.ts";
import { readText, writePrivate } from "./text-file.ts";
import { FileHashes, TreeDigest, tarMembers, type Member } from "./tar-members.ts";
import { put, wantedFile, withFolder } from "./tree.ts";
import { readPackage, stateSchemas } from "./upgrade.ts";
import { compareVersions, reads, type Schemas } from "./versions.ts";

export interface RestoreReply {
  ok: boolean;
  changed: boolean;
  rolledBack: boolean;
  ready: boolean;
  /** ISO 8601, when the backup was made. */
  created: string;
  /** OpenClaw's version then, and now. */
  openclaw: string;
  version: string;
  /** Each was compared with its hash in the backup. */
  files: number;
  error?: string;
}

/** Made again by OpenClaw or fetched again by MCP servers; stays. */
const NOT_STATE = ["cache", "tmp", "logs", ...CACHES];
const JOURNAL = `${RESTORE}/journal.json`;
const OLD = `${RESTORE}/old`;
/** What came, unpacked by root. */
const RECEIVED = `${RESTORE}/received`;
/** What the gateway's account made of it. */
const TREE = `${RESTORE}/tree`;
const NEW_WORKSPACES = `${RESTORE}/workspaces`;
/** For OpenClaw's temporary files. */
const WORK = `${RESTORE}/work`;
const SHOWN_WORK = "/tmp/hermes-work";
const LONG_MS = 900_000;
const START_MS = 240_000;

/**
 * @param verifyOnly - everything but the swap
 * @param input - descriptor that the decrypted backup comes from
 */
export async function restore(
  host: Host,
  verifyOnly: boolean,
  input = 0,
): Promise<{ code: 0 | 2 | 3; reply: RestoreReply }> {
  await recoverRestore(host);
  try {
    const manifest = await stageBackup(host, input);
    const reply: RestoreReply = {
      ok: true,
      changed: !verifyOnly,
      rolledBack: false,
      ready: true,
      created: manifest.created,
      openclaw: manifest.openclaw,
      version: current(host),
      files: Object.keys(manifest.files).length + (manifest.workspaces?.files ?? 0),
    };
    if (verifyOnly) return { code: 0, reply };
    const problem = await activateState(host).catch((error: Error) => error.message);
    if (problem === undefined) return { code: 0, reply };
    host.say(`failed: ${problem}`);
    const second = await recoverRestore(host).catch((error: Error) => error.message);
    const failed = { ...reply, ok: false, changed: false, rolledBack: true, error: problem };
    if (second === undefined) return { code: 2, reply: failed };
    const error = `${problem}; with the old state back: ${second}`;
    return { code: 3, reply: { ...failed, ready: false, error } };
  } finally {
    if (readJournal(host) === undefined) await removeTree(host, RESTORE);
  }
}

function current(host: Host): string {
  const version = installedVersion(host);
  if (version !== undefined) return version;
  throw new Refused("no OpenClaw runs here yet: bring the stack up first (pulumi up)");
}

/** OpenClaw's restored archive, and the workspaces, as a sandbox has them. */
const SHOWN_TREE = "/tmp/hermes-restore";
const SHOWN_ARCHIVE = "/tmp/hermes-archive.tar.gz";
const SHOWN_WORKSPACES = "/tmp/hermes-workspaces";

/** Standard input unpacked beside the state, and proven to be what was backed up. */
async function stageBackup(host: Host, input: number): Promise<BackupManifest> {
  await removeTree(host, RESTORE);
  mkdirSync(host.path(RESTORE), { recursive: true, mode: 0o700 });
  await unpack(host, input);
  const manifest = readManifest(host);
  await restoreState(host, manifest);
  if (manifest.workspaces !== undefined) await restoreWorkspaces(host, manifest.workspaces);
  await checkReadable(host, manifest);
  return manifest;
}

/** @returns the path of an archive, for the gateway's account to read */
async function received(host: Host, name: string, sha256: string): Promise<string> {
  const path = host.path(`${RECEIVED}/${name}`);
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) throw new Refused(`${name} is not in the backup`);
  if ((await hashFile(path)) !== sha256) throw new Refused(`${name} is not what the manifest says`);
  chmodSync(path, 0o444);
  return path;
}

async function restoreState(host: Host, manifest: BackupManifest): Promise<void> {
  const version = current(host);
  const archive = await received(host, ARCHIVE, manifest.archive);
  for (const folder of [TREE, WORK]) makeFolderFor(host, folder);
  const { code, stdout, stderr } = await openclaw(
    host,
    ["backup", "restore", SHOWN_ARCHIVE, "--target", SHOWN_TREE, "--json"],
    {
      version,
      timeoutMs: LONG_MS,
      folders: { [SHOWN_TREE]: host.path(TREE), [SHOWN_WORK]: host.path(WORK) },
      readOnly: { [SHOWN_ARCHIVE]: archive },
      env: { TMPDIR: SHOWN_WORK },
    },
  );
  if (code !== 0) throw new Refused(`OpenClaw ${version} refuses the backup: ${reasonIn(`${stdout}\n${stderr}`)}`);
  const files = new FileHashes(inState);
  await archiveFolder(host, SHOWN_TREE, {
    readOnly: { [SHOWN_TREE]: host.path(TREE) },
    sink: (stdout) => read(stdout, files.add),
  });
  if (!isDeepStrictEqual(files.hashes, manifest.files))
    throw new Refused(`not what the manifest says: ${differing(files.hashes, manifest.files)}`);
}

/** By tar, in the gateway's account, and read again: dates and owners apart, what was backed up. */
async function restoreWorkspaces(host: Host, backup: NonNullable<BackupManifest["workspaces"]>): Promise<void> {
  const archive = await received(host, WORKSPACES_ARCHIVE, backup.archive);
  makeFolderFor(host, NEW_WORKSPACES);
  const extract = ["tar", "--extract", "--gzip", "--file", SHOWN_ARCHIVE, "--directory", SHOWN_WORKSPACES];
  const { code, stderr } = await asGateway(host, [...extract, "--no-same-owner", "--preserve-permissions"], {
    timeoutMs: LONG_MS,
    folders: { [SHOWN_WORKSPACES]: host.path(NEW_WORKSPACES) },
    readOnly: { [SHOWN_ARCHIVE]: archive },
  });
  if (code !== 0) throw new Refused(`the workspaces could not be restored: ${shown(stderr.trim().slice(-500))}`);
  const digest = new TreeDigest();
  await archiveFolder(host, SHOWN_WORKSPACES, {
    readOnly: { [SHOWN_WORKSPACES]: host.path(NEW_WORKSPACES) },
    sink: (stdout) => read(stdout, digest.add),
  });
  if (digest.digest() !== backup.digest) throw new Refused("the workspaces are not what the manifest says");
}

async function read(stdout: Readable, onMember: (member: Member) => void): Promise<void> {
  const members = tarMembers(onMember);
  members.resume();
  await pipeline(stdout, members);
}

/** @throws Refused when the OpenClaw that is here does not read the state */
async function checkReadable(host: Host, manifest: BackupManifest): Promise<void> {
  const version = current(host);
  const folders = { [SHOWN_TREE]: host.path(TREE) };
  const state = stateIn(SHOWN_TREE, readdirSync(host.path(TREE)));
  const schemas = await stateSchemas(host, state, { folders });
  await removeSidecars(host, state, manifest);
  const fault = stateFault(
    { openclaw: manifest.openclaw, schemas },
    { openclaw: version, schemas: readPackage(host, version).schemas },
  );
  if (fault !== undefined) throw new Refused(fault);
}

/** What SQLite makes beside a database that is only looked at is no part of the backup. */
async function removeSidecars(host: Host, state: string, { files }: BackupManifest): Promise<void> {
  const own = Object.keys(files).filter((name) => /-(shm|wal)$/.test(name));
  const others = ["(", "-name", "*-shm", "-o", "-name", "*-wal", ")"];
  const kept = own.flatMap((name) => ["!", "-path", `${state}/${name.replace(/[\\*?[]/g, "\\$&")}`]);
  const options = { folders: { [SHOWN_TREE]: host.path(TREE) }, timeoutMs: LONG_MS };
  await asGateway(host, ["find", state, "-type", "f", ...others, ...kept, "-delete"], options);
}

/** The state in a folder that OpenClaw has restored an archive to. */
function stateIn(tree: string, [root, ...others]: string[]): string {
  if (root === undefined || others.length > 0) throw new Refused("OpenClaw's archive has another layout than is known");
  return `${tree}/${root}/payload/posix${STATE}`;
}

interface Reading {
  openclaw: string;
  /** Undefined: it cannot be told. */
  schemas: Schemas | undefined;
}

/**
 * Why the OpenClaw that is here could not read a backup's state; undefined where it can. By the formats (docs/decisions/004):
 * many versions have the same. The numbers of the versions count only where those cannot be told.
 */
export function stateFault(backup: Reading, here: Reading): string | undefined {
  const known = backup.schemas !== undefined && here.schemas !== undefined;
  const isReadable = known
    ? reads(here.schemas as Schemas, backup.schemas as Schemas)
    : compareVersions(backup.openclaw, here.openclaw) <= 0;
  if (isReadable) return undefined;
  const said = (schemas: Schemas | undefined) =>
    schemas === undefined || !known ? "" : ` (format ${schemas.state}, agents ${schemas.agent})`;
  return (
    `the backup is of OpenClaw ${backup.openclaw}${said(backup.schemas)}, and ${here.openclaw}${said(here.schemas)} runs here: ` +
    "an older one cannot read a newer one's state.\n" +
    `  Set hermes:openclaw.version to ${backup.openclaw} or newer, pulumi up, and restore then`
  );
}

function unpack(host: Host, input: number): Promise<void> {
  mkdirSync(host.path(RECEIVED), { mode: 0o700 });
  const args = ["--extract", "--file", "-", "--directory", host.path(RECEIVED), "--no-same-owner"];
  const tar = spawn("tar", args, { stdio: [input, "ignore", "pipe"] });
  let said = "";
  tar.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  return new Promise((resolve, reject) => {
    tar.once("error", reject);
    tar.once("close", (code) =>
      code === 0 ? resolve() : reject(new Refused(`that is no backup of hermes: ${said.trim().slice(-300)}`)),
    );
  });
}

function readManifest(host: Host): BackupManifest {
  const manifest = JSON.parse(readText(host, `${RECEIVED}/${MANIFEST}`) ?? "{}") as Partial<BackupManifest>;
  const known = manifest.hermes === 1 || (manifest.hermes === 2 && manifest.workspaces !== undefined);
  if (!known || manifest.kind !== "backup" || typeof manifest.openclaw !== "string")
    throw new Refused("that is no backup of hermes that this version reads");
  return manifest as BackupManifest;
}

function differing(found: Record<string, string>, wanted: Record<string, string>): string {
  const names = new Set([...Object.keys(found), ...Object.keys(wanted)]);
  const different = [...names].filter((name) => found[name] !== wanted[name]).sort();
  return `${different.slice(0, 5).join(", ")}${different.length > 5 ? ` and ${different.length - 5} more` : ""}`;
}

/** Stops, swaps, starts. @returns why the gateway is not ready on the new state */
async function activateState(host: Host): Promise<string | undefined> {
  await halt(host);
  mkdirSync(host.path(OLD), { mode: 0o700 });
  phase(host, "aside");
  for (const name of stateNames(host)) renameSync(host.path(`${STATE_HOME}/${name}`), host.path(`${OLD}/${name}`));
  phase(host, "in");
  moveIn(host);
  repositoryFiles(host);
  const problem = await resume(host);
  if (problem === undefined) put(host, JOURNAL, { kind: "absent" });
  return problem;
}

/** By open folders, none of them a link: they belong to the gateway's account. */
function moveIn(host: Host): void {
  const fresh = stateIn(TREE, readdirSync(host.path(TREE)));
  const restored = existsSync(host.path(NEW_WORKSPACES));
  withFolder(host, fresh, (from) =>
    withFolder(host, STATE_HOME, (to) => {
      for (const name of readdirSync(from).filter((each) => !NOT_STATE.includes(each)))
        if (!restored || name !== "workspaces") renameSync(`${from}/${name}`, `${to}/${name}`);
      if (restored) renameSync(host.path(NEW_WORKSPACES), `${to}/workspaces`);
    }),
  );
}

/** Not enabled either: a power cut in the middle must not end with a gateway on half a state. */
async function halt(host: Host): Promise<void> {
  await host.run("systemctl", ["disable", GATEWAY]);
  await host.run("systemctl", ["stop", GATEWAY, AGENT, AGENT_WORKSPACES], { timeoutMs: 360_000 });
}

async function resume(host: Host): Promise<string | undefined> {
  await host.run("systemctl", ["start", AGENT_WORKSPACES, AGENT], { timeoutMs: 120_000 });
  await start(host, "start");
  const problem = await waitReady(host, (await unitState(host)).restarts, START_MS);
  await host.run("systemctl", ["enable", GATEWAY]);
  return problem;
}

/** What comes from the repository is the stack's, whatever it was when the backup was made. */
function repositoryFiles(host: Host): void {
  for (const [agent, files] of Object.entries(readApplied(host).config?.workspaces ?? {}))
    for (const [name, file] of Object.entries(files))
      put(host, `${WORKSPACES}/${agent}/${name}`, wantedFile(host, file));
}

const stateNames = (host: Host): string[] =>
  readdirSync(host.path(STATE_HOME)).filter((name) => !NOT_STATE.includes(name));

/**
 * Puts the old state back where a restore was cut off or failed.
 *
 * @param options.boot - nothing waits for systemd, which is starting everything and waits for this
 * @returns why the gateway is not ready on it
 */
export async function recoverRestore(host: Host, options: { boot?: boolean } = {}): Promise<string | undefined> {
  const journal = readJournal(host);
  if (journal === undefined) return undefined;
  host.say("a restore did not end well: putting the old state back");
  if (options.boot !== true) await halt(host);
  if (journal.phase === "in") await removeTree(host, ...stateNames(host).map((name) => `${STATE_HOME}/${name}`));
  // From here on a second attempt finds old state in its place already.
  phase(host, "aside");
  for (const name of existsSync(host.path(OLD)) ? readdirSync(host.path(OLD)) : [])
    renameSync(host.path(`${OLD}/${name}`), host.path(`${STATE_HOME}/${name}`));
  put(host, JOURNAL, { kind: "absent" });
  await removeTree(host, RESTORE);
  return options.boot === true ? await resumeAtBoot(host) : await resume(host);
}

/** The workspaces may have been mounted as they were in the middle. */
async function resumeAtBoot(host: Host): Promise<undefined> {
  await host.run("systemctl", ["enable", GATEWAY]);
  await host.run("systemctl", ["--no-block", "restart", AGENT_WORKSPACES, AGENT, GATEWAY]);
}

type Phase = "aside" | "in";

const phase = (host: Host, phase: Phase): void => writePrivate(host, JOURNAL, JSON.stringify({ phase }));

function readJournal(host: Host): { phase: Phase } | undefined {
  const text = readText(host, JOURNAL);
  return text === undefined ? undefined : (JSON.parse(text) as { phase: Phase });
}
