// A change of many files that is either whole or undone, also when this program is killed in the middle of it.
//
// /var/lib/hermes/transaction/journal.json is written when every old file has been copied there, and before the first
// is replaced. Its phase says what a later run has to do: "applying" - put everything back; "committing" - the gateway
// was ready, only the books are to be closed. A transaction folder without a journal changed nothing.
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { Refused } from "./bundle.ts";
import type { Host } from "./host.ts";
import { APPLIED, CACHES, STATE, TRANSACTION } from "./places.ts";
import type { Change } from "./plan.ts";
import type { Effects } from "./effects.ts";
import { removeTree } from "./remove.ts";
import { readText, writePrivate } from "./text-file.ts";
import type { Entry, Wanted } from "./tree.ts";
import { diskFault, isOthers, put, readEntry } from "./tree.ts";

export interface Journal {
  phase: "applying" | "committing";
  /** Old entries by path; files' contents stand in files/N. */
  old: (OldMeta & { path: string })[];
  effects: Effects;
  /** The gateway ran before, so a rollback has something to come back to. */
  wasRunning: boolean;
  /** Names in the state folder that were copied to state/, undefined while they are not all there. */
  state?: string[];
}

type OldMeta =
  | { kind: "absent" }
  | { kind: "link"; target: string }
  | { kind: "file"; mode: number; uid: number; gid: number; copy: string };

/** Never copied with the state: the agents' own, and what is made again. */
const NOT_STATE = ["workspaces", "cache", "tmp", "plugin-skills", "logs", ...CACHES];

const JOURNAL = `${TRANSACTION}/journal.json`;

/** What goes to /var/lib/hermes/applied when it is done. */
export interface Outcome {
  config: string;
  secrets: string;
  manifest: string;
}

export function begin(
  host: Host,
  changes: Change[],
  outcome: Outcome,
  journal: Pick<Journal, "effects" | "wasRunning">,
): Journal {
  discard(host);
  const old = changes.map(({ path }) => ({ path, entry: readEntry(host, path) }));
  const { config, secrets, manifest } = outcome;
  demandRoom(host, changes, [config, secrets, manifest, ...old.flatMap(({ entry }) => contentIn(entry))]);
  mkdirSync(host.path(TRANSACTION), { recursive: true, mode: 0o700 });
  for (const name of ["config", "secrets", "manifest"] as const) {
    writePrivate(host, `${TRANSACTION}/new/${name}.json`, outcome[name]);
  }
  const kept = old.map(({ path, entry }, i) => ({ path, ...keep(host, entry, `${TRANSACTION}/files/${i}`, path) }));
  const written: Journal = { phase: "applying", old: kept, ...journal };
  write(host, written);
  return written;
}

const contentIn = (entry: Entry | Wanted): Buffer[] => (entry.kind === "file" ? [entry.content] : []);

/**
 * What would stop in the middle is not begun: a gateway that is restarted to undo it does not come up on a disk that
 * takes nothing.
 *
 * @param books - what is kept aside
 * @throws Refused that names the disk
 */
function demandRoom(host: Host, changes: Change[], books: (string | Buffer)[]): void {
  const writes = changes.map(({ path, wanted }) => ({ path, bytes: lengthOf(contentIn(wanted)) }));
  const needed = new Map<number, number>();
  for (const { path, bytes } of [{ path: TRANSACTION, bytes: 2 * lengthOf(books) }, ...writes]) {
    // An agent's link must not choose which disk is looked at.
    const place = isOthers(path) ? STATE : path;
    const { device } = host.disk(place);
    needed.set(device, (needed.get(device) ?? 0) + bytes + BLOCK_BYTES);
    const fault = diskFault(host, place, needed.get(device));
    if (fault !== undefined) throw new Refused(fault);
  }
}

/** What a file takes at least. */
const BLOCK_BYTES = 4096;
const lengthOf = (texts: (string | Buffer)[]): number => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);

