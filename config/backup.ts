import { isAgeRecipient, recipientOf } from "./age-key";
import { calendarFault, calendarOfCron } from "./calendar";
import { DEFAULTS } from "./keys";
import { isAbsent, type Reader } from "./reader";
import type { BackupConfig, BucketConfig } from "./types";
import { readUrl } from "./urls";

const RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/;

/** Where automatic backups go, when they run and how many are kept. */
export function readBackup(reader: Reader, value: unknown, stack: string): BackupConfig {
  const key = "hermes:backup";
  const map = reader.map(key, value, ["recipient", "to", "schedule", "keep"]);
  const schedule = readSchedule(reader, `${key}.schedule`, map["schedule"]);
  const keep = reader.integer(`${key}.keep`, map["keep"], {
    default: DEFAULTS.backupKeep,
    min: 1,
    max: 1000,
    allowed: "1 to 1000 backups stay; the newest is never removed.",
    fix: `Write ${DEFAULTS.backupKeep}.`,
  });
  const to = isAbsent(map["to"]) ? undefined : readBucket(reader, map["to"], stack);
  for (const name of ["schedule", "keep"])
    if (to === undefined && !isAbsent(map[name])) rejectIdle(reader, `${key}.${name}`, map[name]);
  // Without a bucket nothing could go into it; by hand it is asked for when it is needed.
  const isNeeded = to !== undefined || !isAbsent(map["recipient"]);
  const recipient = isNeeded ? readRecipient(reader, `${key}.recipient`, map["recipient"]) : undefined;
  return {
    schedule: schedule ?? DEFAULTS.backupSchedule,
    keep: keep ?? DEFAULTS.backupKeep,
    ...(recipient === undefined ? {} : { recipient }),
    ...(to === undefined ? {} : { to }),
  };
}

function rejectIdle(reader: Reader, key: string, value: unknown): void {
  reader.reject(
    key,
    value,
    "there is no bucket for automatic backups",
    "schedule and keep go with hermes:backup.to: endpoint, region and bucket of an S3-compatible service.",
    "Remove it, or add hermes:backup.to (docs/backup.md).",
  );
}

const SCHEDULE_ALLOWED = "A systemd OnCalendar expression, such as daily, Sun 03:40 or *-*-* 03:40:00.";

function readSchedule(reader: Reader, key: string, value: unknown): string | undefined {
  const fix = `Write ${DEFAULTS.backupSchedule}; systemd-analyze calendar shows when a schedule runs.`;
  const cron = typeof value === "string" ? calendarOfCron(value) : undefined;
  if (cron !== undefined) {
    reader.reject(key, value, "it is a cron expression", SCHEDULE_ALLOWED, `Write ${cron}.`);
    return undefined;
  }
  const isValid = (text: string): boolean => calendarFault(text, new Date()) === undefined;
  const form = { pattern: /^[\w*:,./~ +-]{1,100}$/, isValid };
  const rule = { default: DEFAULTS.backupSchedule, ...form, allowed: SCHEDULE_ALLOWED, fix };
  const schedule = reader.text(key, value, rule);
  const fault = schedule === undefined ? undefined : calendarFault(schedule, new Date());
  if (fault !== undefined) reader.reject(key, schedule, fault, SCHEDULE_ALLOWED, fix);
  return schedule;
}

const RECIPIENT_ALLOWED = "An age recipient (age1…): the public half of the key that backups are encrypted for.";

function readRecipient(reader: Reader, key: string, value: unknown): string | undefined {
  const fix = "Run ./hermes init to create a key pair. If you already have a key, age-keygen -y prints its recipient.";
  if (typeof value === "string" && /^\s*AGE-SECRET-KEY-/i.test(value)) {
    const wrong = "it is the secret half of a key, in plain text";
    const derived = recipientOf(value.trim());
    const write = derived === undefined ? fix : `Write ${derived}; and make a new key if the file was ever shared.`;
    reader.problems.push({ key, found: "[secret]", wrong, allowed: RECIPIENT_ALLOWED, fix: write });
    return undefined;
  }
  const recipient = reader.text(key, value, {
    ...{ pattern: RECIPIENT, isValid: isAgeRecipient },
    ...{ allowed: RECIPIENT_ALLOWED, fix },
  });
  if (recipient === undefined || isAgeRecipient(recipient)) return recipient;
  reader.reject(key, recipient, "a character of it is wrong: its checksum does not fit", RECIPIENT_ALLOWED, fix);
  return undefined;
}

