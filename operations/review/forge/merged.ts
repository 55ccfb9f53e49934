import { CommandError, EXIT } from "../../../lib/output";
import type { Entry, ForgeApi } from "./api";
import { ownComments } from "./comments";
import { reviewIn, type Review } from "./review";

interface Merged {
  pull: number;
  /** Last commit of its branch. */
  head: string;
}

/** The pull request that brought a commit; undefined where it was pushed without one. */
async function mergedPull(api: ForgeApi, commit: string): Promise<Merged | undefined> {
  const path = `${api.repo}/commits/${commit}`;
  const candidates =
    api.forge.kind === "gitea"
      ? [(await api.find(`${path}/pull`, "read")) ?? {}]
      : await api.list(`${path}/pulls`, "read");
  const pull = candidates.find((one) => one["merge_commit_sha"] === commit && one["merged_at"]);
  const head = (pull?.["head"] as Entry | undefined)?.["sha"];
  return pull === undefined || typeof head !== "string" ? undefined : { pull: Number(pull["number"]), head };
}

/**
 * What the reviewers of a merged commit saw.
 *
 * @throws CommandError where nobody can have seen it, with what to do
 */
export async function reviewOf(
  api: ForgeApi,
  { commit, stack, key }: { commit: string; stack: string; key: Buffer },
): Promise<Review & { pull: number }> {
  const merged = await mergedPull(api, commit);
  if (merged === undefined)
    throw refused(`${short(commit)} came by no pull request, so nobody reviewed what it does to ${stack}`);
  const { pull, head } = merged;
  const reviews = (await ownComments(api, pull, stack)).map(({ text }) => reviewIn(text, key));
  const review = reviews.find((one): one is Review => typeof one === "object");
  if (review === undefined)
    throw refused(
      reviews.includes("broken")
        ? `the report under #${pull} was made with other secrets than ${stack} has now, or was edited by hand`
        : `#${pull} has no report of ${stack} that ${stack} could be held against`,
    );
  if (review.stack !== stack) throw refused(`the report under #${pull} is of ${review.stack}, not of ${stack}`);
  if (review.commit !== head)
    throw refused(`the report under #${pull} is of ${short(review.commit)}, and ${short(head)} was merged`);
  return { ...review, pull };
}

const short = (commit: string): string => commit.slice(0, 10);

const refused = (why: string): CommandError =>
  new CommandError(
    `${why}.\n  Nothing was changed. Look at what would be done (./hermes report), and if that is what you want, say so:\n` +
      "  ./hermes up --reviewed DIGEST, with the digest that the report ends with",
    EXIT.refused,
  );
