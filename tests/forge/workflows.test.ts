import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { builtPath, RECIPES } from "../../localcloud/engine";
import { labOf } from "../../localcloud/lab";

const PROJECT = join(__dirname, "../..");

interface Workflow {
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  jobs: Record<
    string,
    { permissions?: Record<string, string>; "timeout-minutes"?: number; steps: { uses?: string; run?: string }[] }
  >;
}

const FILES = [".gitea", ".github"].flatMap((forge) =>
  readdirSync(join(PROJECT, forge, "workflows")).map((name) => `${forge}/workflows/${name}`),
);
const read = (file: string): Workflow => load(readFileSync(join(PROJECT, file), "utf8")) as Workflow;

describe.each(FILES)("%s", (file) => {
  it("passes actionlint", () => {
    const actionlint = builtPath(labOf(PROJECT).cache, RECIPES.actionlint);
    expect(() => execFileSync(actionlint, ["-color=false", file], { cwd: PROJECT, encoding: "utf8" })).not.toThrow();
  });

  it("runs no code of a fork with secrets, and nothing of an action that can change", () => {
    expect(Object.keys(read(file).on)).not.toContain("pull_request_target");
    const used = Object.values(read(file).jobs).flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []));
    for (const action of used) expect(action).toMatch(/^[\w-]+\/[\w./-]+@[0-9a-f]{40}$/);
  });

  it("gives nothing by default, to each job what it says, and no job for ever", () => {
    expect(read(file).permissions).toEqual({});
    for (const job of Object.values(read(file).jobs)) {
      expect(job.permissions).toBeDefined();
      expect(job["timeout-minutes"]).toBeLessThanOrEqual(60);
    }
  });

  it("puts nothing that others write into a script: it goes by the environment", () => {
    const scripts = Object.values(read(file).jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
    for (const script of scripts) expect(script).not.toContain("${{");
  });
});
