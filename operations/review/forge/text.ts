import type { Report } from "..";
import type { PlanDigest } from "../digest";
import type { Change, Forge } from "./environment";
import { reviewLine, type Review } from "./review";

/** Both forges take a little more. */
const LONGEST = 65_000;

export interface CommentParts {
  report: Report;
  notChecked: readonly string[];
  forge: Pick<Forge, "runUrl">;
  change: Change;
  /** Absent: nobody can hold anything against this report, and it says nothing of a digest. */
  review?: { plan: PlanDigest; stack: string; key: Buffer } | undefined;
}

/** A report with what belongs to it under a pull request. Pure. */
export function commentText({ report, notChecked, forge, change, review }: CommentParts): string {
  const notes = notChecked.map((note) => `- ${note}`).join("\n");
  const commit = change.commit === undefined ? "" : ` of ${change.commit.slice(0, 10)}`;
  const run = forge.runUrl === undefined ? "" : ` ([log](${forge.runUrl}))`;
  const digest = review === undefined ? "" : `, digest \`${review.plan.digest.slice(0, 16)}\``;
  const shown = [
    report.markdown.trimEnd(),
    ...(notes === "" ? [] : [`**Not looked at**\n\n${notes}`]),
    `<sub>Preview${commit}${run}${digest}</sub>`,
  ].join("\n\n");
  if (review === undefined || change.commit === undefined) return `${shown}\n`;
  const kept: Review = { ...review.plan, stack: review.stack, commit: change.commit };
  const whole = `${shown}\n${reviewLine(kept, review.key, shown)}\n`;
  if (whole.length <= LONGEST) return whole;
  // What differs can't be told then, only that something does.
  return `${shown}\n${reviewLine({ ...kept, steps: {} }, review.key, shown)}\n`;
}

/** The comment under a change whose run gets no secrets, so that nothing could be previewed. */
export const notPreviewedText = (stack: string): string =>
  `> [!IMPORTANT]
> **Not previewed.** This change comes from a fork or from Dependabot, and its runs get no secrets.

Nothing is known about its effect on \`${stack}\`: what it creates, replaces or loses, what it exposes to the internet, what
it costs, and whether it meets the policies. Merging it does not deploy it either.

To preview it, someone with write access reads the whole change first, because a preview runs the change's own code with
the stack's secrets. Then they push its branch to this repository under their own name and open a pull request from there.
`;
