import { readFileSync } from "node:fs";
import { isMap } from "../../lib/maps";
import { stackName } from "../../lib/names";
import { CommandError, EXIT } from "../../lib/output";
import { runPulumi } from "../../lib/pulumi";
import { plan, shippedCatalogue, type MemoryPlan } from "../../planner";
import { checkInput } from "../plan/input";
import { fileToRead, wrongValue } from "../stack/input";
import { selected, type StackOptions } from "../stack/reach";
import {
  renderReport,
  secretsIn,
  tooShort,
  type PreviewDigest,
  type Report,
  type ReportInput,
  type ResourceState,
} from ".";

export interface BuildOptions extends StackOptions {
  /** File with what `pulumi preview --json` printed; pulumi is not run then. */
  from?: string;
  /** File with what `pulumi stack export` printed, with `from`. */
  state?: string;
  /** Look too whether what is there is what was deployed. */
  drift?: boolean;
  /** More secrets by name that must not be in the report, such as a forge's token. */
  secrets?: Record<string, string>;
}

export interface BuiltReport {
  stack: string;
  report: Report;
  preview: PreviewDigest;
  /** `pulumi preview --refresh --json`, where drift was asked for. */
  drift?: PreviewDigest;
  /** What could not be looked at, and why; a sentence each. */
  notChecked: string[];
}

/** Runs pulumi, here or in a test. */
export type Pulumi = typeof runPulumi;

/**
 * The preview of a stack, as a report that holds none of its secrets.
 * @throws CommandError where there is no preview at all, and where the report would hold a secret
 */
export async function buildReport(options: BuildOptions, pulumi: Pulumi = runPulumi): Promise<BuiltReport> {
  checkOptions(options);
  const notChecked: string[] = [];
  const input = options.from === undefined ? await previewed(options, pulumi) : fromFiles(options);
  const secrets = options.from === undefined ? await secretsOf(options, pulumi) : {};
  if (options.from !== undefined)
    notChecked.push(
      "The stack's secrets were not read: whether the preview holds one, only those of the environment could tell.",
    );
  if (input.state === undefined && !isEmpty(input.preview))
    notChecked.push("The stack's state was not read: what stays as it is, is not known.");
  const all = { ...environmentSecrets(process.env), ...secrets, ...options.secrets };
  notChecked.push(...tooShort(all).map((name) => `Secret ${name} is too short to be looked for.`));
  const report = renderReport({ ...input, memory: memoryOf(input) });
  assertNoSecret([report.markdown, report.verdict.line, renderReport({ ...input, limit: Infinity }).markdown], all);
  const drift = input.drift === undefined ? {} : { drift: input.drift };
  return { stack: input.stack, report, preview: input.preview, ...drift, notChecked };
}

function checkOptions({ from, state, drift }: BuildOptions): void {
  const usage = (message: string): CommandError => new CommandError(message, EXIT.usage);
  if (from === undefined && state !== undefined)
    throw usage("--state is for a report from a file: add --from FILE, or leave --state out.");
  if (from !== undefined && drift === true)
    throw usage("Use either --drift or --from, not both: --drift runs pulumi, and --from does not.");
}

async function previewed(options: BuildOptions, pulumi: Pulumi): Promise<ReportInput> {
  const on = [...selected(options), "--non-interactive"];
  const look = async (...args: string[]): Promise<{ digest: PreviewDigest; failure?: string }> => {
    const { code, stdout, stderr } = await pulumi(["preview", "--json", ...args, ...on]);
    const digest = digestIn(stdout);
    const failure = stderr.trim() || stdout.trim() || `pulumi preview ended with ${code}`;
    if (digest === undefined && code === 0) throw new CommandError("pulumi preview --json printed no JSON", EXIT.cloud);
    return { digest: digest ?? {}, ...(code === 0 ? {} : { failure }) };
  };
  const { digest, failure } = await look();
  const drift = options.drift === true ? await look("--refresh") : undefined;
  if (drift?.failure !== undefined && failure === undefined)
    throw new CommandError(`pulumi preview --refresh failed:\n  ${firstLines(drift)}`, EXIT.cloud);
  return {
    stack: stackIn(digest) ?? named(options.stack) ?? (await currentStack(pulumi)),
    preview: digest,
    ...{ failure, drift: drift?.failure === undefined ? drift?.digest : undefined },
    state: await exported(options, pulumi),
  };
}

const firstLines = ({ digest, failure }: { digest: PreviewDigest; failure?: string }): string => {
  const errors = (digest.diagnostics ?? [])
    .filter(({ severity }) => severity === "error")
    .map(({ message }) => message ?? "");
  return (errors.join("\n").trim() || (failure ?? "")).split("\n").slice(0, 8).join("\n  ");
};

function fromFiles({ from = "", state, stack }: BuildOptions): ReportInput {
  const preview = digestIn(readText("--from", from, PREVIEW));
  if (preview === undefined) throw notPrinted("--from", from, "pulumi preview --json");
  return {
    stack: named(stack) ?? stackIn(preview) ?? "?",
    preview,
    state:
      state === undefined
        ? undefined
        : resourcesIn(readText("--state", state, STATE), () => notPrinted("--state", state, "pulumi stack export")),
  };
}

