// What a run of jest found, read from its report.
const { readFileSync } = require("node:fs");
const { relative } = require("node:path");
const { stripVTControlCharacters } = require("node:util");
const { project } = require("./run");

/** Enough to know what happened; the whole is where the test ran, perhaps an hour further up. */
const CHARACTERS_PER_FAILURE = 1500;
/** Of these, from the beginning; what a command said last is at the end. */
const HEAD = 300;

/** A kind whose report is missing (jest itself failed) counts as one failure. */
function summary(kind, report) {
  try {
    const result = JSON.parse(readFileSync(report, "utf8"));
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
      skipped: result.numPendingTests,
      failures: result.testResults.flatMap(failures),
      files: result.testResults.map((file) => ({
        file: relative(project, file.name),
        kind,
        seconds: (file.endTime - file.startTime) / 1000,
        tests: file.assertionResults.length,
      })),
    };
  } catch {
    const failures = [`${kind}: jest ended without a report`];
    return { passed: 0, failed: 1, skipped: 0, failures, files: [] };
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

module.exports = { summary };
