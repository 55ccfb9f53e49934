// npm run stress -- FILE [--times N] [--load N] [--bail]: runs one test file N times (10) beside N busy processes (2), to
// find out whether it is flaky. With --bail it stops at the first failure. Exit: 0 all passed, 1 not, 2 wrong usage,
// 130 interrupted.
const { existsSync } = require("node:fs");
const { spawn } = require("node:child_process");
const { join, relative, resolve } = require("node:path");
const { performance } = require("node:perf_hooks");
const { parseArgs } = require("node:util");
const { summary } = require("./tests/report");
const { Run, project } = require("./tests/run");

const USAGE = "usage: npm run stress -- FILE [--times N] [--load N] [--bail]";
/** Uses a core for as long as its parent lives. */
const BUSY = `const parent = process.ppid;
const work = () => {
  for (const until = Date.now() + 200; Date.now() < until; );
  if (process.ppid === parent) setImmediate(work);
};
work();`;

function options() {
  const number = (text) => (/^\d+$/.test(text) ? Number(text) : undefined);
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        times: { type: "string", default: "10" },
        load: { type: "string", default: "2" },
        bail: { type: "boolean", default: false },
      },
    });
    const [times, load] = [number(values.times), number(values.load)];
    const file = relative(project, resolve(positionals[0] ?? ""));
    const kind = /^tests\/([a-z]+)\/.*\.test\.ts$/.exec(file)?.[1];
    const isRight = positionals.length === 1 && kind !== undefined && existsSync(join(project, file));
    if (isRight && times > 0 && load !== undefined) return { ...values, times, load, file, kind };
  } catch (error) {
    console.error(error.message);
  }
  return undefined;
}

async function once(run, { kind, file }, nth) {
  const report = join(run.folder, `${nth}.json`);
  const jest = [join(project, "node_modules/jest/bin/jest.js"), "--selectProjects", kind, "--runInBand", "--silent"];
  const started = performance.now();
  const code = await run.start(process.execPath, [...jest, "--json", "--outputFile", report, "--runTestsByPath", file]);
  const { failures } = summary(kind, report);
  return { nth, passed: code === 0, failures, seconds: (performance.now() - started) / 1000 };
}

function tell(results) {
  const failed = results.filter(({ passed }) => !passed);
  for (const { nth, failures } of failed)
    for (const failure of failures) console.log(`\nFAILED in run ${nth}: ${failure}`);
  const seconds = results.map((each) => each.seconds).sort((one, other) => one - other);
  const [least, middle, most] = [seconds[0], seconds[Math.floor(seconds.length / 2)], seconds.at(-1)];
  console.log(`\n${[least, middle, most].map((each) => each.toFixed(1)).join(" / ")} s at least / median / at most`);
  console.log(`${results.length - failed.length} runs passed, ${failed.length} failed`);
  return Math.min(failed.length, 1);
}

async function main() {
  const wanted = options();
  if (wanted === undefined) {
    console.error(USAGE);
    return 2;
  }
  const run = new Run();
  const results = [];
  let busy = [];
  try {
    const prepare = ["-r", "./scripts/typescript.js", "tests/prepare.ts", wanted.kind];
    if ((await run.start(process.execPath, prepare)) !== 0) return run.interrupted ? 130 : 1;
    busy = Array.from({ length: wanted.load }, () => spawn(process.execPath, ["-e", BUSY], { stdio: "ignore" }));
    for (let nth = 1; nth <= wanted.times && !run.interrupted; nth++) {
      const result = await once(run, wanted, nth);
      if (run.interrupted) break;
      results.push(result);
      console.log(
        `run ${nth} of ${wanted.times}: ${result.passed ? "passed" : "FAILED"}, ${result.seconds.toFixed(1)} s`,
      );
      if (wanted.bail && !result.passed) break;
    }
  } finally {
    for (const each of busy) each.kill("SIGKILL");
    await run.end();
  }
  const code = results.length === 0 ? 1 : tell(results);
  return run.interrupted ? 130 : code;
}

main().then((code) => {
  process.exitCode = code;
});
