// How long a run's phases and files took, and how much memory the machine had in use meanwhile.
const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { performance } = require("node:perf_hooks");
const { clearInterval, setInterval } = require("node:timers");
const { project } = require("./run");

/** Git ignores it; CI keeps it. */
const TIMES = join(project, "test-results", "times.json");
const MEMORY_EVERY_MS = 2000;

class Times {
  #started = performance.now();
  #phases = [];
  #files = [];
  #memory = { startMiB: usedMiB(), peakMiB: usedMiB() };
  #sampling = setInterval(() => {
    this.#memory.peakMiB = Math.max(this.#memory.peakMiB, usedMiB());
  }, MEMORY_EVERY_MS).unref();

  /** @returns what the work returns, with its time on record */
  async phase(name, work) {
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.#phases.push({ name, seconds: secondsSince(started) });
    }
  }

  /**
   * @param files - of jest's report
   * @param processorTimes - file in which tests/support/jest/processor-time.ts wrote a line for each test file
   */
  add(files, processorTimes) {
    const spent = readLines(processorTimes);
    for (const each of files) this.#files.push({ ...each, processorSeconds: spent.get(each.file) ?? null });
  }

  write() {
    clearInterval(this.#sampling);
    const files = this.#files.map((each) => ({ ...each, seconds: tenths(each.seconds) }));
    files.sort((one, other) => other.seconds - one.seconds);
    const result = {
      seconds: secondsSince(this.#started),
      phases: this.#phases,
      kinds: totals(files),
      memory: this.#memory,
      files,
    };
    mkdirSync(join(TIMES, ".."), { recursive: true });
    writeFileSync(TIMES, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  }
}

function totals(files) {
  const kinds = {};
  for (const { kind, seconds, processorSeconds, tests } of files) {
    const total = (kinds[kind] ??= { files: 0, tests: 0, seconds: 0, processorSeconds: 0 });
    total.files += 1;
    total.tests += tests;
    total.seconds = tenths(total.seconds + seconds);
    total.processorSeconds = tenths(total.processorSeconds + (processorSeconds ?? 0));
  }
  return kinds;
}

/** Lines for people: files of a second and more by their duration, then each kind, each phase and the memory. */
function table({ seconds, phases, kinds, memory, files }) {
  const number = (value) => (value === null ? "" : value.toFixed(1)).padStart(7);
  const long = files.filter((each) => each.seconds >= 1);
  const short = files.length - long.length;
  return [
    "seconds    cpu",
    ...long.map((each) => `${number(each.seconds)}${number(each.processorSeconds)}  ${each.file}`),
    ...(short > 0 ? [`${" ".repeat(14)}  and ${short} files of less than a second`] : []),
    "",
    ...Object.entries(kinds).map(
      ([kind, each]) =>
        `${number(each.seconds)}${number(each.processorSeconds)}  ${kind}: ${each.files} files, ${each.tests} tests`,
    ),
    "",
    ...phases.map((phase) => `${number(phase.seconds)}         ${phase.name}`),
    `${number(seconds)}         in all; the machine had ${gib(memory.peakMiB)} GiB in use at most, ${gib(memory.startMiB)} at the start`,
  ].join("\n");
}

function readLines(path) {
  try {
    const lines = readFileSync(path, "utf8").trim().split("\n");
    return new Map(lines.map((line) => JSON.parse(line)).map(({ file, seconds }) => [file, seconds]));
  } catch {
    return new Map();
  }
}

/** All that is in use on the machine: droplets run in cgroups of their own. 0 where there is no /proc. */
function usedMiB() {
  try {
    const text = readFileSync("/proc/meminfo", "utf8");
    const kib = (name) => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(text)?.[1]);
    return Math.round((kib("MemTotal") - kib("MemAvailable")) / 1024);
  } catch {
    return 0;
  }
}

const tenths = (value) => Math.round(value * 10) / 10;
const secondsSince = (started) => tenths((performance.now() - started) / 1000);
const gib = (mib) => (mib / 1024).toFixed(1);

module.exports = { Times, TIMES, table };
