// Makes a backup on the droplet, and brings it here or into the stack's bucket.
import { createHash } from "node:crypto";
import { createWriteStream, rmSync } from "node:fs";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { backupTime, isRecipient } from "../../gateway/apply/backup-names";
import { CommandError, EXIT, table } from "../../lib/output";
import { streamOverSsh } from "../../lib/ssh/stream";
import { newFile } from "../stack/input";
import type { Reach, StackOptions } from "../stack/reach";
import { plain } from "../stack/scrub";
import { asCloudFailure, here, hermesApply, type Surroundings } from "../stack/surroundings";
import { bucketOf, configOf, listed } from "./bucket";

export interface BackupOptions extends StackOptions {
  out?: string;
  toBucket?: boolean;
  json?: boolean;
}

interface MadeBackup {
  ok: boolean;
  name: string;
  path?: string;
  key?: string;
  bytes: number;
  sha256: string;
  files: number;
  openclaw: string;
  /** Name of the one that an earlier run could not send, and this one did. */
  earlier?: string;
  removed?: string[];
  /** Why older ones than those that are kept are still in the bucket. */
  unpruned?: string;
  error?: string;
}

const KEPT = "The backup is kept on the droplet, encrypted. The next run of the timer or of this command sends it.";

/** Making and sending it; a large workspace on one slow CPU. */
const BACKUP_MS = 3_600_000;

export async function runBackup(options: BackupOptions, io: Surroundings = here()): Promise<number> {
  if (options.out !== undefined && options.toBucket === true)
    throw new CommandError("Use either --out or --to-bucket, not both.", EXIT.usage);
  if (options.out !== undefined) newFile("--out", options.out);
  const reach = await io.connect(options);
  const made =
    options.toBucket === true
      ? await apply(reach, "backup bucket")
      : await toFile(reach, await recipientOf(options, io), options.out);
  io.stdout.write(`${options.json === true ? JSON.stringify(made) : describeBackup(made)}\n`);
  return EXIT.ok;
}

function describeBackup(made: MadeBackup): string {
  const where = made.key === undefined ? (made.path ?? "") : `bucket, ${made.key}`;
  const removed = made.removed?.length ?? 0;
  const rows: ([string, string] | undefined)[] = [
    ["backup", plain(where)],
    made.earlier === undefined
      ? undefined
      : ["also sent", `${plain(made.earlier)}, which an earlier run could not send`],
    ["size", `${made.bytes} bytes, ${made.files} files, OpenClaw ${plain(made.openclaw)}`],
    removed === 0 ? undefined : ["removed", `${removed} older`],
    made.unpruned === undefined ? undefined : ["not removed", `older ones: ${plain(made.unpruned)}`],
    ["restore", made.key === undefined ? `./hermes restore ${plain(where)}` : "./hermes restore --from-bucket latest"],
  ];
  return table(rows.filter((row) => row !== undefined));
}

async function apply(reach: Reach, verbs: string): Promise<MadeBackup> {
  const made = await hermesApply<MadeBackup>(reach, verbs, { timeoutMs: BACKUP_MS });
  if (made.ok) return made;
  const error = plain(made.error ?? "no reason given");
  if (!/^(GET|PUT|HEAD|DELETE) /.test(error)) throw new CommandError(error, EXIT.unhealthy);
  throw new CommandError(`${error}\n  ${KEPT}`, EXIT.cloud);
}

/** @throws CommandError when the stack has none */
async function recipientOf(options: StackOptions, io: Surroundings): Promise<string> {
  const { recipient } = await configOf(io, "hermes:backup", options).catch((): Record<string, unknown> => ({}));
  if (typeof recipient === "string" && isRecipient(recipient)) return recipient;
  throw new CommandError(
    "hermes:backup.recipient is not set: backups are encrypted for it. Make the key: ./hermes init",
    EXIT.input,
  );
}

async function toFile(reach: Reach, recipient: string, out: string | undefined): Promise<MadeBackup> {
  const made = await apply(reach, `backup file ${recipient}`);
  const file = out ?? made.name;
  // What the droplet says ends up in a command and in a file's name.
  if (backupTime(made.name) === undefined) throw new CommandError("the droplet named its backup oddly", EXIT.unhealthy);
  try {
    const hash = await fetchFile(reach, `/var/lib/hermes/backup/${made.name}`, file);
    if (hash !== made.sha256)
      throw new CommandError("what arrived is not what the droplet made: try again", EXIT.cloud);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
  await hermesApply(reach, "backup clean");
  return { ...made, path: file };
}

/** @returns its SHA-256 */
async function fetchFile(reach: Reach, path: string, to: string): Promise<string> {
  const through = new PassThrough();
  const hash = createHash("sha256");
  through.on("data", (data: Buffer) => hash.update(data));
  const written = pipeline(through, createWriteStream(to, { mode: 0o600, flags: "wx" }));
  const code = await streamOverSsh(reach, `cat ${path}`, {
    onStdout: (data) => void through.write(data),
    onStderr: () => undefined,
  }).catch(asCloudFailure);
  through.end();
  await written;
  if (code !== 0) throw new CommandError("the droplet's backup could not be fetched: try again", EXIT.cloud);
  return hash.digest("hex");
}

export async function runBackupList(options: BackupOptions, io: Surroundings = here()): Promise<number> {
  const found = await listed(await bucketOf(options, io));
  io.stdout.write(
    options.json === true
      ? `${JSON.stringify(found)}\n`
      : found.length === 0
        ? "the bucket has no backup\n"
        : `${table(found.map(({ name, bytes, created }) => [name, `${bytes} bytes, ${created}`]))}\n`,
  );
  return EXIT.ok;
}
