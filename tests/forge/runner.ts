import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dump } from "js-yaml";
import { builtPath, RECIPES } from "../../localcloud/engine";
import { run } from "../../localcloud/engine/run";
import { labOf } from "../../localcloud/lab";
import { ended, type Gitea } from "./gitea";
import { folderOf, give, lend, person, plainEnvironment } from "./people";

const PROJECT = join(__dirname, "../..");

export interface RunnerOptions {
  /** Environment of every job: where the emulated cloud is, and what else a runner's machine has. */
  env: Record<string, string>;
  path: string;
}

/** Gitea's real runner, with the label that the workflows name, running the steps on this machine as nobody. */
export class Runner {
  private constructor(private readonly child: ChildProcess) {}

  static async start(dir: string, gitea: Gitea, { env, path }: RunnerOptions): Promise<Runner> {
    folderOf(dir);
    lend(builtPath(labOf(PROJECT).cache, RECIPES.actRunner), join(dir, "act_runner"));
    const config = {
      log: { level: "info" },
      runner: { file: ".runner", capacity: 1, envs: env, fetch_interval: "1s", shutdown_timeout: "0s" },
      cache: { enabled: false },
      host: { workdir_parent: folderOf(join(dir, "work")) },
    };
    writeFileSync(join(dir, "config.yaml"), dump(config));
    give(join(dir, "config.yaml"));
    const { uid, gid } = person();
    const options = {
      cwd: dir,
      env: plainEnvironment(dir, path),
      ...(uid === undefined || gid === undefined ? {} : { uid, gid }),
    };
    const register = [
      "register",
      "--no-interactive",
      "--config",
      "config.yaml",
      "--instance",
      gitea.url,
      "--name",
      "here",
    ];
    const token = (await gitea.runnerToken()).split("\n").pop() as string;
    await run(join(dir, "act_runner"), [...register, "--token", token, "--labels", "ubuntu-latest:host"], options);
    const out = openSync(join(dir, "runner.log"), "a", 0o600);
    const child = spawn(join(dir, "act_runner"), ["daemon", "--config", "config.yaml"], {
      ...options,
      detached: true,
      stdio: ["ignore", out, out],
    });
    closeSync(out);
    return new Runner(child);
  }

  stop(): Promise<void> {
    return ended(this.child);
  }
}
