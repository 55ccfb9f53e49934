import { existsSync } from "node:fs";
import { proveEncrypted } from "../../lib/age";
import { CommandError, EXIT } from "../../lib/output";
import { bucketOf, fetchBackup, isBackupName, notInBucket } from "../backups/bucket";
import { identityOf, sendBackup } from "../backups/restore";
import { fileToRead } from "../stack/input";
import { sshTarget } from "../stack/reach";
import { plain } from "../stack/scrub";
import { here } from "../stack/surroundings";

/** A backup that sandboxes begin with. */
export interface Seed {
  into(stack: string, options: { signal: AbortSignal; say: (text: string) => void }): Promise<void>;
}

/** Before anything is asked. @throws CommandError when it is neither a file nor the name of a backup */
export function checkSeed(wanted: string): void {
  if (existsSync(wanted)) fileToRead("--seed", wanted, "A backup that hermes made");
  else if (!isBackupName(wanted))
    throw notInBucket("--seed", wanted, "there is no such file, and it is not the name of a backup");
}

/**
 * A file, else one of the bucket of the stack that the sandbox is made after; proven readable before anything is made.
 *
 * @throws CommandError
 */
export async function seedOf(
  wanted: string,
  of: string,
  secrets: Record<string, string>,
  scratch: string,
): Promise<Seed> {
  const identity = identityOf(secrets);
  const path = existsSync(wanted)
    ? wanted
    : (await fetchBackup(await bucketOf({ stack: of }, here()), wanted, scratch, "--seed")).path;
  await proveEncrypted(path, identity);
  return {
    into: async (stack, { signal, say }) => {
      const restored = await sendBackup(await sshTarget({ stack }), path, identity, { verbs: "restore", signal });
      if (!restored.ok)
        throw new CommandError(
          `the backup was not restored: ${plain(restored.error ?? "no reason given")}`,
          EXIT.unhealthy,
        );
      say(`${restored.files ?? 0} files restored, made ${plain(restored.created ?? "?")}`);
    },
  };
}
