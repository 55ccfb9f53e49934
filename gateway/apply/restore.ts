// Puts the state of a backup in the place of the one that is there, or leaves everything as it was. The decrypted backup
// comes on standard input: the key that opens it never is on the droplet.
//
// RESTORE/journal.json says how far the swap is: "aside" - old state is being moved to old/; "in" - all of it is there, and
// the new one is being moved in. Either way an interrupted one is undone, by the next restore or activation.
import { spawn } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { BackupManifest } from "./backup.ts";
import { ARCHIVE, MANIFEST, hashFile, hashTree, reasonIn, stateIn } from "./backup.ts";
import { compareVersions } from "./backup-names.ts";
import { Refused } from "./bundle.ts";
import { openclaw, start, unitState, waitReady } from "./gateway.ts";
import type { Host } from "./host.ts";
import { AGENT, AGENT_WORKSPACES, GATEWAY, OPENCLAW_CURRENT, RESTORE, STATE_HOME, WORKSPACES } from "./places.ts";
import { readApplied, readText, writePrivate } from "./store.ts";
import { put, readEntry, wantedFile } from "./tree.ts";

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

/** Made again by OpenClaw; stays. */
const NOT_STATE = ["cache", "tmp", "logs"];
const JOURNAL = `${RESTORE}/journal.json`;
const OLD = `${RESTORE}/old`;
const TREE = `${RESTORE}/tree`;
const LONG_MS = 900_000;
const START_MS = 240_000;

/** @param verifyOnly - everything but the swap */
export async function restore(host: Host, verifyOnly: boolean): Promise<{ code: 0 | 2 | 3; reply: RestoreReply }> {
  await recoverRestore(host);
  try {
    const manifest = await stageBackup(host);
    const reply: RestoreReply = {
      ok: true,
      changed: !verifyOnly,
      rolledBack: false,
      ready: true,
      created: manifest.created,
      openclaw: manifest.openclaw,
      version: current(host),
      files: Object.keys(manifest.files).length,
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
    if (readJournal(host) === undefined) rmSync(host.path(RESTORE), { recursive: true, force: true });
  }
}

function current(host: Host): string {
  const link = readEntry(host, OPENCLAW_CURRENT);
  if (link.kind === "link") return link.target;
  throw new Refused("no OpenClaw runs here yet: bring the stack up first (pulumi up)");
}

/** Standard input unpacked beside the state, and proven to be what was backed up. */
async function stageBackup(host: Host): Promise<BackupManifest> {
  const owner = host.ids("openclaw:openclaw");
  rmSync(host.path(RESTORE), { recursive: true, force: true });
  mkdirSync(host.path(RESTORE), { recursive: true, mode: 0o710 });
  chownSync(host.path(RESTORE), 0, owner.gid);
  await unpack(host);
  const manifest = readManifest(host);
  const version = current(host);
  if (compareVersions(manifest.openclaw, version) > 0)
    throw new Refused(
      `the backup is of OpenClaw ${manifest.openclaw}, and ${version} runs here: an older one cannot read a newer one's state.\n` +
        `  Set hermes:openclaw.version to ${manifest.openclaw} or newer, pulumi up, and restore then`,
    );
  const archive = host.path(`${RESTORE}/${ARCHIVE}`);
  if ((await hashFile(archive)) !== manifest.archive) throw new Refused(`${ARCHIVE} is not what the manifest says`);
  chownSync(archive, owner.uid, owner.gid);
  mkdirSync(host.path(TREE), { mode: 0o700 });
  chownSync(host.path(TREE), owner.uid, owner.gid);
  const args = ["backup", "restore", archive, "--target", host.path(TREE), "--json"];
  const { code, stdout, stderr } = await openclaw(host, args, { version, timeoutMs: LONG_MS });
  if (code !== 0) throw new Refused(`OpenClaw ${version} refuses the backup: ${reasonIn(`${stdout}\n${stderr}`)}`);
  const found = await hashTree(stateIn(host.path(TREE)));
  if (!isDeepStrictEqual(found, manifest.files))
    throw new Refused(`not what the manifest says: ${differing(found, manifest.files)}`);
  return manifest;
}

function unpack(host: Host): Promise<void> {
  const args = ["--extract", "--file", "-", "--directory", host.path(RESTORE), "--no-same-owner", MANIFEST, ARCHIVE];
  const tar = spawn("tar", args, { stdio: ["inherit", "ignore", "pipe"] });
  let said = "";
  tar.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  return new Promise((resolve, reject) => {
    tar.once("error", reject);
    tar.once("close", (code) =>
      code === 0 ? resolve() : reject(new Refused(`that is no backup of hermes: ${said.trim().slice(-300)}`)),
    );
  });
}

function readManifest(host: Host): BackupManifest {
  const manifest = JSON.parse(readText(host, `${RESTORE}/${MANIFEST}`) ?? "{}") as Partial<BackupManifest>;
  if (manifest.hermes !== 1 || manifest.kind !== "backup" || typeof manifest.openclaw !== "string")
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
  const fresh = stateIn(host.path(TREE));
  await halt(host);
  mkdirSync(host.path(OLD), { mode: 0o700 });
  phase(host, "aside");
  for (const name of stateNames(host)) renameSync(host.path(`${STATE_HOME}/${name}`), host.path(`${OLD}/${name}`));
  phase(host, "in");
  for (const name of readdirSync(fresh).filter((each) => !NOT_STATE.includes(each)))
    renameSync(`${fresh}/${name}`, host.path(`${STATE_HOME}/${name}`));
  repositoryFiles(host);
  const problem = await resume(host);
  if (problem === undefined) put(host, JOURNAL, { kind: "absent" });
  return problem;
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
  if (journal.phase === "in")
    for (const name of stateNames(host)) rmSync(host.path(`${STATE_HOME}/${name}`), { recursive: true, force: true });
  // From here on a second attempt finds old state in its place already.
  phase(host, "aside");
  for (const name of existsSync(host.path(OLD)) ? readdirSync(host.path(OLD)) : [])
    renameSync(host.path(`${OLD}/${name}`), host.path(`${STATE_HOME}/${name}`));
  put(host, JOURNAL, { kind: "absent" });
  rmSync(host.path(RESTORE), { recursive: true, force: true });
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
