import type { Forge } from "./environment";

/** What was being done when a forge refused: rights are given for each. */
export type Doing = "read" | "comment" | "status" | "issue";

const GITHUB: Record<Doing, string> = {
  read: "contents: read and pull-requests: read",
  comment: "pull-requests: write",
  status: "statuses: write",
  issue: "issues: write",
};

const GITEA: Record<Doing, string> = {
  read: "contents: read and pull-requests: read",
  comment: "pull-requests: read",
  // Gitea knows no right for statuses alone.
  status: "contents: write",
  issue: "issues: write",
};

/** Scopes of a token that a person made; with them goes that person's right to the repository. */
const GITEA_SCOPES: Record<Doing, string> = {
  read: "read:repository and read:issue",
  comment: "write:issue",
  status: "write:repository",
  issue: "write:issue",
};

const GITHUB_SCOPES: Record<Doing, string> = {
  read: "Contents and Pull requests: read",
  comment: "Pull requests: read and write",
  status: "Commit statuses: read and write",
  issue: "Issues: read and write",
};

/** What to do about an answer; undefined where it is no question of rights. */
export function advice(forge: Forge, doing: Doing, status: number): string | undefined {
  if (status === 401)
    return forge.token === undefined
      ? "There is no token. In a workflow: env: GITHUB_TOKEN: ${{ github.token }}. Elsewhere: HERMES_FORGE_TOKEN."
      : "The token is not, or no longer, valid. A job's own token ends with its job; another one: HERMES_FORGE_TOKEN.";
  // A repository that may not be seen is one that is not there.
  if (status !== 403 && status !== 404) return undefined;
  const gitea = forge.kind === "gitea";
  const [inJob, own] = gitea ? [GITEA[doing], GITEA_SCOPES[doing]] : [GITHUB[doing], GITHUB_SCOPES[doing]];
  return (
    `The token lacks a right in ${forge.repository}. In a workflow, the job needs  permissions: ${inJob}` +
    `${gitea ? "  (before Gitea 1.26 that is a setting of the repository)" : ""};\n` +
    `  a token of your own needs ${own}. A pull request of a fork never gets more than read (docs/forge.md).`
  );
}
