// Which OpenClaw is installed, and whether it is as it was installed. It is root's, so only root can have changed it.
import type { Host } from "./host.ts";
import { INSTALL_OPENCLAW, OPENCLAW_CURRENT } from "./places.ts";
import { readEntry } from "./tree.ts";

/** The script's exit status for a tree that is not as it was installed. */
const CHANGED = 3;

/** The version that runs, or would; undefined before the first one is installed. */
export function installedVersion(host: Host): string | undefined {
  const link = readEntry(host, OPENCLAW_CURRENT);
  return link.kind === "link" ? link.target : undefined;
}

/** Takes a moment as long as nothing was touched, else some seconds: the whole tree is read. */
export async function isAsInstalled(host: Host, version: string, script = INSTALL_OPENCLAW): Promise<boolean> {
  const { code } = await host.run("bash", [host.path(script), `--verify=${version}`], { timeoutMs: 300_000 });
  // A script from before this check refuses the option: nothing is known of the tree then.
  return code !== CHANGED;
}
