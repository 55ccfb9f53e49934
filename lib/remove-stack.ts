import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pulumiOutput } from "./pulumi";

/**
 * Removes a stack and its state, not its file. `pulumi stack rm` deselects whatever stack is selected in the folder of the
 * project, so it runs in a folder of its own.
 *
 * @param project folder with Pulumi.yaml
 * @throws CommandError in the engine's words
 */
export async function removeStack(stack: string, project: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "hermes-remove-"));
  try {
    copyFileSync(join(project, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
    const args = ["stack", "rm", "--yes", "--force", "--remove-backups", "--stack", stack];
    await pulumiOutput(args, { cwd: folder, env: absoluteBackend(process.env["PULUMI_BACKEND_URL"]) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A folder for states that is named from here. */
function absoluteBackend(url: string | undefined): Record<string, string> {
  const [, path] = /^file:\/\/(\.{1,2}(?:\/.*)?)$/.exec(url ?? "") ?? [];
  return path === undefined ? {} : { PULUMI_BACKEND_URL: `file://${resolve(path)}` };
}
