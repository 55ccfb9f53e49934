import { DEFAULTS } from "./keys";
import { isAbsent, type Reader } from "./reader";
import type { BackupConfig, BucketConfig } from "./types";
import { readUrl } from "./urls";

const RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/;

/** Where backups go by themselves, when, and how many are kept. */
export function readBackup(reader: Reader, value: unknown, stack: string): BackupConfig {
  const key = "hermes:backup";
  const map = reader.map(key, value, ["recipient", "to", "schedule", "keep"]);
  const schedule = reader.text(`${key}.schedule`, map["schedule"], {
    default: DEFAULTS.backupSchedule,
    pattern: /^[\w*:,./~ -]{1,100}$/,
    allowed: "A time as systemd's OnCalendar has it, such as daily or *-*-* 03:40:00.",
    fix: `Write ${DEFAULTS.backupSchedule}; systemd-analyze calendar tells what one means.`,
  });
  const keep = reader.integer(`${key}.keep`, map["keep"], {
    default: DEFAULTS.backupKeep,
    min: 1,
    max: 1000,
    allowed: "1 to 1000 backups stay; the newest is never removed.",
    fix: `Write ${DEFAULTS.backupKeep}.`,
  });
  const to = isAbsent(map["to"]) ? undefined : readBucket(reader, map["to"], stack);
  // Without one nothing could go into the bucket; by hand it is asked for when it is needed.
  const recipient =
    to === undefined && isAbsent(map["recipient"])
      ? undefined
      : reader.text(`${key}.recipient`, map["recipient"], {
          pattern: RECIPIENT,
          allowed: "An age recipient: the public half of the key that backups are encrypted for.",
          fix: "Run hermes init, which makes both halves. Of a key that is there already, age-keygen -y prints this one.",
        });
  return {
    schedule: schedule ?? DEFAULTS.backupSchedule,
    keep: keep ?? DEFAULTS.backupKeep,
    ...(recipient === undefined ? {} : { recipient }),
    ...(to === undefined ? {} : { to }),
  };
}

function readBucket(reader: Reader, value: unknown, stack: string): BucketConfig {
  const key = "hermes:backup.to";
  const map = reader.map(key, value, ["endpoint", "region", "bucket", "prefix"]);
  const name = (which: string, example: string) =>
    reader.text(`${key}.${which}`, map[which], {
      pattern: /^[a-z0-9][a-z0-9.-]{1,62}$/,
      allowed: "Small letters, digits, dots and hyphens, as the service names it.",
      fix: `Write it as the service shows it, for example ${example}.`,
    });
  const endpoint = readUrl(reader, `${key}.endpoint`, map["endpoint"], {
    allowed: "The https address of an S3-compatible service, without the bucket's name.",
    fix: "Write for example https://nyc3.digitaloceanspaces.com.",
  });
  const prefix = reader.text(`${key}.prefix`, map["prefix"], {
    default: `${stack}/`,
    pattern: /^([A-Za-z0-9][A-Za-z0-9_.-]*\/)*$/,
    allowed: "Folders that end with a slash, or nothing; each stack has one of its own.",
    fix: `Write ${stack}/.`,
  });
  return {
    endpoint: endpoint ?? "",
    region: name("region", "nyc3") ?? "",
    bucket: name("bucket", "my-backups") ?? "",
    prefix: prefix ?? `${stack}/`,
  };
}
