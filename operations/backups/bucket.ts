// The bucket that a stack's backups go to, read from this machine.
import { join } from "node:path";
import { backupTime } from "../../gateway/apply/backup-names";
import { BucketError, getFile, list, type Bucket } from "../../gateway/apply/s3";
import { stackName } from "../../lib/names";
import { CommandError, EXIT } from "../../lib/output";
import { wrongValue } from "../stack/input";
import { selected, type StackOptions } from "../stack/reach";
import type { Surroundings } from "../stack/surroundings";

export interface StackBucket {
  bucket: Bucket;
  prefix: string;
}

export async function listed({ bucket, prefix }: StackBucket) {
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

export async function configOf(io: Surroundings, key: string, options: StackOptions): Promise<Record<string, unknown>> {
  const text = await io.pulumi(["config", "get", "--path", key, ...selected(options)]);
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    // A parser's message would quote what it read.
    throw new CommandError(`${key} is no map`, EXIT.input);
  }
}

export const isBackupName = (name: string): boolean => name === "latest" || backupTime(name) !== undefined;

export const notInBucket = (flag: string, wanted: string, wrong: string): CommandError =>
  wrongValue(flag, wanted, {
    wrong,
    allowed: "latest, or a name as ./hermes backup list shows them.",
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
    throw new CommandError("the bucket has no backup. Make one: ./hermes backup --to-bucket", EXIT.input);
  if (!all.some((each) => each.name === name)) throw notInBucket(flag, wanted, "the bucket has no such backup");
  const path = join(scratch, name);
  await getFile(where.bucket, where.prefix + name, path).catch(bucketFailure);
  return { path, name };
}
