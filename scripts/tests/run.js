// One run of tests: its programs, its temporary folder, and what is left of both at the end.
const { spawn } = require("node:child_process");
const { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { dirname, join } = require("node:path");
const { performance } = require("node:perf_hooks");
const { setInterval } = require("node:timers");

const project = join(__dirname, "..", "..");
/** In the environment of everything that a run starts, however far away. */
const MARK = "HERMES_TEST_RUN";
const LONGEST_CLEANUP_MS = 10 * 60_000;

/**
 * Starts programs one after another and passes signals on. Tests make their temporary folders in the run's own, and start
 * processes that outlive them when they are interrupted: `end` ends those and removes the folder.
 */
class Run {
  interrupted = false;
  /** Short: sockets are made in it, and the kernel takes no longer path than 107 characters. */
  folder = mkdtempSync(join(outermost(), "ht-"));
  /** Where there is a file system in memory, for tests that work on thousands of files. */
  #memory = existsSync("/dev/shm") ? mkdtempSync("/dev/shm/ht-") : this.folder;
  #running;

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => this.#interrupt(signal));
    // npm passes a SIGTERM on to its shell, which ends without a word to us.
    const { ppid } = process;
    if (process.env["npm_lifecycle_event"] !== undefined)
      setInterval(() => process.ppid === ppid || this.#interrupt("SIGTERM"), 500).unref();
  }

  /** @returns the program's exit code; 130 when a signal ended it */
  start(command, args, environment = {}) {
    if (this.interrupted) return Promise.resolve(130);
    return new Promise((resolve, reject) => {
      this.#running = spawn(command, args, {
        cwd: project,
        env: {
          ...process.env,
          TMPDIR: this.folder,
          HERMES_TEST_MEMORY: this.#memory,
          [MARK]: this.folder,
          ...environment,
        },
        // A group of its own: the terminal's Ctrl-C reaches each process of it once, by us.
        detached: true,
        stdio: ["ignore", "inherit", "inherit"],
      });
      this.#running.once("error", reject);
      this.#running.once("close", (code) => resolve(code ?? 130));
    });
  }

  /**
   * Waits for those that take labs down, ends what else the run started and left, and removes its folder.
   *
   * @returns the command lines of what it had to end
   */
  async end() {
    const until = performance.now() + LONGEST_CLEANUP_MS;
    const janitors = () => processesOf(this.folder).filter(({ command }) => command.includes("janitor.ts"));
    if (janitors().length > 0) console.error("removing the labs of this run …");
    while (janitors().length > 0 && performance.now() < until) await new Promise((done) => setTimeout(done, 200));
    const left = await endAll(this.folder);
    rmSync(this.#memory, { recursive: true, force: true });
    if (mountsIn(this.folder).length === 0) rmSync(this.folder, { recursive: true, force: true });
    else console.error(`something is still mounted below ${this.folder}; remove it with: ./hermes local down`);
    return left;
  }

  #interrupt(signal) {
    this.interrupted = true;
    if (this.#running === undefined || this.#running.exitCode !== null || this.#running.signalCode !== null) return;
    try {
      process.kill(-this.#running.pid, signal);
    } catch (error) {
      if (error.code !== "ESRCH") throw error;
    }
  }
}

/** Beside the folder of a run that this one is part of, not in it. */
function outermost() {
  const outer = process.env[MARK];
  return outer === undefined ? tmpdir() : dirname(outer);
}

/** Killed until none is left: one of them may have started another meanwhile. */
async function endAll(mark) {
  const commands = new Map();
  for (;;) {
    const found = processesOf(mark);
    if (found.length === 0) return [...commands.values()];
    for (const { pid, command } of found) {
      commands.set(pid, command);
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Whatever has the mark in its environment, zombies excepted. None where there is no /proc. */
function processesOf(mark) {
  const wanted = `${MARK}=${mark}`;
  return namesIn("/proc")
    .filter((name) => /^\d+$/.test(name) && textOf(`/proc/${name}/environ`).split("\0").includes(wanted))
    .map((name) => ({
      pid: Number(name),
      command: textOf(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim(),
    }))
    .filter(({ command }) => command !== "");
}

const mountsIn = (folder) =>
  textOf("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => line.split(" ")[4]?.startsWith(`${folder}/`));

function namesIn(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

module.exports = { Run, project };
