import { isIP } from "node:net";
import { runOverSsh, type SshTarget } from "./connection";

/**
 * The address that the droplet sees this machine at, which no machine behind a router knows of itself. Undefined: the
 * droplet does not answer here, or says nothing that is an address.
 */
export async function addressSeenBy(target: SshTarget): Promise<string | undefined> {
  try {
    const { stdout } = await runOverSsh(target, 'echo "$SSH_CONNECTION"', { timeoutMs: 20_000 });
    const address = (stdout.trim().split(/\s+/)[0] ?? "").replace(/^::ffff:(?=\d+\.)/, "");
    return isIP(address) === 0 ? undefined : address;
  } catch {
    return undefined;
  }
}
