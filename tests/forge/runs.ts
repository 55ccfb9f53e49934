import type { Gitea } from "./gitea";

interface RunEntry {
  id: number;
  path: string;
  head_sha: string;
  event: string;
  status: string;
  conclusion?: string;
}

export interface Ran {
  id: number;
  conclusion: string;
  /** Of all its jobs, as Gitea keeps it. */
  log: string;
}

/** What Gitea's Actions did in a repository. */
export class Runs {
  /** Those that were waited for. */
  private readonly seen = new Set<number>();

  constructor(
    private readonly gitea: Gitea,
    private readonly repository: string,
  ) {}

  /** The next run of a workflow, when it is over. */
  async next(workflow: string): Promise<Ran> {
    for (;;) {
      const found = (await this.all()).find(({ id, path }) => path.startsWith(`${workflow}@`) && !this.seen.has(id));
      if (found?.status === "completed") {
        this.seen.add(found.id);
        return { id: found.id, conclusion: found.conclusion ?? "", log: await this.log(found.id) };
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  async dispatch(workflow: string, inputs: Record<string, string> = {}): Promise<void> {
    await this.gitea.call("POST", `repos/${this.repository}/actions/workflows/${workflow}/dispatches`, {
      ref: "main",
      inputs,
    });
  }

  /** Oldest first. */
  async all(): Promise<RunEntry[]> {
    const path = `repos/${this.repository}/actions/runs?limit=50`;
    const { workflow_runs } = await this.gitea.call<{ workflow_runs: RunEntry[] }>("GET", path);
    return workflow_runs.sort((a, b) => a.id - b.id);
  }

  async log(run: number): Promise<string> {
    const path = `repos/${this.repository}/actions`;
    const { jobs } = await this.gitea.call<{ jobs: { id: number }[] }>("GET", `${path}/runs/${run}/jobs`);
    const logs = await Promise.all(
      jobs.map(async ({ id }) => {
        const reply = await this.gitea.ask("GET", `${path}/jobs/${id}/logs`);
        return reply.ok ? reply.text() : "";
      }),
    );
    return logs.join("\n");
  }
}