function keep(host: Host, entry: Entry, copy: string, path: string): OldMeta {
  // What is in the way in a workspace is set aside, and stays so.
  if (entry.kind === "other" && isOthers(path)) return { kind: "absent" };
  if (entry.kind === "other") throw new Error(`${path} is ${entry.what}, not a file. Remove it, then run pulumi up.`);
  if (entry.kind !== "file") return entry;
  const { mode, uid, gid, content } = entry;
  put(host, copy, { kind: "file", content, mode: 0o600, ...host.ids("root:root") });
  return { kind: "file", mode, uid, gid, copy };
}

export function swap(host: Host, changes: Change[]): void {
  for (const { path, wanted } of changes) put(host, path, wanted);
}

/** Old files and the old state, back in their places. Safe to repeat. */
export async function undo(host: Host, journal: Journal): Promise<void> {
  for (const each of [...journal.old].reverse()) put(host, each.path, restored(host, each));
  if (journal.state !== undefined) await restoreState(host, journal.state);
}

function restored(host: Host, old: OldMeta & { path: string }): Wanted {
  if (old.kind !== "file") return old;
  const entry = readEntry(host, old.copy);
  if (entry.kind !== "file") throw new Error(`the backup of ${old.path} is gone`);
  return { kind: "file", content: entry.content, mode: old.mode, uid: old.uid, gid: old.gid };
}

/** Copies OpenClaw's state. The gateway must be stopped: it is a database, and no process of its account may be left. */
export async function saveState(host: Host, journal: Journal): Promise<void> {
  const names = existsSync(host.path(STATE))
    ? readdirSync(host.path(STATE)).filter((name) => !NOT_STATE.includes(name))
    : [];
  const target = host.path(`${TRANSACTION}/state`);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true, mode: 0o700 });
  for (const name of names) await copy(host, host.path(`${STATE}/${name}`), `${target}/${name}`);
  await flush(host, target);
  journal.state = names;
  write(host, journal);
}

async function restoreState(host: Host, names: string[]): Promise<void> {
  const now = readdirSync(host.path(STATE)).filter((name) => !NOT_STATE.includes(name));
  await removeTree(host, ...[...new Set([...now, ...names])].map((name) => `${STATE}/${name}`));
  for (const name of names) await copy(host, host.path(`${TRANSACTION}/state/${name}`), host.path(`${STATE}/${name}`));
  await flush(host, host.path(STATE));
}

/** cp leaves its copies in memory for half a minute: a journal that survives a power cut must not name what does not. */
async function flush(host: Host, folder: string): Promise<void> {
  const { code, stderr } = await host.run("sync", ["--file-system", folder], { timeoutMs: 300_000 });
  if (code !== 0) throw new Error(`the state could not be written to disk: ${stderr.trim()}`);
}

async function copy(host: Host, from: string, to: string): Promise<void> {
  const { code, stderr } = await host.run("cp", ["-a", "--reflink=auto", "-T", from, to], { timeoutMs: 300_000 });
  if (code !== 0) throw new Error(`the state could not be copied: ${stderr.trim()}`);
}

/** From here on the new files stay. */
export function commit(host: Host, journal: Journal): void {
  write(host, { ...journal, phase: "committing" });
}

/** Closes the books of what was committed. Safe to repeat. */
export function finish(host: Host): void {
  for (const name of ["config", "secrets", "manifest"]) {
    const text = readText(host, `${TRANSACTION}/new/${name}.json`);
    if (text !== undefined) writePrivate(host, `${APPLIED}/${name}.json`, text);
  }
  discard(host);
}

/** The journal goes first: without it the rest means nothing. */
export function discard(host: Host): void {
  put(host, JOURNAL, { kind: "absent" });
  rmSync(host.path(TRANSACTION), { recursive: true, force: true });
}

export function readJournal(host: Host): Journal | undefined {
  const text = readText(host, JOURNAL);
  return text === undefined ? undefined : (JSON.parse(text) as Journal);
}

const write = (host: Host, journal: Journal): void => writePrivate(host, JOURNAL, JSON.stringify(journal));
