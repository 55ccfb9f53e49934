// Folders that another account has written to, removed with all that is in them.
import { lstatSync } from "node:fs";
import type { Host } from "./host.ts";

/**
 * By rm, which opens folder by folder and follows no link, however deep they are nested: a path in there may be longer
 * than any call takes.
 *
 * @param paths - each in a folder that only root writes to
 * @throws Error when something is left
 */
export async function removeTree(host: Host, ...paths: string[]): Promise<void> {
  const there = paths
    .map((path) => host.path(path))
    .filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
  if (there.length === 0) return;
  const { code, stderr } = await host.run("rm", ["-rf", "--one-file-system", "--", ...there], { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`${paths.join(", ")} could not be removed: ${stderr.trim().slice(-300)}`);
}
