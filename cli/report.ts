import type { Command } from "commander";
import { EXIT } from "../lib/output";
import { LEVELS, type Level, type Verdict } from "../operations/review";
import { buildReport, type BuildOptions, type BuiltReport } from "../operations/review/build";
import type { ForgeFlags } from "../operations/review/forge";
import { postDrift, postReport } from "../operations/review/post";
import { fileToWrite, oneOf, writeWhole } from "../operations/stack/input";
import { withForgeFlags } from "./forge-flags";

interface ReportOptions extends BuildOptions, ForgeFlags {
  post?: boolean;
  json?: boolean;
  out?: string;
  failOn?: string;
}

export function addReportCommand(hermes: Command): void {
  const report = hermes
    .command("report")
    .description("Run a preview and print the planned changes as Markdown for a pull request")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--from <file>", "use an existing preview (pulumi preview --json) instead of running pulumi")
    .option("--state <file>", "with --from: the stack's current state (pulumi stack export)")
    .option("--drift", "also check for drift (pulumi preview --refresh)")
    .option("--fail-on <level>", `exit with code 4 at this level or above: ${LEVELS.join(", ")}`)
    .option("--out <file>", "write to a file instead of stdout")
    .option("--json", "one JSON document with verdict and Markdown")
    .option("--post", "post it as one comment on the pull request and keep it up to date; with --drift: as one issue")
    .option("--pull <number>", "with --post: the pull request; default: from the CI environment");
  withForgeFlags(report)
    .addHelpText(
      "after",
      "\nExit codes: 0 fine, also where the change is a dangerous one; 3 the preview failed; 4 a policy is violated, --fail-on says so, or the report would hold a secret.",
    )
    .action(runReport);
}

async function runReport(options: ReportOptions): Promise<void> {
  const failOn = levelOf(options.failOn);
  if (options.out !== undefined) fileToWrite("--out", options.out);
  if (options.post === true) return post(options, failOn);
  const built = await buildReport(options);
  for (const note of built.notChecked) process.stderr.write(`${note}\n`);
  const text = options.json === true ? `${JSON.stringify(documentOf(built))}\n` : built.report.markdown;
  if (options.out === undefined) process.stdout.write(text);
  else writeWhole("--out", options.out, text);
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
  return oneOf("--fail-on", text, LEVELS);
}

export { buildReport };
