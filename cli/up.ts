import type { Command } from "commander";
import { changeFrom, forgeFrom, ForgeApi, reviewOf, sealKey, type ForgeFlags } from "../forge";
import { differences, isIdle, planDigest, type PlanDigest } from "../report/digest";
import { eventOf, shortName, withForgeFlags } from "./forge/flags";
import { allSecrets, previewOf } from "./forge/stack";
import { CommandError, EXIT } from "./output";
import { runPulumi } from "./pulumi";
import { secretScrubber } from "./scrub";
import { selected, type StackOptions } from "./stack";

interface UpOptions extends StackOptions, ForgeFlags {
  /** true: the one in the report under the pull request that brought the commit. */
  reviewed?: string | true;
}

export function addUpCommand(hermes: Command): void {
  withForgeFlags(
    hermes
      .command("up")
      .description("pulumi up, if what it would do is what was reviewed")
      .option("--stack <name>", "name of the stack; default: the selected one")
      .option("--reviewed [digest]", "of the report that was looked at; default: that of the merged pull request"),
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
      "say --reviewed: hermes up makes what was reviewed, and nothing else. Without a review: pulumi up",
      EXIT.usage,
    );
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

/** What was looked at; without its steps where only its digest was said. */
interface Reviewed {
  digest: string;
  steps?: PlanDigest["steps"];
  where: string;
}

async function reviewedPlan(options: UpOptions, key: Buffer): Promise<Reviewed> {
  if (typeof options.reviewed === "string") {
    if (!/^[0-9a-f]{12,64}$/.test(options.reviewed))
      throw new CommandError("--reviewed: a digest as a report ends with, at least 12 of its digits", EXIT.usage);
    return { digest: options.reviewed, where: "what you named" };
  }
  const { commit } = changeFrom(process.env, eventOf(process.env), options);
  if (commit === undefined)
    throw new CommandError("which commit was merged? --commit $(git rev-parse HEAD), or --reviewed DIGEST", EXIT.usage);
  if (options.stack === undefined)
    throw new CommandError("--stack is missing: reports are found by the stack's name", EXIT.usage);
  const api = new ForgeApi(forgeFrom(process.env, options));
  const review = await reviewOf(api, { commit, stack: shortName(options.stack), key });
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
      "  (hermes report), and if you want that: hermes up --reviewed DIGEST, or a new pull request.",
    ].join("\n"),
    EXIT.refused,
  );
}
