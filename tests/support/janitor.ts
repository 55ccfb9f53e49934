import { spawn } from "node:child_process";
import { existsSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { labOf, type Lab } from "../../localcloud/lab";
import { releaseDroplets } from "../../localcloud/droplets";
import { destroyNetwork, run } from "../../localcloud/network";
import { stopRecorded } from "../../localcloud/processes";

const SOURCE = join(__dirname, "..", "..");

/** Takes a test's lab down, however far it had come. */
export async function removeLab(lab: Lab): Promise<void> {
  await releaseDroplets(lab);
  await stopRecorded(lab);
  await destroyNetwork(lab);
  await run(["rm", "--recursive", "--force", "--one-file-system", lab.dir]);
}

interface JanitorOptions {
  /** Name of the project's lab. @default "lab" */
  instance?: string;
  /** Process after whose end it works. @default this one */
  after?: number;
  /**
   * Folder that the test made for its copy of the project. What works in it is ended, and it is removed. Absent: the
   * project is somebody's clone, of which only the lab goes.
   */
  temporary?: string;
}

/**
 * Starts a process that outlives an interrupted or killed test run and takes the lab down after it. A handler inside
 * the run cannot: jest does not wait for one.
 *
 * @returns ends the janitor, if the run has cleaned up already.
 */
export function hireJanitor(
  project: string,
  { instance = "lab", after = process.pid, temporary = "" }: JanitorOptions = {},
): () => void {
  const args = [project, instance, String(after), temporary];
  const program = ["-r", "./scripts/typescript.js", __filename, ...args];
  const janitor = spawn(process.execPath, program, { detached: true, stdio: "ignore", cwd: SOURCE });
  janitor.unref();
  return () => void janitor.kill("SIGTERM");
}

/** Ends what still works in a test's own copy of the project: a killed run's `npm start` would go on building its lab. */
async function endProcessesIn(folder: string): Promise<void> {
  const inside = (pid: string): boolean => {
    try {
      return pid !== String(process.pid) && `${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(`${folder}/`);
    } catch {
      return false;
    }
  };
  for (;;) {
    const found = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && inside(name));
    if (found.length === 0) return;
    for (const pid of found) process.kill(Number(pid), "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function main([project = "", instance = "", run = "", temporary = ""]: string[]): Promise<void> {
  process.chdir("/");
  while (existsSync(`/proc/${run}`)) await new Promise((resolve) => setTimeout(resolve, 500));
  if (temporary !== "") await endProcessesIn(temporary);
  await removeLab(labOf(project, instance));
  if (temporary !== "") rmSync(temporary, { recursive: true, force: true });
}

if (require.main === module) void main(process.argv.slice(2));
