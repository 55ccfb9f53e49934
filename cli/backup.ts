import { createHash } from "node:crypto";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { stackName } from "../config/names";
import { backupTime, isRecipient } from "../gateway/apply/backup-names";
import { BucketError, getFile, list, type Bucket } from "../gateway/apply/s3";
import { streamOverSsh } from "../remote/stream";
import { decrypt, proveEncrypted } from "./age";
import { runDrill } from "./drill";
import { fileToRead, newFile, wrongValue } from "./flags";
import { asCloudFailure, here, hermesApply, type Surroundings } from "./operate";
import { CommandError, EXIT, table } from "./output";
import { plain, secretScrubber } from "./scrub";
import { selected, type Reach, type StackOptions } from "./stack";

interface BackupOptions extends StackOptions {
  out?: string;
  toBucket?: boolean;
  json?: boolean;
}

export interface RestoreOptions extends StackOptions {
  fromBucket?: string;
  verify?: boolean;
  drill?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function addBackupCommands(hermes: Command): void {
  const common = (command: Command) =>
    command
      .option("--stack <name>", "name of the stack; default: the selected one")
      .option("--json", "one JSON document on stdout");
  const backup = common(hermes.command("backup"))
    .description("Save the encrypted state to a local file or the stack's bucket; the gateway keeps running")
    .option("--out <file>", "file to write; default: a file in this folder, named after the time")
    .option("--to-bucket", "write to the bucket of hermes:backup.to instead")
    .action(async (options: BackupOptions) => void (process.exitCode = await runBackup(options)));
  common(backup.command("list"))
    .description("List backups in the stack's bucket, newest last; needs no droplet")
    .action(
      async (_: object, command: Command) =>
        void (process.exitCode = await runBackupList(command.optsWithGlobals<BackupOptions>())),
    );
  common(hermes.command("restore"))
    .description("Replace the droplet's state with a backup; rolls back if that fails")
    .argument("[file]", "backup created by hermes")
    .option("--from-bucket <name>", "backup from `hermes backup list`, or latest")
    .option("--verify", "decrypt it, unpack it on the droplet and compare all hashes, without replacing the state")
    .option("--drill", "test the newest backup (or the named one) on a temporary droplet; the stack does not change")
    .option("--yes", "do not ask for confirmation")
    .action(async (file: string | undefined, options: RestoreOptions) => {
      if (
        options.drill === true &&
        (options.verify === true || (file !== undefined && options.fromBucket !== undefined))
      )
        throw new CommandError(
          "Use --drill with one file, with --from-bucket NAME, or with neither; and without --verify.",
          EXIT.usage,
        );
      process.exitCode = await (options.drill === true ? runDrill : runRestore)(file, options);
    });
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
    ["restore", made.key === undefined ? `hermes restore ${plain(where)}` : "hermes restore --from-bucket latest"],
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
    "hermes:backup.recipient is not set: backups are encrypted for it. Install age, and make the key: hermes init",
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

async function runBackupList(options: BackupOptions, io: Surroundings = here()): Promise<number> {
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

export interface StackBucket {
  bucket: Bucket;
  prefix: string;
}

async function listed({ bucket, prefix }: StackBucket) {
  const all = await list(bucket, prefix).catch(bucketFailure);
  return all.flatMap(({ key, bytes }) => {
    const name = key.slice(prefix.length);
    const time = backupTime(name);
    return time === undefined ? [] : [{ name, bytes, created: new Date(time).toISOString() }];
  });
}

const bucketFailure = (error: Error): never => {
  throw error instanceof BucketError ? new CommandError(error.message, EXIT.cloud) : error;
};

export const hasBucket = async (options: StackOptions, io: Surroundings): Promise<boolean> =>
  (await configOf(io, "hermes:backup", options).catch((): Record<string, unknown> => ({})))["to"] !== undefined;

/** From the stack's configuration: when the droplet is lost, the bucket is not. */
export async function bucketOf(options: StackOptions, io: Surroundings): Promise<StackBucket> {
  const secrets = await configOf(io, "hermes:secrets", options);
  const backup = await configOf(io, "hermes:backup", options).catch((): Record<string, unknown> => ({}));
  const to = backup["to"] as Record<string, string> | undefined;
  if (to === undefined)
    throw new CommandError("this stack has no bucket for backups: set hermes:backup.to", EXIT.input);
  const { endpoint = "", region = "", bucket = "" } = to;
  const prefix = to["prefix"] ?? `${stackName(options.stack ?? (await io.pulumi(["stack", "--show-name"])).trim())}/`;
  const [keyId, secret] = [secrets["backupS3KeyId"], secrets["backupS3Secret"]];
  if (typeof keyId !== "string" || typeof secret !== "string")
    throw new CommandError("hermes:secrets.backupS3KeyId and backupS3Secret are needed to open the bucket", EXIT.input);
  return { bucket: { endpoint, region, bucket, keyId, secret }, prefix };
}

async function configOf(io: Surroundings, key: string, options: StackOptions): Promise<Record<string, unknown>> {
  const text = await io.pulumi(["config", "get", "--path", key, ...selected(options)]);
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    // A parser's message would quote what it read.
    throw new CommandError(`${key} is no map`, EXIT.input);
  }
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
async function runRestore(
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

export const isBackupName = (name: string): boolean => name === "latest" || backupTime(name) !== undefined;

export const notInBucket = (flag: string, wanted: string, wrong: string): CommandError =>
  wrongValue(flag, wanted, {
    wrong,
    allowed: "latest, or a name as hermes backup list shows them.",
    fix: "Write latest.",
  });

/** @param wanted - its name, or `latest`, as the flag has it */
export async function fetchBackup(
  where: StackBucket,
  wanted: string,
  scratch: string,
  flag = "--from-bucket",
): Promise<{ path: string; name: string }> {
  const all = await listed(where);
  const name = wanted === "latest" ? all.at(-1)?.name : wanted;
  if (name === undefined)
    throw new CommandError("the bucket has no backup. Make one: hermes backup --to-bucket", EXIT.input);
  if (!all.some((each) => each.name === name)) throw notInBucket(flag, wanted, "the bucket has no such backup");
  const path = join(scratch, name);
  await getFile(where.bucket, where.prefix + name, path).catch(bucketFailure);
  return { path, name };
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