function readBucket(reader: Reader, value: unknown, stack: string): BucketConfig {
  const key = "hermes:backup.to";
  const map = reader.map(key, value, ["endpoint", "region", "bucket", "prefix"]);
  const name = (which: string, example: string) =>
    reader.text(`${key}.${which}`, map[which], {
      pattern: which === "bucket" ? /^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/ : /^[a-z0-9][a-z0-9.-]{1,62}$/,
      allowed: "Small letters, digits, dots and hyphens, as the service names it.",
      fix: `Write it as the service shows it, for example ${example}.`,
    });
  const endpoint = readUrl(reader, `${key}.endpoint`, map["endpoint"], {
    allowed: "The https address of an S3-compatible service, without the bucket's name.",
    fix: "Write for example https://nyc3.digitaloceanspaces.com.",
  });
  const bucket = name("bucket", "my-backups");
  if (endpoint !== undefined) checkEndpoint(reader, `${key}.endpoint`, endpoint, bucket);
  const prefix = reader.text(`${key}.prefix`, map["prefix"], {
    default: `${stack}/`,
    pattern: /^([A-Za-z0-9][A-Za-z0-9_.-]*\/)*$/,
    allowed: "Folders that end with a slash, or nothing; each stack has one of its own.",
    fix: `Write ${stack}/.`,
  });
  return {
    endpoint: endpoint ?? "",
    region: name("region", "nyc3") ?? "",
    bucket: bucket ?? "",
    prefix: prefix ?? `${stack}/`,
  };
}

/** Services that have an address for each bucket. Another host may be called like its bucket: backup.example.com. */
const PROVIDERS =
  /\.(amazonaws\.com(\.cn)?|backblazeb2\.com|wasabisys\.com|r2\.cloudflarestorage\.com|storage\.googleapis\.com|scw\.cloud|linodeobjects\.com|vultrobjects\.com|your-objectstorage\.com|ovh\.(net|us)|exo\.io|idrivee2(-\d+)?\.com)$/;

/** The address of the service alone: hermes puts the bucket behind it, so one in it would be there twice. */
function checkEndpoint(reader: Reader, key: string, text: string, bucket: string | undefined): void {
  const url = new URL(text);
  const plain = new URL(text);
  const labels = url.hostname.split(".");
  if (/\.(cdn\.)?digitaloceanspaces\.com$/.test(url.hostname)) plain.hostname = spacesHost(labels);
  else if (bucket !== undefined && url.hostname.startsWith(`${bucket}.`) && PROVIDERS.test(url.hostname))
    plain.hostname = url.hostname.slice(bucket.length + 1);
  const [path, right] = [url.pathname.replace(/\/+$/, ""), plain.origin];
  const isOfPeople = /^(cloud\.digitalocean\.com|(www\.)?digitalocean(spaces)?\.com)$/.test(url.hostname);
  if (isOfPeople)
    return reader.reject(
      key,
      text,
      "it is an address for people, not the one of the service",
      "The https address of an S3-compatible service, without the bucket's name.",
      "Write https://nyc3.digitaloceanspaces.com, with the region of your bucket.",
    );
  const wrong =
    plain.hostname !== url.hostname
      ? url.hostname.includes(".cdn.")
        ? "it is the address of the CDN, to which nothing can be written"
        : "it holds the bucket's name"
      : url.search !== "" || url.hash !== ""
        ? "it has a query or a fragment"
        : path !== "" && path === `/${bucket}`
          ? "it holds the bucket's name"
          : undefined;
  if (wrong === undefined) return;
  reader.reject(
    key,
    text,
    wrong,
    "The https address of an S3-compatible service, without the bucket's name.",
    `Write ${right}.`,
  );
}

/** `nyc3.digitaloceanspaces.com` of whatever stands before it. */
const spacesHost = (labels: readonly string[]): string =>
  labels
    .filter((label) => label !== "cdn")
    .slice(-3)
    .join(".");
