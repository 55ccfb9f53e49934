import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pulumiOutput, runPulumi } from "./pulumi";

/**
 * Removes a stack and its state, not its file. `pulumi stack rm` deselects whatever stack is selected in the folder of the
 * project, so it runs in a folder of its own.
 *
 * Also finishes a removal that was killed halfway.
 *
 * @param project folder with Pulumi.yaml
 * @throws CommandError in the engine's words
 */
export async function removeStack(stack: string, project: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "hermes-remove-"));
  try {
    copyFileSync(join(project, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
    const options = { cwd: folder, env: await absoluteBackend() };
    const remove = () =>
      pulumiOutput(["stack", "rm", "--yes", "--force", "--remove-backups", "--stack", stack], options);
    await remove().catch(async (error: Error) => {
      // A removal that was killed may have left history and a lock of a stack that is gone: made again, it can be removed.
      const isGone = (await runPulumi(["stack", "init", stack, "--no-select"], options)).code === 0;
      if (!isGone) throw error;
      await runPulumi(["cancel", "--yes", "--stack", stack], options);
      await remove();
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A folder for states that is named from here, by a variable, a login or Pulumi.yaml. */
async function absoluteBackend(): Promise<Record<string, string>> {
  const { url = "" } = JSON.parse(await pulumiOutput(["whoami", "--json"])) as { url?: string };
  const [, path] = /^file:\/\/(?![/~])(.+)$/.exec(url) ?? [];
  return path === undefined ? {} : { PULUMI_BACKEND_URL: `file://${resolve(path)}` };
}
