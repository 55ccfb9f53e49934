import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import type { PlanDigest } from "../report/digest";

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

/** A hidden last line. Whoever may write in the repository can edit comments, so it is sealed. */
export function reviewLine(review: Review, key: Buffer): string {
  const text = Buffer.from(JSON.stringify(review)).toString("base64url");
  return `<!-- hermes-review:${text}.${seal(text, key)} -->`;
}

/** @returns undefined where there is none; "broken" where it was made with other secrets, or by somebody else */
export function reviewIn(body: string, key: Buffer): Review | "broken" | undefined {
  const [, text, given] = LINE.exec(body.trimEnd().split("\n").at(-1) ?? "") ?? [];
  if (text === undefined || given === undefined) return undefined;
  const expected = Buffer.from(seal(text, key));
  const actual = Buffer.from(given);
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) return "broken";
  return JSON.parse(Buffer.from(text, "base64url").toString()) as Review;
}

const seal = (text: string, key: Buffer): string => createHmac("sha256", key).update(text).digest("base64url");
