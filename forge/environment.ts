import { CommandError, EXIT } from "../cli/output";

const FORGES = ["gitea", "github"] as const;
type ForgeKind = (typeof FORGES)[number];

/** Where a report goes, and who posts it. */
export interface Forge {
  kind: ForgeKind;
  /** Root of its REST API, without a slash at the end. */
  apiUrl: string;
  /** owner/name */
  repository: string;
  /** Absent: nothing can be posted, nor read where reading needs one. */
  token?: string;
  /** Who posts with a token that can't ask who it is. */
  author?: string;
  /** Page of the run, for whoever wants its log. */
  runUrl?: string;
}

/** The change that is looked at. */
export interface Change {
  /** Number of the pull request. */
  pull?: number;
  /** Of the pull request's branch, or what was pushed. */
  commit?: string;
  /** Its runs get no secret and may only read: the branch is in another copy of the repository, or Dependabot pushed it. */
  untrusted: boolean;
}

/** What stands on the command line goes before what CI says. */
export interface ForgeFlags {
  forge?: string;
  forgeUrl?: string;
  repo?: string;
  pull?: string;
  commit?: string;
}

type Environment = Record<string, string | undefined>;

/** Tells it as GitHub's CI does; Gitea's runner sets the same variables, and one more that says it is Gitea's. */
export function forgeFrom(env: Environment, flags: ForgeFlags = {}): Forge {
  const kind = flags.forge ?? (env["GITEA_ACTIONS"] === "true" ? "gitea" : env["GITHUB_ACTIONS"] && "github");
  if (!isForge(kind))
    throw new CommandError(
      `${kind === undefined ? "this is no run of a CI that hermes knows" : `--forge ${kind}: no forge that hermes knows`}.\n` +
        `  Say where the report goes: --forge ${FORGES.join("|")} --forge-url https://git.example.com/api/v1 --repo OWNER/NAME --pull NUMBER --commit SHA`,
      EXIT.usage,
    );
  const apiUrl = flags.forgeUrl ?? env["GITHUB_API_URL"] ?? (kind === "github" ? "https://api.github.com" : undefined);
  if (apiUrl === undefined || !/^https?:\/\/\S+$/.test(apiUrl))
    throw new CommandError(
      "--forge-url is missing: the root of Gitea's API, https://git.example.com/api/v1",
      EXIT.usage,
    );
  const repository = flags.repo ?? env["GITHUB_REPOSITORY"];
  if (repository === undefined || !/^[\w.-]+\/[\w.-]+$/.test(repository))
    throw new CommandError(
      `--repo ${repository ?? "is missing"}: owner and name of the repository, as in ada/hermes`,
      EXIT.usage,
    );
  const token = [env["HERMES_FORGE_TOKEN"], env["GITEA_TOKEN"], env["GITHUB_TOKEN"]].find((value) => value);
  const author = env["HERMES_FORGE_AUTHOR"];
  const runUrl = runPage(env);
  return {
    kind,
    apiUrl: apiUrl.replace(/\/+$/, ""),
    repository,
    ...(token === undefined ? {} : { token }),
    ...(author ? { author } : {}),
    ...(runUrl === undefined ? {} : { runUrl }),
  };
}

/** @param event - what the forge told its CI, the text of the file that GITHUB_EVENT_PATH names */
export function changeFrom(env: Environment, event: string | undefined, flags: ForgeFlags = {}): Change {
  const pullRequest = asMap(asMap(parsed(event))["pull_request"]);
  const [head, base] = ["head", "base"].map((side) => asMap(pullRequest[side])) as [Fields, Fields];
  const [from, to] = [head, base].map((side) => asMap(side["repo"])["full_name"]);
  const pull = number(flags.pull, "--pull") ?? pullRequest["number"];
  const commit = flags.commit ?? head["sha"] ?? env["GITHUB_SHA"];
  return {
    ...(typeof pull === "number" ? { pull } : {}),
    ...(typeof commit === "string" ? { commit: sha(commit) } : {}),
    // A copy that was deleted meanwhile has no name left.
    untrusted: (typeof to === "string" && from !== to) || env["GITHUB_ACTOR"] === DEPENDABOT,
  };
}

/** GitHub withholds the secrets of Actions from runs that it starts, though its branches are in the repository itself. */
const DEPENDABOT = "dependabot[bot]";

type Fields = Record<string, unknown>;

const isForge = (kind: unknown): kind is ForgeKind => FORGES.some((forge) => forge === kind);

function runPage(env: Environment): string | undefined {
  const [server, repository, run] = ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"].map(
    (name) => env[name],
  );
  if (!server || !repository || !run) return undefined;
  // Gitea counts the runs of each repository from one, and shows them by that number.
  const number = env["GITEA_ACTIONS"] === "true" ? (env["GITHUB_RUN_NUMBER"] ?? run) : run;
  return `${server.replace(/\/+$/, "")}/${repository}/actions/runs/${number}`;
}

function number(flag: string | undefined, name: string): number | undefined {
  if (flag === undefined) return undefined;
  if (!/^[1-9]\d{0,9}$/.test(flag)) throw new CommandError(`${name} ${flag}: a number of a pull request`, EXIT.usage);
  return Number(flag);
}

function sha(text: string): string {
  if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(text))
    throw new CommandError(`--commit ${text}: all 40 digits of a commit, as git rev-parse HEAD says them`, EXIT.usage);
  return text;
}

function parsed(event: string | undefined): unknown {
  try {
    return JSON.parse(event ?? "{}");
  } catch {
    return {};
  }
}

const asMap = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
