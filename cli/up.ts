import type { Command } from "commander";
import { stackName } from "../lib/names";
import { CommandError, EXIT } from "../lib/output";
import { runPulumi } from "../lib/pulumi";
import { differences, isIdle, planDigest, type PlanDigest } from "../operations/review/digest";
import { changeFrom, forgeFrom, ForgeApi, reviewOf, sealKey, type ForgeFlags } from "../operations/review/forge";
import { eventOf } from "../operations/review/forge/event";
import { allSecrets, previewOf } from "../operations/review/forge/stack";
import { matching } from "../operations/stack/input";
import { selected, type StackOptions } from "../operations/stack/reach";
import { secretScrubber } from "../operations/stack/scrub";
import { withForgeFlags } from "./forge-flags";

interface UpOptions extends StackOptions, ForgeFlags {
  /** true: the one in the report under the pull request that brought the commit. */
  reviewed?: string | true;
}

export function addUpCommand(hermes: Command): void {
  withForgeFlags(
    hermes
      .command("up")
      .description("Run pulumi up if the planned changes are those that were reviewed")
      .option("--stack <name>", "name of the stack; default: the selected one")
      .option("--reviewed [digest]", "digest of the reviewed report; default: that of the merged pull request"),
  )
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 3 the preview or the up failed, 4 not what was reviewed: nothing was changed.",
    )
    .action(async (options: UpOptions) => void (process.exitCode = await up(options)));
}

/** @returns the exit code @throws CommandError */
async function up(
  options: UpOptions,
  say = (text: string): void => void process.stderr.write(`${text}\n`),
): Promise<number> {
  if (options.reviewed === undefined)
    throw new CommandError(
      "--reviewed is missing: ./hermes up makes what was reviewed, and nothing else. Without a review, run pulumi up.",
      EXIT.usage,
    );
  if (typeof options.reviewed === "string") checkDigest(options.reviewed);
  const secrets = await allSecrets(options);
  const reviewed = await reviewedPlan(options, sealKey(secrets));
  const scrub = secretScrubber(secrets);
  const plan = planDigest(await previewOf(options, scrub));
  if (isIdle(plan)) say("nothing would change; up looks whether all is well");
  else compare(reviewed, plan);
  const { code } = await runPulumi(["up", "--yes", "--skip-preview", "--color", "never", ...selected(options)], {
    onLine: (line) => say(scrub(line)),
  });
  return code === 0 ? EXIT.ok : EXIT.unhealthy;
}

const checkDigest = (digest: string): string =>
  matching("--reviewed", digest, {
    pattern: /^[0-9a-f]{12,64}$/,
    allowed: "A digest as a report ends with, at least its first 12 hexadecimal digits.",
    fix: "Copy it from the end of the report: ./hermes report",
  });

/** What was looked at; without its steps where only its digest was said. */
interface Reviewed {
  digest: string;
  steps?: PlanDigest["steps"];
  where: string;
}

async function reviewedPlan(options: UpOptions, key: Buffer): Promise<Reviewed> {
  if (typeof options.reviewed === "string") return { digest: options.reviewed, where: "what you named" };
  const { commit } = changeFrom(process.env, eventOf(process.env), options);
  if (commit === undefined)
    throw new CommandError(
      "--commit is missing: the commit that was merged. Add --commit $(git rev-parse HEAD), or a digest after --reviewed.",
      EXIT.usage,
    );
  if (options.stack === undefined)
    throw new CommandError("--stack is missing: reports are found by the stack's name.", EXIT.usage);
  const api = new ForgeApi(forgeFrom(process.env, options));
  const review = await reviewOf(api, { commit, stack: stackName(options.stack), key });
  return { ...review, where: `the report under #${review.pull}` };
}

/** @throws CommandError when they are not the same */
export function compare(reviewed: Reviewed, plan: PlanDigest): void {
  if (plan.digest.startsWith(reviewed.digest)) return;
  const lines = reviewed.steps === undefined ? [] : differences(reviewed.steps, plan.steps);
  throw new CommandError(
    [
      `what would be done is not ${reviewed.where}; nothing was changed.`,
      ...lines.map((line) => `  ${line}`),
      `  Reviewed: ${reviewed.digest.slice(0, 16)}. Now: ${plan.digest.slice(0, 16)}.`,
      "  Something came between: another merge, or an `up` by hand. Look at what it would be now",
      "  (./hermes report), and if you want that: ./hermes up --reviewed DIGEST, or a new pull request.",
    ].join("\n"),
    EXIT.refused,
  );
}
