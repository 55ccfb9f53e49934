// Runs the kinds of tests one after another, passes Ctrl-C on, and sums up in one plain line.
const { spawn } = require("node:child_process");
const { mkdtempSync, readFileSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join, relative } = require("node:path");
const { stripVTControlCharacters } = require("node:util");

const KINDS = ["unit", "engine", "droplet"];
/** Each droplet test has a lab of its own; an engine test times its engine. */
const WORKERS = { unit: "2", engine: "1", droplet: "2" };
/** Enough to know what happened; the whole is where the test ran, perhaps an hour further up. */
const CHARACTERS_PER_FAILURE = 1500;
/** Of these, from the beginning; what a command said last is at the end. */
const HEAD = 300;
const project = join(__dirname, "..");

let interrupted = false;
let running;

const prepare = (kind) => node(["-r", "./scripts/typescript.js", join(project, "tests/prepare.ts"), kind]);

function jest(kind, report, extra) {
  const args = ["--selectProjects", kind, "--maxWorkers", WORKERS[kind], "--json", "--outputFile", report, ...extra];
  return node([join(project, "node_modules/jest/bin/jest.js"), ...args]);
}

function node(args) {
  return new Promise((resolve) => {
    running = spawn(process.execPath, args, {
      cwd: project,
      // A group of its own: the terminal's Ctrl-C reaches jest once, by us, and its tests clean up.
      detached: true,
      stdio: "inherit",
    });
    running.once("close", (code) => resolve(code ?? 130));
  });
}

function forward(signal) {
  interrupted = true;
  if (running?.exitCode === null) process.kill(-running.pid, signal);
}

/** A kind whose report is missing (jest itself failed) counts as one failure. */
function summary(kind, report) {
  try {
    const result = JSON.parse(readFileSync(report, "utf8"));
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
      skipped: result.numPendingTests,
      failures: result.testResults.flatMap(failures),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failures: [`${kind}: jest ended without a report`] };
  }
}

/** What a file's tests failed with, and what failed beside them: loading it, its afterAll, a promise nobody waited for. */
function failures({ name, assertionResults, message }) {
  const tests = assertionResults.filter((test) => test.status === "failed");
  const beside = stripVTControlCharacters(message)
    .split("● Test suite failed to run")
    .slice(1)
    .map((said) => ({ fullName: "beside its tests", failureMessages: [said] }));
  return [...tests, ...beside].map(
    (failure) => `${relative(project, name)} › ${failure.fullName}\n${indented(failure.failureMessages.join("\n"))}`,
  );
}

/** Without the frames of the stack but the first that is a file of ours, and shortened in the middle. */
function indented(message) {
  const lines = stripVTControlCharacters(message)
    .split("\n")
    .filter((line) => line.trim() !== "");
  const isFrame = (line) => /^\s+at /.test(line);
  const where = lines.find((line) => isFrame(line) && line.includes(project) && !line.includes("node_modules"));
  const said = lines.filter((line) => !isFrame(line)).join("\n");
  const shown =
    said.length <= CHARACTERS_PER_FAILURE
      ? said
      : `${said.slice(0, HEAD)}\n[…]\n${said.slice(HEAD - CHARACTERS_PER_FAILURE)}`;
  return [shown, ...(where === undefined ? [] : [where])].join("\n").replace(/^/gm, "    ");
}

async function main() {
  const [only, ...extra] = process.argv.slice(2);
  if (only !== undefined && !KINDS.includes(only)) {
    console.error(`usage: npm test [-- ${KINDS.join("|")}]`);
    return 2;
  }
  process.on("SIGINT", () => forward("SIGINT"));
  process.on("SIGTERM", () => forward("SIGTERM"));
  const reports = mkdtempSync(join(tmpdir(), "hermes-tests-"));
  const total = { passed: 0, failed: 0, skipped: 0, failures: [] };
  let code = 0;
  for (const kind of only === undefined ? KINDS : [only]) {
    if (interrupted) break;
    const report = join(reports, `${kind}.json`);
    const prepared = await prepare(kind);
    code = prepared || (await jest(kind, report, extra)) || code;
    const counted = summary(kind, report);
    for (const key of ["passed", "failed", "skipped"]) total[key] += counted[key];
    total.failures.push(...counted.failures);
  }
  rmSync(reports, { recursive: true, force: true });
  for (const failure of total.failures) console.log(`\nFAILED ${failure}`);
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  return interrupted ? 130 : code;
}

main().then((code) => {
  process.exitCode = code;
});
