// npm run test:release [-- --again]: every suite, one after another. Which of them passed is kept for this commit with its
// uncommitted changes, so a second call goes on where the first one stopped; --again starts anew.
// Exit: 0 all passed, 1 not, 2 wrong usage, 130 interrupted.
const { execFileSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { performance } = require("node:perf_hooks");
const { Run, project } = require("./tests/run");

/** Torture is the last: it writes what it found to its document. */
const SUITES = [
  { name: "test", command: ["bash", "scripts/test.sh"] },
  { name: "droplet-real", command: ["env", "HERMES_TEST_OPENCLAW=real", "bash", "scripts/test.sh", "droplet"] },
  { name: "long", command: ["bash", "scripts/test.sh", "long"] },
  { name: "ollama", command: ["bash", "scripts/test-ollama.sh"] },
  { name: "vm", command: ["bash", "scripts/test-vm.sh"] },
  { name: "forge", command: ["bash", "scripts/test-forge.sh"] },
  // As long as it needs: interrupted, it goes on from its own record.
  { name: "torture", command: ["bash", "scripts/torture.sh", "--minutes", "1000"] },
];
const PREREQUISITES = ["unit", "engine", "droplet", "long", "ollama", "vm", "forge", "torture"];
const RECORD = join(project, "test-results", "release.json");

/** The commit, and what is not committed. */
function version() {
  const git = (...args) => execFileSync("git", args, { cwd: project, encoding: "utf8", maxBuffer: 1 << 28 });
  const exceptTorture = ["--", ".", ":!docs/torture.md"];
  const changes = git("status", "--porcelain", ...exceptTorture) + git("diff", "HEAD", ...exceptTorture);
  const digest = createHash("sha256").update(changes).digest("hex").slice(0, 12);
  return git("rev-parse", "HEAD").trim() + (changes === "" ? "" : `+${digest}`);
}

function passedBefore(of) {
  try {
    const record = JSON.parse(readFileSync(RECORD, "utf8"));
    return record.version === of ? record.passed : {};
  } catch {
    return {};
  }
}

function keep(record) {
  mkdirSync(join(RECORD, ".."), { recursive: true });
  writeFileSync(`${RECORD}.new`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${RECORD}.new`, RECORD);
}

async function suites(run, passed, of) {
  const failed = [];
  for (const { name, command } of SUITES) {
    if (run.interrupted) break;
    if (passed[name] !== undefined) {
      console.log(`${name}: passed before, in ${passed[name].minutes} min`);
      continue;
    }
    console.log(`${name} …`);
    const started = performance.now();
    const [program, ...args] = command;
    const code = await run.start(program, args);
    const minutes = Math.round((performance.now() - started) / 6000) / 10;
    if (code === 0) keep({ version: of, passed: Object.assign(passed, { [name]: { minutes } }) });
    else failed.push(name);
    console.log(`${name}: ${code === 0 ? "passed" : `exited with code ${code}`} after ${minutes} min`);
  }
  return failed;
}

async function main() {
  const args = process.argv.slice(2);
  if (args.some((each) => each !== "--again")) {
    console.error("usage: npm run test:release [-- --again]");
    return 2;
  }
  const of = version();
  const passed = args.includes("--again") ? {} : passedBefore(of);
  const run = new Run();
  const prepare = ["-r", "./scripts/typescript.js", "tests/prepare.ts", ...PREREQUISITES];
  const prepared = await run.start(process.execPath, prepare);
  const failed = prepared === 0 ? await suites(run, passed, of) : ["prerequisites"];
  await run.end();
  if (run.interrupted) return 130;
  console.log(
    failed.length === 0 ? `all suites passed for ${of}` : `failed: ${failed.join(", ")}; run it again to go on`,
  );
  return Math.min(failed.length, 1);
}

main().then((code) => {
  process.exitCode = code;
});
