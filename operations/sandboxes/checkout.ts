import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { CommandError, EXIT } from "../../lib/output";
import { wrongValue } from "../stack/input";
import { pathOf, projectFolder } from "../stack/project";

const run = promisify(execFile);

async function git(...args: string[]): Promise<string> {
  return (await run("git", args, { cwd: projectFolder() })).stdout.trim();
}

/** A program without it refuses a sandbox's file. */
const KNOWS_SANDBOXES = "config/sandbox.ts";

/** @throws CommandError when git cannot find the commit in this clone, or it is of a time before sandboxes */
export async function commitOf(ref: string): Promise<string> {
  const commit = await git("rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`).catch(() => {
    throw wrongValue("--ref", ref, {
      wrong: "git cannot find this commit in the clone",
      allowed: "A branch, a tag or a commit of this clone.",
      fix: `Fetch it first: git fetch --all; git branch --all shows what is there.`,
    });
  });
  await git("cat-file", "-e", `${commit}:${KNOWS_SANDBOXES}`).catch(() => {
    throw wrongValue("--ref", ref, {
      wrong: `its program (${commit.slice(0, 10)}) has no ${KNOWS_SANDBOXES}, so it refuses every sandbox`,
      allowed: "A commit that supports sandboxes.",
      fix: "Name a later commit.",
    });
  });
  return commit;
}

/** The branch that is checked out, or undefined. */
export const branchHere = (): Promise<string | undefined> =>
  git("rev-parse", "--abbrev-ref", "HEAD").catch(() => undefined);

/** What is done in the folder of a program. */
export interface ProgramWork<T> {
  /** Runs before the stack's file is copied into the folder, and creates that file for a new sandbox. */
  begin?: (folder: string) => Promise<void>;
  run: (folder: string) => Promise<T>;
}

/**
 * Works in the program of another commit, in a work tree that is removed afterwards; here where no commit is wanted. The
 * stack's file goes there with it.
 */
export async function inProgram<T>(
  stack: string,
  commit: string | undefined,
  { begin = () => Promise.resolve(), run: work }: ProgramWork<T>,
): Promise<T> {
  if (commit === undefined) {
    await begin(projectFolder());
    return await work(projectFolder());
  }
  const folder = folderOf(stack);
  await removeTree(folder);
  mkdirSync(join(folder, ".."), { recursive: true });
  try {
    await prepare(folder, commit).catch((error: Error & { stderr?: string }) => {
      throw new CommandError(`the program of ${commit} is not there:\n  ${lastLines(error)}`, EXIT.cloud);
    });
    await begin(folder);
    copyFileSync(pathOf(stack), join(folder, `Pulumi.${stack}.yaml`));
    return await work(folder);
  } finally {
    await removeTree(folder);
  }
}

/** The same one each time: commands note the folder that they run in. */
const folderOf = (stack: string): string => join(projectFolder(), ".hermes", "sandboxes", stack);

/** What a run that was killed left of it. */
export async function removeProgram(stack: string): Promise<void> {
  if (existsSync(folderOf(stack))) await removeTree(folderOf(stack));
}

async function removeTree(folder: string): Promise<void> {
  if (existsSync(folder)) await git("worktree", "remove", "--force", folder).catch(() => undefined);
  rmSync(folder, { recursive: true, force: true });
  await git("worktree", "prune").catch(() => undefined);
}

/** With the packages that are here, where that commit wants the same ones. */
async function prepare(folder: string, commit: string): Promise<void> {
  await git("worktree", "add", "--detach", "--force", folder, commit);
  const lock = (of: string): string => readFileSync(join(of, "package-lock.json"), "utf8");
  if (lock(folder) === lock(projectFolder()))
    symlinkSync(join(projectFolder(), "node_modules"), join(folder, "node_modules"));
  else await run("npm", ["ci", "--loglevel=error"], { cwd: folder });
}

/** What git or npm said, without node's stack. */
const lastLines = ({ stderr, message }: { stderr?: string; message: string }): string =>
  (stderr?.trim() || message).split("\n").slice(-6).join("\n  ");
