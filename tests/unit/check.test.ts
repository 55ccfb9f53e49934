import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { load } from "js-yaml";
import { PROJECT } from "./config-fixture";

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "hermes-check-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
}

describe("imports", () => {
  /** What is wrong in the folder, without the reasons, and the exit code. */
  function findings(): { status: number | null; found: string[] } {
    const { status, stderr } = spawnSync(process.execPath, [join(PROJECT, "scripts/imports.js"), dir], {
      encoding: "utf8",
    });
    return { status, found: stderr.split("\n").filter((line) => /^\S/.test(line)) };
  }
  const FORBIDDEN = {
    "index.ts": 'import "./components/hermes";\n',
    "cli/up.ts": 'export * from "../localcloud/lab";\nexport * from "../operations/up";\n',
    "cli/local.ts": 'export * from "../localcloud/lab";\n',
    "operations/up.ts": 'export type { Output } from "../cli/local";\n',
    "components/hermes.ts": 'import "../lib/text";\nimport "../operations/up";\n',
    "gateway/apply/main.ts": 'import "node:fs";\nimport "../bundle";\n',
    "gateway/bundle.ts": 'import "./nowhere";\n',
    "lib/text.ts": 'export * from "../planner/cost";\n',
    "localcloud/lab.ts": 'import "../tests/fixtures/lab";\nimport "../lib/text";\nimport "../gateway/bundle";\n',
    "planner/cost.ts": 'import type { Sum } from "./sum";\n',
    "planner/sum.ts": 'import "./cost";\n',
    "tests/unit/a.test.ts": 'import "../../localcloud/lab";\n',
    "tests/unit/b.test.ts": 'import "./a.test";\n',
    "tests/fixtures/lab.ts": "",
  };
  const FOUND = [
    "apply: gateway/apply/main.ts → gateway/bundle.ts",
    "cycle: planner/cost.ts → planner/sum.ts → planner/cost.ts",
    "embedded-cloud: cli/up.ts → localcloud/lab.ts",
    "layer: components/hermes.ts → operations/up.ts",
    "layer: lib/text.ts → planner/cost.ts",
    "layer: operations/up.ts → cli/local.ts",
    "test-file: tests/unit/b.test.ts → tests/unit/a.test.ts",
    "tests: localcloud/lab.ts → tests/fixtures/lab.ts",
    "unresolved: gateway/bundle.ts → ./nowhere",
    "wire-formats: localcloud/lab.ts → gateway/bundle.ts",
  ];

  it("that are forbidden, and cycles, also of types, fail the check", () => {
    write(FORBIDDEN);
    expect(findings()).toEqual({ status: 1, found: FOUND });
  });

  it("between a folder and those below it pass", () => {
    write({
      "index.ts": 'import "./components/hermes";\n',
      "components/hermes.ts": 'import "../lib/text";\n',
      "lib/text.ts": "",
      "localcloud/lab.ts": 'import "../lib/text";\n',
    });
    expect(findings()).toEqual({ status: 0, found: [] });
  });
});

describe("npm run check", () => {
  const run = (args: string[], env: Record<string, string> = {}) =>
    spawnSync("/bin/bash", [join(PROJECT, "scripts/check.sh"), ...args], {
      encoding: "utf8",
      env: { ...process.env, ...env },
    });

  it("fails without a tool that it may not install, and names the command that does", () => {
    for (const name of ["cmp", "dirname"]) symlinkSync(`/usr/bin/${name}`, join(dir, name));
    writeFileSync(join(dir, "id"), "#!/bin/bash\necho 1000\n", { mode: 0o755 });
    const { status, stdout, stderr } = run(["static"], { PATH: dir });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toBe("missing: shellcheck shfmt. Run: sudo apt-get install shellcheck shfmt\n");
  });

  it("knows its words", () => {
    expect(run(["everything"])).toMatchObject({ status: 2, stderr: "usage: npm run check [-- static]\n" });
  });

  it.each([".gitea", ".github"])("is what %s runs, for forks too: it needs no secret and no variable", (forge) => {
    const text = readFileSync(join(PROJECT, forge, "workflows/check.yaml"), "utf8");
    const { jobs } = load(text) as { jobs: { check: { if?: string; steps: { run?: string }[] } } };
    expect(jobs.check.steps.map((step) => step.run)).toContain("npm run check");
    expect(jobs.check.if).toBeUndefined();
    expect(text).not.toMatch(/secrets\.|vars\./);
  });
});
