import { chownSync, cpSync, lchownSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";

/** Gitea refuses to run as root; its runner runs what was pushed. Debian's nobody owns nothing. */
const NOBODY = { uid: 65534, gid: 65534, name: "nobody" };

/** Who Gitea and its runner run as: the user of the test, or nobody where that is root. */
export const person = (): { uid?: number; gid?: number; name: string } =>
  process.getuid?.() === 0 ? NOBODY : { name: userInfo().username };

/** A folder of theirs. */
export function folderOf(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const { uid, gid } = person();
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
  return path;
}

/** Gives them all that is below. */
export function give(path: string): void {
  const { uid, gid } = person();
  if (uid === undefined || gid === undefined) return;
  lchownSync(path, uid, gid);
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) give(join(path, name));
}

/** A copy that they can reach: a cache under root's home is closed to them. */
export function lend(source: string, target: string): string {
  cpSync(source, target, { recursive: true, dereference: true });
  give(target);
  return target;
}

/** What a program of theirs gets to see of this machine: nothing of who runs the test. */
export const plainEnvironment = (home: string, path = process.env["PATH"] ?? ""): Record<string, string> => ({
  PATH: path,
  HOME: home,
  USER: person().name,
  LANG: "C.UTF-8",
});
