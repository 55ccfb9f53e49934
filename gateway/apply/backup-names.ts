// How backups are called and which are kept. Pure, and without relative imports: the command line uses this file as well.

const SUFFIX = ".tar.age";
const NAME = /^hermes-(\d{4})-(\d\d)-(\d\d)T(\d\d)(\d\d)(\d\d)Z\.tar\.age$/;

/** An age recipient: the public half of a key, of 52 characters and a checksum. */
export const isRecipient = (text: string): boolean => /^age1[02-9ac-hj-np-z]{58}$/.test(text);

/** hermes-2026-11-23T031500Z.tar.age: names in order are backups in order. */
export const backupName = (time: Date): string =>
  `hermes-${time.toISOString().replace(/\.\d+/, "").replaceAll(":", "")}${SUFFIX}`;

/** Milliseconds since 1970; undefined when that is no backup of ours. */
export function backupTime(name: string): number | undefined {
  const [all, year, month, day, hour, minute, second] = NAME.exec(name) ?? [];
  if (all === undefined) return undefined;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}

/** Those beyond the newest `keep`; never the newest, never a file of somebody else's. */
export function expired(names: readonly string[], keep: number): string[] {
  const ours = names.filter((name) => backupTime(name) !== undefined).sort();
  return ours.slice(0, -Math.max(1, Math.floor(keep)));
}
