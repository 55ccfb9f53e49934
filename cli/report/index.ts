import type { Command } from "commander";
import { LEVELS, type Level, type Verdict } from "../../report";
import { CommandError, EXIT, writeWhole } from "../output";
import type { ForgeFlags } from "../../forge";
import { withForgeFlags } from "../forge/flags";
import { buildReport, type BuildOptions, type BuiltReport } from "./build";
import { postDrift, postReport } from "./post";

interface ReportOptions extends BuildOptions, ForgeFlags {
  post?: boolean;
  json?: boolean;
  out?: string;
  failOn?: string;
}

export function addReportCommand(hermes: Command): void {
  const report = hermes
    .command("report")
    .description("what `pulumi up` would do, for people: runs the preview, prints Markdown for a pull request")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--from <file>", "a preview that was made before (pulumi preview --json); pulumi is not run")
    .option("--state <file>", "with --from: the stack as it is (pulumi stack export)")
    .option("--drift", "look too whether what is there is what was deployed (pulumi preview --refresh)")
    .option("--fail-on <level>", `end with 4 from this level on: ${LEVELS.join(", ")}`)
    .option("--out <file>", "into a file instead of stdout")
    .option("--json", "one JSON document with verdict and Markdown")
    .option("--post", "under the pull request, as one comment that is edited; with --drift: as one issue")
    .option("--pull <number>", "with --post: the pull request; default: what the CI says");
  withForgeFlags(report)
    .addHelpText(
      "after",
      "\nExit codes: 0 fine, also where the change is a dangerous one; 3 the preview failed; 4 a policy is violated, --fail-on says so, or the report would hold a secret.",
    )
    .action(runReport);
}

async function runReport(options: ReportOptions): Promise<void> {
  const failOn = levelOf(options.failOn);
  if (options.post === true) return post(options, failOn);
  const built = await buildReport(options);
  for (const note of built.notChecked) process.stderr.write(`${note}\n`);
  const text = options.json === true ? `${JSON.stringify(documentOf(built))}\n` : built.report.markdown;
  if (options.out === undefined) process.stdout.write(text);
  else writeWhole(options.out, text);
  process.exitCode = exitOf(built.report.verdict, failOn);
}

async function post(options: ReportOptions, failOn: Level | undefined): Promise<void> {
  if (options.drift === true) return void (process.exitCode = await postDrift(options));
  const built = await postReport(options);
  if (built !== undefined) process.exitCode = exitOf(built.report.verdict, failOn);
}

/** What `--json` prints. */
const documentOf = ({ stack, report, notChecked }: BuiltReport): object => ({ stack, ...report, notChecked });

/** A change that is dangerous and allowed is the reviewer's to judge. */
export function exitOf({ level }: Pick<Verdict, "level">, failOn?: Level): number {
  if (level === "error") return EXIT.unhealthy;
  if (level === "policy") return EXIT.refused;
  return failOn !== undefined && LEVELS.indexOf(level) >= LEVELS.indexOf(failOn) ? EXIT.refused : EXIT.ok;
}

function levelOf(text: string | undefined): Level | undefined {
  if (text === undefined) return undefined;
  const level = LEVELS.find((each) => each === text);
  if (level === undefined) throw new CommandError(`--fail-on ${text}: one of ${LEVELS.join(", ")}`, EXIT.usage);
  return level;
}

export { buildReport };
