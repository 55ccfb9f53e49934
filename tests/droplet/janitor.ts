import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { labOf, type Lab } from "../../localcloud/lab";
import { releaseDroplets } from "../../localcloud/droplets";
import { destroyNetwork, run } from "../../localcloud/network";
import { stopRecorded } from "../../localcloud/processes";

/** Takes a test's lab down, however far it had come. */
export async function removeLab(lab: Lab): Promise<void> {
  await releaseDroplets(lab);
  await stopRecorded(lab);
  await destroyNetwork(lab);
  await run(["rm", "--recursive", "--force", "--one-file-system", lab.dir]);
}

/**
 * Starts a process that outlives an interrupted or killed test run and takes the lab down after it. A handler inside
 * the run cannot: jest does not wait for one.
 *
 * @returns ends the janitor, when the run has cleaned up by itself.
 */
export function hireJanitor(project: string, instance: string): () => void {
  const program = ["-r", "ts-node/register/transpile-only", __filename, project, instance, String(process.pid)];
  const janitor = spawn(process.execPath, program, { detached: true, stdio: "ignore", cwd: project });
  janitor.unref();
  return () => void janitor.kill("SIGTERM");
}

async function main([project = "", instance = "", run = ""]: string[]): Promise<void> {
  while (existsSync(`/proc/${run}`)) await new Promise((resolve) => setTimeout(resolve, 500));
  await removeLab(labOf(project, instance));
}

if (require.main === module) void main(process.argv.slice(2));
