import { appendFileSync } from "node:fs";
import { stackName } from "../../lib/names";
import { CommandError, EXIT } from "../../lib/output";
import { secretsIn } from ".";
import { buildReport, environmentSecrets, type BuildOptions, type BuiltReport } from "./build";
import { planDigest } from "./digest";
import { driftOf, driftSection } from "./drift";
import {
  changeFrom,
  commentText,
  forgeFrom,
  ForgeApi,
  notPreviewedText,
  keepIssue,
  postComment,
  RefusedByForge,
  sealKey,
  setStatus,
  statusOf,
  type Change,
  type Entry,
  type ForgeFlags,
} from "./forge";
import { eventOf } from "./forge/event";
import { allSecrets } from "./forge/stack";

export interface PostOptions extends BuildOptions, ForgeFlags {}

/** What posting works with, so that tests can give it something else. */
export interface PostSurroundings {
  env: NodeJS.ProcessEnv;
  api: (forge: ReturnType<typeof forgeFrom>) => ForgeApi;
  build: typeof buildReport;
  secrets: typeof allSecrets;
  say: (line: string) => void;
}

const here = (): PostSurroundings => ({
  env: process.env,
  api: (forge) => new ForgeApi(forge),
  build: buildReport,
  secrets: allSecrets,
  say: (line) => void process.stderr.write(`${line}\n`),
});

/**
 * Makes the report and puts it where the change is reviewed.
 * @returns the report; undefined where there was nothing that could be looked at
 */
export async function postReport(options: PostOptions, io = here()): Promise<BuiltReport | undefined> {
  const forge = forgeFrom(io.env, options);
  const change = changeFrom(io.env, eventOf(io.env), options);
  const api = io.api(forge);
  const pull = pullOf(change);
  if (change.untrusted && options.from === undefined && !canDecrypt(io.env)) {
    await postNotPreviewed(api, { pull, stack: stackName(options.stack ?? "hermes") }, io);
    return undefined;
  }
  const built = await io.build(options);
  const { report, notChecked } = built;
  const stack = stackName(options.stack ?? built.stack);
  const secrets = options.from === undefined ? await io.secrets(options) : {};
  const fails = report.verdict.level === "error" || report.verdict.level === "policy";
  // What was read from a file may be of anything.
  const reviewed = !fails && options.from === undefined;
  const review = reviewed ? { plan: planDigest(built.preview), stack, key: sealKey(secrets) } : undefined;
  const text = commentText({ report, notChecked, forge, change, review });
  refuseSecrets(text, secrets, io.env);
  if (await isNewest(api, pull, change)) {
    const posted = await postComment(api, { pull, stack, text });
    io.say(`${posted.edited ? "edited" : "posted"} ${posted.url}`);
  } else io.say(`#${pull} has a newer commit: its report stays`);
  await mark(api, change, statusOf(stack, report.verdict), io);
  summarize(report.markdown, io);
  return built;
}

function pullOf({ pull }: Change): number {
  if (pull === undefined)
    throw new CommandError(
      "--pull is missing: the number of the pull request. In CI, a run of a pull request tells it.",
      EXIT.usage,
    );
  return pull;
}

/** A run that was overtaken must not write over the report of the one that overtook it. */
async function isNewest(api: ForgeApi, pull: number, { commit }: Change): Promise<boolean> {
  if (commit === undefined) return true;
  const found = await api.find(`${api.repo}/pulls/${pull}`, "read");
  if (found === undefined) throw new CommandError(`${api.forge.repository} has no pull request #${pull}`, EXIT.input);
  const head = (found["head"] as Entry | undefined)?.["sha"];
  return head === undefined || head === commit;
}

/** Marks are a help, comments are the report: without the right to set one nothing is lost. */
async function mark(
  api: ForgeApi,
  { commit }: Change,
  status: ReturnType<typeof statusOf>,
  io: PostSurroundings,
): Promise<void> {
  if (commit === undefined) return;
  try {
    await setStatus(api, commit, status);
  } catch (error) {
    if (!(error instanceof RefusedByForge)) throw error;
    io.say(`the commit was not marked: ${error.message}`);
  }
}

async function postNotPreviewed(
  api: ForgeApi,
  { pull, stack }: { pull: number; stack: string },
  io: PostSurroundings,
): Promise<void> {
  const text = notPreviewedText(stack);
  io.say(text);
  summarize(text, io);
  try {
    await postComment(api, { pull, stack, text });
  } catch (error) {
    if (!(error instanceof RefusedByForge)) throw error;
    io.say("This run may only read, so it stands here and not under the pull request.");
  }
}

/** Looks whether what is there is what was deployed, and keeps one issue that says what is not. @returns the exit code */
export async function postDrift(options: PostOptions, io = here()): Promise<number> {
  const api = io.api(forgeFrom(io.env, options));
  const built = await io.build({ ...options, drift: true });
  const stack = stackName(options.stack ?? built.stack);
  if (built.drift === undefined) {
    io.say(built.report.markdown);
    throw new CommandError("whether anything drifted could not be looked at: the preview failed", EXIT.unhealthy);
  }
  const drift = driftOf(built.drift);
  const open = drift.openNow.map((what) => `- open to the internet: ${what}\n`).join("");
  const text = drift.rows.length === 0 ? undefined : `${driftSection(drift)}\n${open === "" ? "" : `\n${open}`}`;
  if (text !== undefined) refuseSecrets(text, await io.secrets(options), io.env);
  const issue = await keepIssue(api, { stack, title: `hermes: ${stack} is not as it was deployed`, text });
  io.say(text ?? `nothing of ${stack} drifted`);
  if (issue.what !== "none") io.say(`${issue.what} ${issue.url}`);
  return text === undefined ? EXIT.ok : EXIT.unhealthy;
}

/** The last look at what goes to where others read. */
function refuseSecrets(text: string, secrets: Record<string, string>, env: NodeJS.ProcessEnv): void {
  const found = secretsIn(text, { ...environmentSecrets(env), ...secrets });
  if (found.length === 0) return;
  throw new CommandError(
    `what would be posted holds ${found.join(", ")}; nothing was posted.\n` +
      "  Find where that value stands in plain text (the stack's file, a workspace), take it out, and make a new one.",
    EXIT.refused,
  );
}

const canDecrypt = (env: NodeJS.ProcessEnv): boolean =>
  ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_ACCESS_TOKEN"].some((name) => !!env[name]);

/** The run's own page, where the forge shows one. */
function summarize(text: string, { env }: PostSurroundings): void {
  const file = env["GITHUB_STEP_SUMMARY"];
  if (file) appendFileSync(file, text);
}
