import { CommandError, EXIT } from "../../lib/output";
import { stackOutputs, type StackOptions } from "./reach";

/** Secrets that are keys of SSH. `hermes rotate` replaces them in two steps. */
export const SSH_KEYS: readonly string[] = ["deployKey", "hostKey"];

/**
 * A key of SSH that is set anew is one that the running droplet does not know.
 *
 * @param names secrets that are about to be set
 * @throws CommandError for the keys that are rotated in two steps, once there is a droplet
 */
export async function refuseLockout(names: readonly string[], options: StackOptions): Promise<void> {
  const name = names.find((each) => SSH_KEYS.includes(each));
  if (name === undefined || (await stackOutputs(options).catch(() => undefined)) === undefined) return;
  throw new CommandError(
    `the droplet would not let this machine in with a new ${name}.\n` +
      `  In two steps, without an interruption: ./hermes rotate ${name}\n` +
      `  If the old one is lost: ./hermes rotate ${name} --lost; pulumi up (a new droplet: state on a volume stays, with hermes:volumeGiB 0 it is LOST)`,
    EXIT.refused,
  );
}