const PREVIEW = "A file with what pulumi preview --json printed";
const STATE = "A file with what pulumi stack export printed";

const readText = (flag: string, file: string, what: string): string =>
  readFileSync(fileToRead(flag, file, what), "utf8").replace(/^\ufeff/, "");

const notPrinted = (flag: string, file: string, command: string): CommandError =>
  wrongValue(flag, file, {
    wrong: `it does not hold what ${command} prints`,
    allowed: `A file with the JSON document of ${command}.`,
    fix: `Make it again: ${command} >${file}`,
  });

const areSteps = (steps: unknown): boolean =>
  Array.isArray(steps) &&
  steps.every((step) => isMap(step) && typeof step["op"] === "string" && typeof step["urn"] === "string");

/** What pulumi says before its document is no part of it. */
function digestIn(text: string): PreviewDigest | undefined {
  const value = parsed(text) ?? parsed(text.slice(Math.max(0, text.indexOf("\n{") + 1)));
  return isMap(value) &&
    ["steps", "diagnostics", "changeSummary", "config"].some((key) => key in value) &&
    areSteps(value["steps"] ?? [])
    ? value
    : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const named = (stack: string | undefined): string | undefined => (stack === undefined ? undefined : stackName(stack));

/** urn:pulumi:STACK::PROJECT::… */
const stackIn = ({ steps }: PreviewDigest): string | undefined =>
  /^urn:pulumi:(.*?)::/.exec(steps?.[0]?.urn ?? "")?.[1];

async function currentStack(pulumi: Pulumi): Promise<string> {
  const { code, stdout } = await pulumi(["stack", "--show-name"]);
  return code === 0 ? stackName(stdout.trim()) : "?";
}

/** A stack that is new has none; what a backend refuses is said, and the report made of the preview alone. */
async function exported(options: BuildOptions, pulumi: Pulumi): Promise<ResourceState[] | undefined> {
  const { code, stdout } = await pulumi(["stack", "export", ...selected(options)]);
  const noState = (): CommandError => new CommandError("pulumi stack export printed no JSON", EXIT.cloud);
  return code === 0 ? resourcesIn(stdout, noState) : undefined;
}

function resourcesIn(text: string, otherwise: () => CommandError): ResourceState[] {
  const value = parsed(text);
  if (!isMap(value)) throw otherwise();
  const deployment = isMap(value["deployment"]) ? value["deployment"] : {};
  return Array.isArray(deployment["resources"]) ? (deployment["resources"] as ResourceState[]) : [];
}

const isEmpty = ({ steps = [] }: PreviewDigest): boolean => steps.every(({ oldState }) => oldState === undefined);

async function secretsOf(options: BuildOptions, pulumi: Pulumi): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await pulumi(["config", "get", "--path", "hermes:secrets", ...selected(options)]);
  if (code !== 0 && /not found/.test(stderr + stdout)) return {};
  const value = code === 0 ? parsed(stdout) : undefined;
  if (!isMap(value))
    throw new CommandError(
      "hermes:secrets cannot be read, so nobody can tell whether the report holds one:\n  pulumi config get --path hermes:secrets",
      EXIT.refused,
    );
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** What gives access elsewhere, and stands in the environment of whoever runs a preview. */
const CREDENTIAL = /(TOKEN|SECRET|PASSWORD|PASSPHRASE|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS)$/;

export function environmentSecrets(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => CREDENTIAL.test(entry[0]) && (entry[1] ?? "") !== "",
    ),
  );
}

function assertNoSecret(texts: readonly string[], secrets: Record<string, string>): void {
  const found = [...new Set(texts.flatMap((text) => secretsIn(text, secrets)))];
  if (found.length === 0) return;
  throw new CommandError(
    `the report would hold ${found.join(", ")}, so it is not shown.\n` +
      "  Look where that value stands in plain text: the stack's file, a workspace, an error. Then take it out, and make a new one:\n" +
      "  whoever could read the preview has seen it.",
    EXIT.refused,
  );
}

/** The plan that the stack was made with, and the one that its configuration wants now. */
export function memoryOf({ preview, state = [] }: ReportInput): NonNullable<ReportInput["memory"]> {
  const stack =
    state.find(({ type }) => type === "pulumi:pulumi:Stack") ??
    preview.steps?.find(({ urn }) => urn.includes("::pulumi:pulumi:Stack::"))?.oldState;
  const before = stack?.outputs?.["memory"];
  return { before: isMap(before) ? (before as unknown as MemoryPlan) : undefined, after: wantedMemory(preview) };
}

function wantedMemory({ config }: PreviewDigest): MemoryPlan | undefined {
  if (config === undefined) return undefined;
  const values = Object.entries(config).map(
    ([key, text]) => [key.replace(/^hermes:/, ""), parsed(text) ?? text] as const,
  );
  const catalogue = shippedCatalogue();
  const { input, problems } = checkInput(Object.fromEntries(values), {}, catalogue);
  return problems.length === 0 ? plan(input, catalogue).memory : undefined;
}
