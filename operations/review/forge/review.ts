import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import type { PlanDigest } from "../digest";

/** What a report was of: kept in its comment, read again before what was merged is made. */
export interface Review extends PlanDigest {
  stack: string;
  /** The pull request's, as it was previewed. */
  commit: string;
}

const LINE = /^<!-- hermes-review:([\w-]+)\.([\w-]+) -->$/;

/**
 * Key of the seal, from the stack's secrets: only who can deploy can make one, and a seal breaks when any secret is not
 * what it was. Nothing can be told of a secret by it: random keys are among them.
 */
export function sealKey(secrets: Record<string, string>): Buffer {
  const all = JSON.stringify(Object.entries(secrets).sort(([a], [b]) => (a < b ? -1 : 1)));
  return Buffer.from(hkdfSync("sha256", all, "", "hermes review", 32));
}

/**
 * A hidden last line. Whoever may write in the repository can edit comments, and every job of it posts under our name: so
 * it is sealed, together with what the reviewers see.
 *
 * @param shown - the text above it
 */
export function reviewLine(review: Review, key: Buffer, shown: string): string {
  const kept = Buffer.from(JSON.stringify(review)).toString("base64url");
  return `<!-- hermes-review:${kept}.${seal(kept, shown, key)} -->`;
}

/** @returns undefined where there is none; "broken" where it was made with other secrets, or edited by somebody */
export function reviewIn(text: string, key: Buffer): Review | "broken" | undefined {
  const lines = text.trimEnd().split("\n");
  const [, kept, given] = LINE.exec(lines.pop()?.trim() ?? "") ?? [];
  if (kept === undefined || given === undefined) return undefined;
  const [expected, actual] = [Buffer.from(seal(kept, lines.join("\n"), key)), Buffer.from(given)];
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) return "broken";
  return JSON.parse(Buffer.from(kept, "base64url").toString()) as Review;
}

const seal = (kept: string, shown: string, key: Buffer): string =>
  createHmac("sha256", key)
    .update(`${kept}\n${settled(shown)}`)
    .digest("base64url");

/** A forge may change line ends, and what is blank at the ends of lines. */
const settled = (text: string): string =>
  text
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .join("\n")
    .trim();
