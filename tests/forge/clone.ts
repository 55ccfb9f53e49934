import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../localcloud/engine/run";
import { copyTracked } from "../fixtures/tracked";
import type { Gitea } from "./gitea";

/** Somebody's clone of a repository on the Gitea. */
export class Clone {
  private constructor(
    private readonly dir: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  static async make(dir: string, remote: string, token: string): Promise<Clone> {
    mkdirSync(dir, { recursive: true });
    const clone = new Clone(dir, {
      PATH: process.env["PATH"],
      HOME: dir,
      // Not in an argument list, nor in a file.
      GIT_CONFIG_COUNT: "3",
      GIT_CONFIG_KEY_0: "http.extraHeader",
      GIT_CONFIG_VALUE_0: `Authorization: token ${token}`,
      GIT_CONFIG_KEY_1: "user.name",
      GIT_CONFIG_VALUE_1: "Ada",
      GIT_CONFIG_KEY_2: "user.email",
      GIT_CONFIG_VALUE_2: "ada@example.test",
    });
    await clone.git("init", "--quiet", "--initial-branch=main");
    await clone.git("remote", "add", "origin", remote);
    return clone;
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  git(...args: string[]): Promise<string> {
    return run("git", args, { cwd: this.dir, env: this.env });
  }

  /**
   * The project as it is in its working tree.
   *
   * @param workflows - those that come along; others would run beside what a test looks at
   */
  copyProject(project: string, workflows: readonly string[]): void {
    const files = copyTracked(project, this.dir);
    rmSync(this.path(".github"), { recursive: true, force: true });
    for (const name of files.filter((file) => file.startsWith(".gitea/workflows/")))
      if (!workflows.some((kept) => name.endsWith(`/${kept}`))) rmSync(this.path(name), { force: true });
  }

  edit(name: string, change: (text: string) => string): void {
    const [before, path] = [readFileSync(this.path(name), "utf8"), this.path(name)];
    const after = change(before);
    if (after === before) throw new Error(`the edit of ${name} changes nothing`);
    writeFileSync(path, after);
  }

  /** @returns the commit */
  async push(branch: string, message: string): Promise<string> {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--message", message);
    await this.git("push", "--quiet", "origin", `HEAD:refs/heads/${branch}`);
    return this.git("rev-parse", "HEAD");
  }
}

/** What stands in for actions/checkout: as much of it as the workflows ask for, found by the very commit they pin. */
const ACTION = `name: checkout
description: stands in for actions/checkout
inputs:
  persist-credentials:
    description: never
  ref:
    description: another branch than the run's commit
    default: ""
  token:
    description: reads the repository
    default: \${{ github.token }}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        REF: \${{ inputs.ref }}
        TOKEN: \${{ inputs.token }}
        GIT_TERMINAL_PROMPT: "0"
      run: |
        export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader
        export GIT_CONFIG_VALUE_0="Authorization: Basic $(printf 'x-access-token:%s' "$TOKEN" | base64 -w0)"
        git init --quiet .
        git fetch --quiet --depth 1 "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY.git" "\${REF:-$GITHUB_SHA}"
        git checkout --quiet --detach FETCH_HEAD
`;

export async function checkoutAction(dir: string, gitea: Gitea): Promise<void> {
  const pinned = /actions\/checkout@([0-9a-f]{40})/.exec(
    readFileSync(join(__dirname, "../../.gitea/workflows/up.yaml"), "utf8"),
  );
  await gitea.call("POST", "orgs", { username: "actions", visibility: "public" });
  await gitea.call("POST", "orgs/actions/repos", { name: "checkout", default_branch: "main" });
  const clone = await Clone.make(dir, `${gitea.url}/actions/checkout.git`, gitea.adminToken);
  writeFileSync(clone.path("action.yml"), ACTION);
  await clone.push("main", "stand-in");
  // No commit can be made to have that name; a tag can.
  await clone.git("push", "--quiet", "origin", `HEAD:refs/tags/${pinned?.[1]}`);
}
