// Brings what the tests need, runs the static checks and the kinds of tests one after another, passes Ctrl-C on, and sums
// up in one plain line. Exit: 0 all passed, 1 not, 2 wrong usage, 130 interrupted.
const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { summary } = require("./tests/report");
const { Run, project } = require("./tests/run");
const { Times, TIMES, table } = require("./tests/times");

/** What `npm test` alone runs. */
const KINDS = ["unit", "engine", "droplet"];
/** Droplets that take long, for before a release. */
const LONG = "long";
/** As many as there are cores on the machine that this is measured on; a droplet test waits for a third of its time. */
const WORKERS = { unit: "2", engine: "2", droplet: "4", long: "3" };

let run;
const times = new Times();
const total = { passed: 0, failed: 0, skipped: 0, failures: [] };

function fail(what) {
  total.failed += 1;
  total.failures.push(what);
}

const prepare = (suites) =>
  run.start(process.execPath, ["-r", "./scripts/typescript.js", join(project, "tests/prepare.ts"), ...suites]);

async function check() {
  const code = await times.phase("check", () => run.start("bash", ["scripts/check.sh", "static"]));
  if (code !== 0 && !run.interrupted) fail("npm run check -- static: what it found stands at the beginning");
}

async function jest(kind, extra) {
  const report = join(run.folder, `${kind}.json`);
  const spent = join(run.folder, `${kind}.times`);
  const args = ["--selectProjects", kind, "--maxWorkers", WORKERS[kind], "--json", "--outputFile", report, ...extra];
  const code = await times.phase(kind, () =>
    run.start(process.execPath, [join(project, "node_modules/jest/bin/jest.js"), ...args], {
      HERMES_TEST_TIMES: spent,
    }),
  );
  if (run.interrupted && !existsSync(report)) return;
  const found = summary(kind, report);
  for (const key of ["passed", "failed", "skipped"]) total[key] += found[key];
  total.failures.push(...found.failures);
  // Without a failed test: a threshold, or a file that does not exist.
  if (code !== 0 && found.failed === 0) fail(`${kind}: jest exited with code ${code}`);
  times.add(found.files, spent);
}

async function end() {
  const left = await run.end();
  // An interrupted test cannot end what it started.
  if (!run.interrupted) for (const command of left) console.error(`was left running: ${command}`);
  console.log(`\n${table(times.write())}\nAlso in ${TIMES}`);
  for (const failure of total.failures) console.log(`\nFAILED ${failure}`);
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  return run.interrupted ? 130 : Math.min(total.failed, 1);
}

async function test(kinds, extra) {
  const prepared = await times.phase("prepare", () => prepare(kinds));
  if (prepared !== 0 && !run.interrupted) return fail("what the tests need is missing; see above");
  if (kinds === KINDS) await check();
  for (const kind of kinds) if (!run.interrupted) await jest(kind, extra);
}

async function main() {
  const [only, ...extra] = process.argv.slice(2);
  if (only !== undefined && ![...KINDS, LONG].includes(only)) {
    console.error(`usage: npm test [-- ${[...KINDS, LONG].join("|")} [FILE or option of jest]…]`);
    return 2;
  }
  run = new Run();
  await test(only === undefined ? KINDS : [only], extra);
  return end();
}

main().then((code) => {
  process.exitCode = code;
});
