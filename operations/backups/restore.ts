// Replaces a droplet's state with a backup, or proves that it could be.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { PassThrough } from "node:stream";
import { decrypt, proveEncrypted } from "../../lib/age";
import { CommandError, EXIT } from "../../lib/output";
import { streamOverSsh } from "../../lib/ssh/stream";
import { fileToRead } from "../stack/input";
import type { Reach, StackOptions } from "../stack/reach";
import { plain, secretScrubber } from "../stack/scrub";
import { asCloudFailure, here, type Surroundings } from "../stack/surroundings";
import { bucketOf, fetchBackup, isBackupName, notInBucket } from "./bucket";

export interface RestoreOptions extends StackOptions {
  fromBucket?: string;
  verify?: boolean;
  drill?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** @throws CommandError without a key to read backups with */
export function identityOf(secrets: Record<string, string>): string {
  const identity = secrets["backupKey"];
  if (identity !== undefined) return identity;
  throw new CommandError(
    "hermes:secrets.backupKey is not set: without the key that a backup was encrypted for nobody can read it",
    EXIT.input,
  );
}

/** What hermes-apply says of a restore. */
export interface Restored {
  ok: boolean;
  changed?: boolean;
  rolledBack?: boolean;
  ready?: boolean;
  created?: string;
  openclaw?: string;
  version?: string;
  files?: number;
  error?: string;
}

/** @returns 0 restored (or verified), 3 when the old state is back or the backup is not good */
export async function runRestore(
  file: string | undefined,
  options: RestoreOptions,
  io: Surroundings = here(),
): Promise<number> {
  if ((file === undefined) === (options.fromBucket === undefined))
    throw new CommandError("Name one backup: a file, or --from-bucket latest.", EXIT.usage);
  checkBackup(file, options);
  const reach = await io.connect(options);
  const identity = identityOf(reach.secrets);
  const scratch = mkdtempSync(join(tmpdir(), "hermes-restore-"));
  try {
    const source =
      file ?? (await fetchBackup(await bucketOf(options, io), options.fromBucket ?? "latest", scratch)).path;
    await proveEncrypted(source, identity);
    if (options.verify !== true) await confirm(reach, options, io);
    const verbs = options.verify === true ? "restore --verify" : "restore";
    const restored = await sendBackup(reach, source, identity, { verbs });
    io.stdout.write(options.json === true ? `${JSON.stringify(restored)}\n` : `${said(restored, options)}\n`);
    return restored.ok ? EXIT.ok : EXIT.unhealthy;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Before anything is asked. @throws CommandError */
export function checkBackup(file: string | undefined, { fromBucket }: Pick<RestoreOptions, "fromBucket">): void {
  if (file !== undefined) fileToRead("<file>", file, "A backup that hermes made");
  if (fromBucket !== undefined && !isBackupName(fromBucket))
    throw notInBucket("--from-bucket", fromBucket, "it is not the name of a backup");
}

async function confirm(reach: Reach, options: RestoreOptions, io: Surroundings): Promise<void> {
  if (options.yes === true) return;
  const { name } = reach.outputs.droplet;
  if (io.stdin.isTTY !== true)
    throw new CommandError(
      `the state on ${name} would be replaced: say --yes, or run this on a terminal`,
      EXIT.refused,
    );
  const terminal = createInterface({ input: io.stdin, output: io.stdout });
  const answer = await terminal.question(`Replace the state on ${name}? Type its name: `);
  terminal.close();
  if (answer.trim() !== name) throw new CommandError("nothing was changed", EXIT.refused);
}

/** Decrypted on the way: the key stays here. The stub of hermes-apply passes no input on, so the program is called itself. */
const PROGRAM = "NODE_USE_SYSTEM_CA=1 exec /usr/local/bin/node /opt/hermes/apply/current/main.ts";

export async function sendBackup(
  reach: Reach,
  file: string,
  identity: string,
  { verbs, signal }: { verbs: "restore" | "restore --verify"; signal?: AbortSignal },
): Promise<Restored> {
  const stdin = new PassThrough();
  const sent = decrypt(file, identity, stdin).catch(() => stdin.destroy());
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const code = await streamOverSsh(reach, `${PROGRAM} ${verbs}`, {
    stdin,
    onStdout: (data) => void out.push(data),
    onStderr: (data) => void err.push(data),
    ...(signal === undefined ? {} : { signal }),
  }).catch(asCloudFailure);
  stdin.destroy();
  await sent;
  if (signal?.aborted === true) throw new CommandError("interrupted", EXIT.interrupted);
  const scrub = secretScrubber(reach.secrets);
  const line = scrub(Buffer.concat(out).toString()).trim().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(line) as Restored;
  } catch {
    const words = plain(scrub(Buffer.concat(err).toString()).trim().slice(-500));
    throw new CommandError(`the restore ended with ${code} and said no result: ${words}`, EXIT.unhealthy);
  }
}

function said(restored: Restored, options: RestoreOptions): string {
  const what = `${restored.files ?? 0} files as they were backed up ${plain(restored.created ?? "")}`;
  if (restored.ok) return options.verify === true ? `restorable: ${what}` : `restored: ${what}; the gateway is ready`;
  const state = restored.rolledBack === true ? "the old state is back" : "nothing was changed";
  return `not restored, ${state}: ${plain(restored.error ?? "no reason given")}`;
}
