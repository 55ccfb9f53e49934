import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, openSync, closeSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { builtPath, RECIPES } from "../../localcloud/engine";
import { run } from "../../localcloud/engine/run";
import { labOf } from "../../localcloud/lab";
import { configuration } from "./app-ini";
import { folderOf, give, lend, person, plainEnvironment } from "./people";

const PROJECT = join(__dirname, "../..");
const GITEA = join(PROJECT, "localcloud/engine/gitea");
const ADMIN = "keeper";

/** The real Gitea, on loopback, all of it in one folder. */
export class Gitea {
  private constructor(
    readonly url: string,
    private readonly dir: string,
    private readonly child: ChildProcess,
    /** May do everything: the tests' own, never given to what is tested. */
    readonly adminToken: string,
  ) {}

  /** Resolves when it answers. */
  static async start(dir: string): Promise<Gitea> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    await prepare(dir, url, port);
    const child = launch(dir, ["web", "--config", "app.ini"], "gitea.log");
    try {
      await answering(`${url}/api/healthz`, child, dir);
      await gitea(dir, [
        "admin",
        "user",
        "create",
        "--admin",
        "--username",
        ADMIN,
        "--email",
        `${ADMIN}@example.test`,
        "--random-password",
        "--must-change-password=false",
      ]);
      const token = await gitea(dir, [
        "admin",
        "user",
        "generate-access-token",
        "--username",
        ADMIN,
        "--scopes",
        "all",
        "--token-name",
        "tests",
        "--raw",
      ]);
      return new Gitea(url, dir, child, token.split("\n").pop() as string);
    } catch (error) {
      await ended(child);
      throw error;
    }
  }

  /** A call of its API; an answer that is no success is an error, unless it is asked for. */
  async call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: object,
    token = this.adminToken,
  ): Promise<T> {
    const reply = await this.ask(method, path, body, token);
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
    const text = await reply.text();
    return (text === "" ? {} : JSON.parse(text)) as T;
  }

  ask(method: string, path: string, body?: object, token = this.adminToken): Promise<Response> {
    return fetch(`${this.url}/api/v1/${path}`, {
      method,
      headers: { authorization: `token ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** A token of a person with these scopes, for example write:issue. */
  async token(user: string, scopes: string[]): Promise<string> {
    const name = `t${randomBytes(4).toString("hex")}`;
    const args = [
      "admin",
      "user",
      "generate-access-token",
      "--username",
      user,
      "--scopes",
      scopes.join(","),
      "--token-name",
      name,
      "--raw",
    ];
    return (await gitea(this.dir, args)).split("\n").pop() as string;
  }

  async person(name: string): Promise<void> {
    await gitea(this.dir, [
      "admin",
      "user",
      "create",
      "--username",
      name,
      "--email",
      `${name}@example.test`,
      "--random-password",
      "--must-change-password=false",
    ]);
  }

  /** Opens a pull request. What was pushed is known a moment after the push has ended. @returns its number */
  async openPull(repository: string, head: string, title: string, token: string): Promise<number> {
    const path = `repos/${repository}/branches/${head}`;
    while (!(await this.ask("GET", path, undefined, token)).ok)
      await new Promise((resolve) => setTimeout(resolve, 100));
    const body = { head, base: "main", title };
    return (await this.call<{ number: number }>("POST", `repos/${repository}/pulls`, body, token)).number;
  }

  /** Of somebody's fork of a repository, with a file more. @returns its number */
  async openPullOfFork(repository: string): Promise<number> {
    const [, name] = repository.split("/");
    await this.call("POST", "orgs", { username: "others", visibility: "public" });
    await this.call("POST", `repos/${repository}/forks`, { organization: "others" });
    const file = { branch: "main", new_branch: "note", content: "aGVsbG8=", message: "A note" };
    await this.call("POST", `repos/others/${name}/contents/NOTE.md`, file);
    const body = { head: "others:note", base: "main", title: "From a fork" };
    return (await this.call<{ number: number }>("POST", `repos/${repository}/pulls`, body)).number;
  }

  runnerToken(): Promise<string> {
    return gitea(this.dir, ["actions", "generate-runner-token"]);
  }

  stop(): Promise<void> {
    return ended(this.child);
  }
}

async function prepare(dir: string, url: string, port: number): Promise<void> {
  folderOf(dir);
  lend(builtPath(labOf(PROJECT).cache, RECIPES.gitea), join(dir, "gitea"));
  const module = await moduleFolder();
  for (const name of ["templates", "options"]) lend(join(module, name), join(dir, name));
  mkdirSync(join(dir, "public"), { recursive: true });
  writeFileSync(join(dir, "app.ini"), configuration(dir, url, port), { mode: 0o600 });
  give(join(dir, "app.ini"));
  give(join(dir, "public"));
}

/** What its pages are made from is not in the program. */
async function moduleFolder(): Promise<string> {
  const env = { ...process.env, GOWORK: "off" };
  const reply = await run("go", ["mod", "download", "-json", "code.gitea.io/gitea"], { cwd: GITEA, env });
  return (JSON.parse(reply.slice(reply.indexOf("{"))) as { Dir: string }).Dir;
}

const launchOptions = (dir: string): { cwd: string; env: Record<string, string>; uid?: number; gid?: number } => {
  const { uid, gid } = person();
  return { cwd: dir, env: plainEnvironment(dir), ...(uid === undefined || gid === undefined ? {} : { uid, gid }) };
};

function launch(dir: string, args: string[], log: string): ChildProcess {
  const out = openSync(join(dir, log), "a", 0o600);
  const child = spawn(join(dir, "gitea"), args, { ...launchOptions(dir), detached: true, stdio: ["ignore", out, out] });
  closeSync(out);
  return child;
}

const gitea = (dir: string, args: string[]): Promise<string> =>
  run(join(dir, "gitea"), [...args, "--config", "app.ini"], launchOptions(dir));

async function answering(url: string, child: ChildProcess, dir: string): Promise<void> {
  while (
    !(await fetch(url).then(
      (reply) => reply.ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`it ended with status ${child.exitCode}; its log is in ${dir}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** With all that it started. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("close", resolve));
  process.kill(-child.pid, "SIGKILL");
  await gone;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
