import { createHash } from "node:crypto";
import { isSandboxName, SANDBOX_NAME_MAX, SANDBOX_PREFIX } from "../../config/sandbox";
import { wrongValue } from "../stack/input";

const HASH_LENGTH = 5;

/**
 * A name that fits a host name, a tag and a stack, of whatever a branch is called: itself where it fits, else what is
 * left of it and a hash, so that `feature/a` and `feature-a` are two.
 */
export function slugOf(wish: string): string {
  if (isSandboxName(wish)) return wish;
  const hash = BigInt(`0x${createHash("sha256").update(wish).digest("hex")}`)
    .toString(36)
    .slice(-HASH_LENGTH);
  const words = wish
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, SANDBOX_NAME_MAX - HASH_LENGTH - 1)
    .replace(/-+$/, "");
  return words === "" ? hash : `${words}-${hash}`;
}

/** What a sandbox may be called after where nobody says a name; the first that is there. */
export interface NameSource {
  /** `refs/pull/7/merge`, as GitHub's and Gitea's runners say it. */
  forgeRef?: string | undefined;
  /** The one that was asked for. */
  ref?: string | undefined;
  /** The one that is checked out. */
  branch?: string | undefined;
}

export function nameAfter({ forgeRef, ref, branch }: NameSource): string | undefined {
  const pull = /^refs\/pull\/(\d+)\//.exec(forgeRef ?? "")?.[1];
  if (pull !== undefined) return slugOf(`pr-${pull}`);
  const wish = [ref, branch].find((each) => each !== undefined && each !== "" && each !== "HEAD");
  return wish === undefined ? undefined : slugOf(wish);
}

/** `count` names that are free: the wanted one, or it with a number behind it. */
export function freeNames(wanted: string, count: number, taken: ReadonlySet<string>): string[] {
  const found: string[] = [];
  for (let number = count === 1 ? 0 : 1; found.length < count; number++) {
    const name = number === 0 ? wanted : numbered(wanted, number === 1 && count === 1 ? 2 : number);
    if (!taken.has(name) && !found.includes(name)) found.push(name);
  }
  return found;
}

function numbered(name: string, number: number): string {
  const end = `-${number}`;
  return name.slice(0, SANDBOX_NAME_MAX - end.length).replace(/-+$/, "") + end;
}

/** `pr-7` of `pr-7` and of `sandbox-pr-7`. @throws CommandError that says what could be meant */
export function saidName(said: string): string {
  const name = said.startsWith(SANDBOX_PREFIX) ? said.slice(SANDBOX_PREFIX.length) : said;
  if (isSandboxName(name)) return name;
  const plain = name
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .trim()
    .toLowerCase()
    .replace(/[\s_.-]+/g, "-");
  throw wrongValue("<name>", said, {
    wrong: "it cannot be a host name and a tag, which a sandbox's name becomes",
    allowed: `Lower-case letters, digits and single -, at most ${SANDBOX_NAME_MAX}.`,
    fix: `Write ${isSandboxName(plain) ? plain : slugOf(said)}.`,
  });
}

export const stackOf = (name: string): string => SANDBOX_PREFIX + name;
