import { execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utils } from "ssh2";
import { Progress, table, type CommandError } from "../../lib/output";
import { pulumiOutput } from "../../lib/pulumi";
import { newKey } from "../../operations/init/init";

const PROJECT = join(__dirname, "..", "..");
const HERMES = join(PROJECT, "cli", "hermes.js");

const hermes = (
  args: string[],
  environment: NodeJS.ProcessEnv = process.env,
): { code: number | null; out: string; err: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [HERMES, ...args], {
    encoding: "utf8",
    env: environment,
  });
  return { code: status, out: stdout, err: stderr };
};

describe("hermes", () => {
  it("tells its commands and exit codes", () => {
    const { code, out } = hermes(["--help"]);
    expect(code).toBe(0);
    for (const command of ["init", "status", "tunnel", "plan", "local"]) expect(out).toContain(command);
    expect(out).toMatch(/status \[options\] +Show gateway health/);
    expect(out).toContain("3 unhealthy");
  });

  it("is ./hermes in a clone, from any folder, and tells its version", () => {
    const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { version: string };
    const run = (folder: string): string =>
      execFileSync(join(PROJECT, "hermes"), ["--version"], { cwd: folder, encoding: "utf8" });
    for (const folder of [PROJECT, join(PROJECT, "docs"), tmpdir()]) expect(run(folder)).toBe(`${version}\n`);
  });

  it("names the command that installs its packages while they are missing", () => {
    const clone = mkdtempSync(join(tmpdir(), "hermes-clone-"));
    try {
      copyFileSync(join(PROJECT, "hermes"), join(clone, "hermes"));
      const { status, stderr } = spawnSync(join(clone, "hermes"), ["status"], { encoding: "utf8" });
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr: `hermes: the packages are not installed. Run: npm ci --prefix ${clone}\n`,
      });
    } finally {
      rmSync(clone, { recursive: true, force: true });
    }
  });

  it("is never named in a form that would run an unrelated package from npm", () => {
    const files = execFileSync("git", ["ls-files", "-z"], { cwd: PROJECT, encoding: "utf8" }).split("\0");
    const naming = files.filter(
      (file) =>
        /\.(ts|js|mjs|md|sh|ya?ml)$/.test(file) &&
        !/^docs\/decisions\/|^CHANGELOG\.md$|^tests\/unit\/cli\.test\.ts$/.test(file) &&
        /\bnpx hermes\b/.test(readFileSync(join(PROJECT, file), "utf8")),
    );
    expect(naming).toEqual([]);
  });

  it("ends with 2 for a command or option that it does not have", () => {
    expect(hermes(["nonsense"]).code).toBe(2);
    expect(hermes(["status", "--nonsense"]).code).toBe(2);
  });

  it("says where to get pulumi, without a stack trace, where there is none", () => {
    const { code, out, err } = hermes(["status", "--json"], { PATH: "/nowhere" });
    expect(code).toBe(2);
    // A program that reads the JSON document finds the reason in it.
    expect(JSON.parse(out)).toEqual({ ok: false, error: expect.stringContaining("no pulumi") as string });
    expect(err).toContain("there is no pulumi on the PATH");
    expect(err).not.toMatch(/\n\s+at /);
  });

  it("ends without a word when nobody reads any more", async () => {
    const child = spawn(process.execPath, [HERMES, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let said = "";
    child.stderr.on("data", (data: Buffer) => (said += data.toString()));
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect({ code, said }).toEqual({ code: 0, said: "" });
  });

  it("names the stacks that there are in the JSON document too, with the code of a user's mistake", () => {
    const folder = mkdtempSync(join(tmpdir(), "hermes-cli-"));
    const program = `#!/bin/sh\n[ "$2" = ls ] && echo '[{"name":"hermes"}]' && exit\necho "error: no stack named 'hermse' found" >&2\nexit 255\n`;
    writeFileSync(join(folder, "pulumi"), program, { mode: 0o755 });
    try {
      const { code, out, err } = hermes(["status", "--stack", "hermse", "--json"], { PATH: `${folder}:/bin:/usr/bin` });
      expect(code).toBe(1);
      expect(JSON.parse(out)).toEqual({ ok: false, error: expect.stringContaining("Stacks: hermes") as string });
      expect(err).not.toMatch(/\n\s+at /);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("refuses a port that is none before it connects anywhere", () => {
    expect(hermes(["tunnel", "--port", "70000"])).toMatchObject({ code: 1, out: "" });
  });
});

describe("the keys that init makes", () => {
  it("are ed25519 keys in OpenSSH's format, each another", () => {
    const [one, two] = [newKey("a"), newKey("a")];
    expect(utils.parseKey(one)).toMatchObject({ type: "ssh-ed25519", comment: "a" });
    expect(one).not.toBe(two);
  });
});

describe("what pulumi says of wrong input", () => {
  let folder: string;
  const { PATH } = process.env;
  const refusing = async (words: string): Promise<CommandError> => {
    const stacks = '[{"name":"hermes"},{"name":"acme/hermes/prod"}]';
    writeFileSync(
      join(folder, "pulumi"),
      `#!/bin/sh\n[ "$2" = ls ] && echo '${stacks}' && exit\necho "error: ${words}" >&2\nexit 255\n`,
      { mode: 0o755 },
    );
    return (await pulumiOutput(["stack", "output"], { env: { PATH: `${folder}:/bin:/usr/bin` } }).catch(
      (error: CommandError) => error,
    )) as CommandError;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "hermes-cli-"));
    process.env["PATH"] = `${folder}:/bin:/usr/bin`;
  });
  afterEach(() => {
    process.env["PATH"] = PATH;
    rmSync(folder, { recursive: true });
  });

  it("is the user's: a stack that there is none of, with those that there are", async () => {
    expect(await refusing("no stack named 'prd' found")).toMatchObject({
      code: 1,
      message: 'there is no stack "prd".\n  Stacks: hermes, acme/hermes/prod.\n  Write --stack prod.',
    });
  });

  it("is the user's: a folder without a project", async () => {
    expect(await refusing("no Pulumi.yaml project file found (searching upwards)")).toMatchObject({ code: 1 });
  });

  it("is the cloud's otherwise", async () => {
    expect(await refusing("connection refused")).toMatchObject({ code: 5 });
  });
});

describe("what people read", () => {
  it("is aligned", () => {
    const rows: [string, string][] = [
      ["a", "1"],
      ["long", "2"],
    ];
    expect(table(rows)).toBe("a     1\nlong  2");
  });

  it("has the time of each step of something long", () => {
    const lines: string[] = [];
    const progress = new Progress((text) => lines.push(text));
    progress.begin("one");
    progress.detail("more");
    progress.begin("two");
    progress.end();
    expect(lines.join("")).toMatch(/^one …\n {2}more \(0 s\)\n {2}done in 0\.\d s\ntwo …\n {2}done in 0\.\d s\n$/);
    expect(progress.steps.map(({ label }) => label)).toEqual(["one", "two"]);
  });
});
