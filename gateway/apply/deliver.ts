// A backup on its way into the bucket: made, kept here until it is stored there, and sent again by the next run. One run
// at a time: the lock is main.ts's.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import type { Host } from "./host.ts";
import { PENDING } from "./places.ts";
import { readText, writePrivate } from "./text-file.ts";

export interface MadeBackup {
  name: string;
  /** On the droplet, encrypted, for root. */
  path: string;
  bytes: number;
  sha256: string;
  files: number;
  openclaw: string;
}

interface Kept extends MadeBackup {
  /** Whom it is encrypted for. */
  recipient: string;
  /** Milliseconds since 1970. */
  madeAt: number;
}

export interface Delivery {
  recipient: string;
  now: number;
  /** systemd started this run because the one before failed. Every other run was asked for a new backup. */
  retry: boolean;
  make: () => Promise<MadeBackup>;
  /** @throws Error when it is not stored, whole */
  store: (made: MadeBackup) => Promise<void>;
}

export interface Delivered {
  /** The newest, which is stored now. */
  made: MadeBackup;
  /** Name of the one that an earlier run had kept, where it was sent too. */
  earlier?: string;
}

const NOTE = `${PENDING}/backup.json`;
/** A retry makes no new backup while the kept one is younger. */
const YOUNG_MS = 3_600_000;

/**
 * Sends the backup that an earlier run could not send, and a new one. Only a retry is content with a kept one that was
 * made just now. What is not stored stays for the next run, the newest only: a droplet has room for one.
 */
export async function deliver(host: Host, { recipient, now, retry, make, store }: Delivery): Promise<Delivered> {
  const kept = keptBackup(host, recipient);
  if (kept !== undefined && retry && now - kept.madeAt < YOUNG_MS) return { made: await stored(host, kept, store) };
  // If the older one cannot be sent, the newer one takes its place.
  const earlier = kept && (await stored(host, kept, store).catch(() => undefined));
  const made = await stored(host, keep(host, await make(), { recipient, madeAt: now }), store);
  return { made, ...(earlier === undefined ? {} : { earlier: earlier.name }) };
}

async function stored(host: Host, made: MadeBackup, store: Delivery["store"]): Promise<MadeBackup> {
  await store(made);
  forget(host);
  return made;
}

/** Undefined too where it is for a key that is no longer the stack's. */
function keptBackup(host: Host, recipient: string): Kept | undefined {
  const kept = noted(host);
  if (kept?.recipient === recipient && existsSync(host.path(kept.path))) return kept;
  forget(host);
  return undefined;
}

function noted(host: Host): Kept | undefined {
  try {
    return JSON.parse(readText(host, NOTE) ?? "") as Kept;
  } catch {
    return undefined;
  }
}

function keep(host: Host, made: MadeBackup, more: Pick<Kept, "recipient" | "madeAt">): Kept {
  forget(host);
  mkdirSync(host.path(PENDING), { recursive: true, mode: 0o700 });
  const kept: Kept = { ...made, ...more, path: `${PENDING}/${made.name}` };
  renameSync(host.path(made.path), host.path(kept.path));
  writePrivate(host, NOTE, JSON.stringify(kept));
  return kept;
}

function forget(host: Host): void {
  if (!existsSync(host.path(PENDING))) return;
  for (const name of readdirSync(host.path(PENDING))) rmSync(host.path(`${PENDING}/${name}`), { force: true });
}
