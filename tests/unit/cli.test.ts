import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utils } from "ssh2";
import { newKey, secretNames } from "../../cli/init";
import { Progress, table } from "../../cli/output";

const HERMES = join(__dirname, "..", "..", "cli", "hermes.js");

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
    expect(out).toContain("3 unhealthy");
  });

  it("ends with 2 for a command or option that it does not have", () => {
    expect(hermes(["nonsense"]).code).toBe(2);
    expect(hermes(["status", "--nonsense"]).code).toBe(2);
  });

  it("says where to get pulumi, without a stack trace, where there is none", () => {
    const { code, err } = hermes(["status"], { PATH: "/nowhere" });
    expect(code).toBe(2);
    expect(err).toContain("there is no pulumi on the PATH");
    expect(err).not.toMatch(/\n\s+at /);
  });

  it("refuses a port that is none before it connects anywhere", () => {
    expect(hermes(["tunnel", "--port", "70000"])).toMatchObject({ code: 2, out: "" });
  });
});

describe("the keys that init makes", () => {
  it("are ed25519 keys in OpenSSH's format, each another", () => {
    const [one, two] = [newKey("a"), newKey("a")];
    expect(utils.parseKey(one)).toMatchObject({ type: "ssh-ed25519", comment: "a" });
    expect(one).not.toBe(two);
  });

  it("are not made again where the stack's file has them", () => {
    const directory = mkdtempSync(join(tmpdir(), "hermes-cli-"));
    writeFileSync(
      join(directory, "Pulumi.x.yaml"),
      "config:\n  hermes:secrets:\n    deployKey:\n      secure: v1:abc\n",
    );
    expect(secretNames("x", directory)).toEqual(["deployKey"]);
    expect(secretNames("y", directory)).toEqual([]);
    rmSync(directory, { recursive: true });
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
