import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT } from "../../lib/output";
import { renderReport } from "../../operations/review";
import { ForgeApi, markerOf } from "../../operations/review/forge";
import { postReport } from "../../operations/review/post";
import { collectOutput, type Ended } from "../engine/harness";
import { CASES, FOLDER, goldenOf, inputOf, type RecordedCase } from "../fixtures/previews";
import { hireJanitor } from "../support/janitor";
import { Gitea } from "./gitea";

jest.setTimeout(120_000);

const PROJECT = join(__dirname, "../..");

describe("a report on a real Gitea", () => {
  let dir: string;
  let dismiss: () => void;
  let gitea: Gitea;
  let ada: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "hermes-forge-"));
    chmodSync(dir, 0o755);
    dismiss = hireJanitor(PROJECT, { instance: "forge", temporary: dir });
    gitea = await Gitea.start(join(dir, "gitea"));
    await gitea.person("ada");
    await gitea.person("robot");
    ada = await gitea.token("ada", ["write:repository", "write:issue", "write:user"]);
    await gitea.call(
      "POST",
      "user/repos",
      { name: "hermes", private: true, auto_init: true, default_branch: "main" },
      ada,
    );
    await gitea.call("PUT", "repos/ada/hermes/collaborators/robot", { permission: "write" }, ada);
  });
  afterAll(async () => {
    await gitea?.stop();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    dismiss();
  });

  interface Pull {
    number: number;
    commit: string;
  }
  async function openPull(name: string): Promise<Pull> {
    const body = { branch: "main", new_branch: name, content: Buffer.from(name).toString("base64"), message: name };
    const made = await gitea.call<{ commit: { sha: string } }>("POST", `repos/ada/hermes/contents/${name}`, body, ada);
    return { number: await gitea.openPull("ada/hermes", name, name, ada), commit: made.commit.sha };
  }

  function hermes(args: string[], token: string): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [join(PROJECT, "cli/hermes.js"), ...args], {
        env: { PATH: process.env["PATH"], HERMES_FORGE_TOKEN: token },
        stdio: ["ignore", "pipe", "pipe"],
        timeout: 60_000,
      });
      const ended = collectOutput(child);
      child.once("error", reject).once("close", (code) => resolve({ ...ended, code }));
    });
  }
  const at = () => ["--forge", "gitea", "--forge-url", `${gitea.url}/api/v1`, "--repo", "ada/hermes"];
  const on = ({ number, commit }: Pull) => ["--pull", String(number), "--commit", commit, "--stack", "hermes"];
  const NO_OP = CASES.find(({ name }) => name === "no-op") as RecordedCase;

  /** `hermes report --from FILE --state FILE --post`, as a person would. */
  function post({ name, state }: RecordedCase, pull: Pull, token: string): Promise<Ended> {
    const from = ["--from", join(FOLDER, `${name}.json`)];
    if (state !== undefined) from.push("--state", exported(state));
    return hermes(["report", ...from, "--post", ...at(), ...on(pull)], token);
  }
  function exported(state: string): string {
    const resources = JSON.parse(readFileSync(join(FOLDER, "states", `${state}.json`), "utf8")) as unknown;
    const file = join(dir, `${state}.json`);
    writeFileSync(file, JSON.stringify({ version: 3, deployment: { resources } }));
    return file;
  }
  const comments = ({ number }: Pull) =>
    gitea.call<{ id: number; body: string; user: { login: string } }[]>(
      "GET",
      `repos/ada/hermes/issues/${number}/comments`,
      undefined,
      ada,
    );

  describe("posted with a token of a person", () => {
    it.each(CASES.filter(({ drift }) => drift !== true))("is shown, and edited: $name", async (one) => {
      const token = await gitea.token("robot", ["write:issue", "read:user", "write:repository"]);
      const pull = await openPull(one.name);
      const first = await post(NO_OP, pull, token);
      expect({ code: first.code, said: first.code === 0 ? "" : first.output }).toEqual({ code: 0, said: "" });
      const [before] = await comments(pull);
      await post(one, pull, token);
      const [after, ...others] = await comments(pull);
      expect(others).toEqual([]);
      expect(after?.id).toBe(before?.id);
      await expectShown(after?.body ?? "", one);
    });
  });

  it("is shown with what drifted, which no file holds", async () => {
    const one = CASES.find(({ drift }) => drift === true) as RecordedCase;
    const [pull, token] = [
      await openPull(one.name),
      await gitea.token("robot", ["write:issue", "read:user", "write:repository"]),
    ];
    const options = {
      from: "-",
      forge: "gitea",
      forgeUrl: `${gitea.url}/api/v1`,
      repo: "ada/hermes",
      pull: String(pull.number),
      commit: pull.commit,
    };
    const input = inputOf(one);
    await postReport(options, {
      env: { HERMES_FORGE_TOKEN: token },
      api: (forge) => new ForgeApi(forge),
      build: () =>
        Promise.resolve({ stack: "hermes", report: renderReport(input), preview: input.preview, notChecked: [] }),
      secrets: () => Promise.resolve({}),
      say: () => undefined,
    });
    const [comment] = await comments(pull);
    await expectShown(comment?.body ?? "", one);
  });

  async function expectShown(body: string, one: RecordedCase): Promise<void> {
    const golden = readFileSync(goldenOf(one), "utf8").trimEnd();
    expect(body.startsWith(`${markerOf("hermes")}\n${golden}\n`)).toBe(true);
    const page = await rendered(body);
    expect(page).not.toContain("hermes-report:");
    expect(page).toContain("Preview of ");
    // Gitea knows GitHub's alerts, tables, folds and Mermaid.
    expect(page).toContain("attention-");
    if (golden.includes("```mermaid")) expect(page).toContain("language-mermaid");
    if (golden.includes("<details>")) expect(page).toContain("<details>");
  }

  async function rendered(text: string): Promise<string> {
    const reply = await gitea.ask("POST", "markdown", { Text: text, Mode: "gfm", Context: "" });
    return reply.text();
  }

  describe("the token", () => {
    it("needs no more than to write issues, to know itself, and to read the repository; then the commit is not marked", async () => {
      const pull = await openPull("little");
      const token = await gitea.token("robot", ["write:issue", "read:user", "read:repository"]);
      const { code, stderr } = await post(NO_OP, pull, token);
      expect(code).toBe(EXIT.ok);
      expect(stderr).toMatch(/the commit was not marked[^]*own needs write:repository/);
      expect(await comments(pull)).toHaveLength(1);
    });

    it.each([
      [["read:issue", "read:user", "read:repository"], /write:issue/],
      [["write:issue", "read:user"], /read:repository/],
    ])("without %s is refused, and told what is missing", async (scopes, message) => {
      const pull = await openPull(`refused-${scopes.length}`);
      const { code, stderr } = await post(NO_OP, pull, await gitea.token("robot", scopes));
      expect(code).toBe(EXIT.input);
      expect(stderr).toMatch(message);
      expect(await comments(pull)).toEqual([]);
    });

    it("that is none of Gitea's is said not to be valid", async () => {
      const { code, stderr } = await post(NO_OP, await openPull("wrong"), "0".repeat(40));
      expect(code).toBe(EXIT.input);
      expect(stderr).toMatch(/not, or no longer, valid/);
    });
  });

  it("leaves alone a comment of another with its marker", async () => {
    const pull = await openPull("posing");
    await gitea.call(
      "POST",
      `repos/ada/hermes/issues/${pull.number}/comments`,
      { body: `${markerOf("hermes")}\nall is well` },
      ada,
    );
    await post(NO_OP, pull, await gitea.token("robot", ["write:issue", "read:user", "write:repository"]));
    expect((await comments(pull)).map(({ user }) => user.login)).toEqual(["ada", "robot"]);
  });
});
