// What benches that need a lab have in common: how they begin, and how they end.
import { missingRequirement, tearDown } from "../../localcloud/embedded-cloud";
import { hireJanitor } from "../../tests/support/janitor";
import { ProjectCopy } from "../../tests/support/project-copy";

/**
 * In a copy of the project with a lab of its own, both of which go whatever comes of it, also when it is interrupted.
 *
 * @throws Error where this machine can't have a lab
 */
export async function inLab<T>(work: (project: ProjectCopy) => Promise<T>): Promise<T> {
  const problem = missingRequirement();
  if (problem !== undefined) throw new Error(problem);
  const project = new ProjectCopy();
  project.restoreFiles();
  const dismissJanitor = hireJanitor(project.dir, { temporary: project.folder });
  try {
    return await work(project);
  } finally {
    await tearDown(project.lab);
    project.remove();
    dismissJanitor();
  }
}

/** `npm start` in it. @throws Error with its words */
export async function npmStart(project: ProjectCopy): Promise<{ stderr: string }> {
  const { code, stdout, stderr } = await project.run(["bash", "scripts/start.sh"]);
  if (code !== 0) throw new Error(`npm start ended with ${code}:\n${stderr}${stdout}`);
  return { stderr };
}

/** A bench's whole run: exit status 1 and the reason on stderr where it fails. */
export function runBench(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
