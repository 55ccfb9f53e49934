import { CommandError, EXIT } from "../../../lib/output";
import { matching, oneOf, wholeNumber } from "../../stack/input";

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
  if (flags.forge !== undefined) oneOf("--forge", flags.forge, FORGES);
  const kind = flags.forge ?? (env["GITEA_ACTIONS"] === "true" ? "gitea" : env["GITHUB_ACTIONS"] && "github");
  if (!isForge(kind))
    throw new CommandError(
      "this is not a run of a CI that hermes knows.\n" +
        `  Say where the report goes: --forge ${FORGES.join("|")} --forge-url https://git.example.com/api/v1 --repo OWNER/NAME --pull NUMBER --commit SHA`,
      EXIT.usage,
    );
  const apiUrl = flags.forgeUrl ?? env["GITHUB_API_URL"] ?? (kind === "github" ? "https://api.github.com" : undefined);
  if (apiUrl === undefined)
    throw new CommandError(
      "--forge-url is missing: the root of Gitea's API, https://git.example.com/api/v1",
      EXIT.usage,
    );
  matching("--forge-url", apiUrl, {
    pattern: /^https?:\/\/\S+$/,
    allowed: "The URL of the root of the forge's REST API.",
    fix: `Write ${kind === "github" ? "https://api.github.com" : "https://git.example.com/api/v1, with your own host"}.`,
  });
  const repository = flags.repo ?? env["GITHUB_REPOSITORY"];
  if (repository === undefined)
    throw new CommandError("--repo is missing: owner and name of the repository, such as ada/hermes", EXIT.usage);
  matching("--repo", repository, {
    pattern: /^[\w.-]+\/[\w.-]+$/,
    allowed: "Owner and name of the repository, such as ada/hermes.",
    fix: repositoryFix(repository),
  });
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
  const pull = pullNumber(flags.pull) ?? pullRequest["number"];
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

function pullNumber(flag: string | undefined): number | undefined {
  if (flag === undefined) return undefined;
  // As people write it: #7, !7 or the page's address.
  const [, meant] = /^(?:[#!]|https?:\/\/\S+\/pulls?\/)(\d{1,9})(?:\/.*)?$/.exec(flag.trim()) ?? [];
  const allowed = "The number of a pull request.";
  if (meant === undefined)
    matching("--pull", flag, { pattern: /^[1-9]\d{0,9}$/, allowed, fix: "Write the number of the pull request." });
  return wholeNumber("--pull", flag, { min: 1, max: 9_999_999_999, such: Number(meant), allowed });
}

const sha = (text: string): string =>
  matching("--commit", text, {
    pattern: /^[0-9a-f]{40}([0-9a-f]{24})?$/,
    allowed: "All 40 hexadecimal digits of a commit.",
    fix: "Write $(git rev-parse HEAD).",
  });

/** `ada/hermes` of the page's address, or of the one that is cloned. */
function repositoryFix(repository: string): string {
  const [, name] =
    /^(?:https?:\/\/|git@|ssh:\/\/)[^/:]+[/:](?:\d+\/)?([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/.exec(repository) ?? [];
  return `Write ${name ?? "OWNER/NAME"}.`;
}

function parsed(event: string | undefined): unknown {
  try {
    return JSON.parse(event ?? "{}");
  } catch {
    return {};
  }
}

const asMap = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
