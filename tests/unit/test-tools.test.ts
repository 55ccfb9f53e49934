import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePrerequisites, PREREQUISITES, SUITES } from "../support/prerequisites";

const PROJECT = join(__dirname, "..", "..");

describe("what suites need", () => {
  it("is complained about all at once, before anything is installed, and only by those that need it", async () => {
    const installed: string[] = [];
    const list = [
      { what: "a program", suites: ["engine"], install: () => void installed.push("program") },
      { what: "a browser", suites: ["forge", "engine"], obstacle: () => "Run: install browser" },
      { what: "a compiler", suites: ["engine"], obstacle: () => "Run: install compiler" },
      { what: "here", suites: ["engine"], obstacle: () => undefined },
    ] as const;
    const error = await ensurePrerequisites(["engine"], () => undefined, list).catch((each: Error) => each.message);
    expect(error).toBe(
      "a browser (needed by: engine)\n  Run: install browser\na compiler (needed by: engine)\n  Run: install compiler",
    );
    expect(installed).toEqual([]);
    await ensurePrerequisites(["vm"], () => undefined, list);
    await ensurePrerequisites(["engine"], () => undefined, [list[0]]);
    expect(installed).toEqual(["program"]);
  });

  it("is in the one list for each suite that needs more than Node", () => {
    const named = new Set(PREREQUISITES.flatMap(({ suites }) => suites));
    expect(SUITES.filter((suite) => !named.has(suite))).toEqual(["unit"]);
  });
});

describe("the order of test files", () => {
  it("begins with those that nobody knows, then the longest", () => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const Sequencer = require("../support/jest/sequencer.js") as new (options: {
      durations: Record<string, number>;
    }) => {
      sort(tests: { path: string }[]): { path: string }[];
    };
    const paths = ["short", "new", "long", "newer"].map((name) => ({ path: join(PROJECT, name) }));
    const sorted = new Sequencer({ durations: { short: 1, long: 9 } }).sort(paths);
    expect(sorted.map(({ path }) => path.slice(PROJECT.length + 1))).toEqual(["new", "newer", "long", "short"]);
  });
});

describe("an interrupted run", () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "hermes-run-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each(["SIGINT", "SIGTERM"] as const)("ends what it started, however far away, on %s", async (signal) => {
    const far = join(folder, "pid");
    // As an engine test does: a program in a process group of its own, which no signal of the run reaches.
    const test = `const child = require("node:child_process").spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
      require("node:fs").mkdtempSync(require("node:os").tmpdir() + "/left-");
      require("node:fs").writeFileSync(${JSON.stringify(far)}, String(child.pid));
      setInterval(() => {}, 1000);`;
    writeFileSync(join(folder, "test.js"), test);
    const program = `const { Run } = require(${JSON.stringify(join(PROJECT, "scripts/tests/run.js"))});
      const run = new Run();
      run.start(process.execPath, [${JSON.stringify(join(folder, "test.js"))}]).then(async (code) => {
        const left = await run.end();
        console.log(JSON.stringify({ code, left, interrupted: run.interrupted }));
      });`;
    const environment: NodeJS.ProcessEnv = { ...process.env, TMPDIR: folder };
    delete environment["HERMES_TEST_RUN"];
    const run = spawn(process.execPath, ["-e", program], { env: environment, stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    run.stdout.on("data", (piece: Buffer) => void (said += piece.toString()));
    while (!existsSync(far) || readFileSync(far, "utf8") === "")
      await new Promise((resolve) => setTimeout(resolve, 20));
    run.kill(signal);
    await once(run, "close");
    expect(JSON.parse(said)).toEqual({ code: 130, left: ["sleep 1000"], interrupted: true });
    expect(existsSync(`/proc/${readFileSync(far, "utf8")}/exe`)).toBe(false);
    expect(readdirSync(folder).sort()).toEqual(["pid", "test.js"]);
  });
});
