// Everything that hermes-apply touches of the machine, so that tests can give it another one.
import { spawn } from "node:child_process";
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync, statfsSync, statSync } from "node:fs";
import { request } from "node:http";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { LOCK } from "./places.ts";

export interface RunResult {
  /** Exit code; 127 when the program could not be started, {@link TIMED_OUT} when it took too long. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  timeoutMs?: number;
  env?: Record<string, string>;
  /** Takes standard output as it comes, in the place of the result. An error of it ends the program. */
  sink?: (stdout: Readable) => Promise<void>;
}

/** Exit code of a command that was ended because its time was up; the one of timeout(1). */
export const TIMED_OUT = 124;

/** Characters of standard error that are kept, the last ones: what a program complains of may be an agent's to choose. */
const STDERR_MAX = 100_000;
const STDOUT_MAX = 16 * 1024 * 1024;

interface AskOptions {
  timeoutMs: number;
  onLine?: (line: string) => void;
}

export interface Answer {
  status: number;
  body: string;
}

interface Disk {
  device: number;
  /** Bytes that anybody may still take. */
  free: number;
  /** Files that may still be made; undefined where the file system does not count them. */
  freeFiles?: number;
  writable: boolean;
}

export interface Host {
  /** Absolute path on the droplet → path to open. */
  path(absolute: string): string;
  run(command: string, args: string[], options?: RunOptions): Promise<RunResult>;
  /** Body of a page, undefined when there is none. */
  get(url: string, timeoutMs: number): Promise<string | undefined>;
  /** One HTTP request. `onLine` gets the body's lines as they come. Status 0: there was no answer, the body says why. */
  ask(method: string, url: string, body: object | undefined, options: AskOptions): Promise<Answer>;
  /** Milliseconds. */
  now(): number;
  sleep(ms: number): Promise<void>;
  ids(owner: string): { uid: number; gid: number };
  /** The file system that a path is on, or would be. */
  disk(path: string): Disk;
  /** For people. */
  say(line: string): void;
}

/** The machine this runs on, or a tree of it below `root`. */
export function realHost(root = ""): Host {
  const path = (absolute: string) => root + absolute;
  return {
    path,
    run,
    get,
    ask,
    now: () => performance.now(),
    sleep: async (ms) => void (await delay(ms)),
    ids: (owner) => ids(owner, (name) => readFileSync(path(`/etc/${name}`), "utf8")),
    disk: (absolute) => disk(path(absolute)),
    say: (line) => void process.stderr.write(`${line}\n`),
  };
}

/**
 * What this program was started with as its lock, undefined without one. Its children get it too: when it is killed
 * alone, no other hermes-apply begins before what it had begun is done.
 */
function heldLock(): number | undefined {
  const held = readdirSync("/proc/self/fd").find((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === LOCK;
    } catch {
      return false;
    }
  });
  return held === undefined ? undefined : Number(held);
}

function run(command: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  const lock = heldLock();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe", ...(lock === undefined ? [] : [lock])],
      env: { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", ...options.env },
      cwd: "/",
      timeout: options.timeoutMs ?? 60_000,
      killSignal: "SIGKILL",
    });
    const out = { stdout: "", stderr: "" };
    child.stderr
      ?.setEncoding("utf8")
      .on("data", (text: string) => (out.stderr = (out.stderr + text).slice(-STDERR_MAX)));
    let sunk: Promise<void> = Promise.resolve();
    if (options.sink === undefined || child.stdout === null)
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        // Other accounts' commands print what they like, and this is root's memory.
        if (out.stdout.length < STDOUT_MAX) out.stdout += text;
      });
    else sunk = options.sink(child.stdout);
    sunk.catch((error: Error) => (child.kill("SIGKILL"), reject(error)));
    child.on("error", (error) => resolve({ code: 127, stdout: "", stderr: error.message }));
    child.on("close", (code, signal) => {
      const result = { code: code ?? (signal === "SIGKILL" ? TIMED_OUT : 128), ...out };
      sunk.then(() => resolve(result), reject);
    });
  });
}

function disk(path: string): Disk {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() !== true && path !== "/") return disk(dirname(path));
  const { bavail, bfree, bsize, files, ffree } = statfsSync(path);
  const freeFiles = files > 0 ? { freeFiles: ffree } : {};
  const { dev: device } = statSync(path);
  const free = isReservedForGateway(device) ? Math.max(0, bfree * bsize - EXT4_OWN_BYTES) : bavail * bsize;
  return { device, free, ...freeFiles, writable: isWritable(path) };
}

/** ext4 reserves 4096 blocks for its metadata. No account can use them, but `f_bfree` of statfs(2) includes them. */
const EXT4_OWN_BYTES = 4096 * 4096;

/** Whether root and the gateway's account may write where other accounts find the disk full: reserve-space.sh. */
function isReservedForGateway(device: number): boolean {
  // As the kernel takes a device's number apart; see makedev(3).
  const [major, minor] = [(device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00)];
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines.some(
    (line) => line.split(" ")[2] === `${major}:${minor}` && /,resgid=[1-9]/.test(line.slice(line.indexOf(" - "))),
  );
}

/** open(2)'s O_TMPFILE on Linux: a file without a name, gone when it is closed. */
const O_TMPFILE = 0o20200000;

/** By writing: after an error ext4 refuses every change, and is mounted as "rw" all the same (seen with Linux 6.12). */
function isWritable(folder: string): boolean {
  try {
    closeSync(openSync(folder, constants.O_WRONLY | O_TMPFILE, 0o600));
    return true;
  } catch (error) {
    return !["EROFS", "EIO"].includes((error as NodeJS.ErrnoException).code ?? "");
  }
}

async function get(url: string, timeoutMs: number): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    return await response.text();
  } catch {
    return undefined;
  }
}

/** Plain HTTP to loopback, and not by fetch: that gives up after five minutes of silence, and loading a model takes longer. */
function ask(method: string, url: string, body: object | undefined, options: AskOptions): Promise<Answer> {
  return new Promise((resolve) => {
    const noAnswer = (error: Error) => resolve({ status: 0, body: JSON.stringify({ error: error.message }) });
    const headers = { "content-type": "application/json" };
    const call = request(url, { method, headers, signal: AbortSignal.timeout(options.timeoutMs) }, (response) => {
      const lines = createInterface({ input: response, crlfDelay: Infinity });
      const all: string[] = [];
      lines.on("line", (line) => {
        all.push(line);
        options.onLine?.(line);
      });
      response.on("error", noAnswer);
      lines.on("close", () => resolve({ status: response.statusCode ?? 0, body: all.join("\n") }));
    });
    call.on("error", noAnswer);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function ids(owner: string, read: (name: string) => string): { uid: number; gid: number } {
  const [user = "", group = ""] = owner.split(":");
  const find = (file: string, name: string) => {
    const line = read(file)
      .split("\n")
      .find((each) => each.startsWith(`${name}:`));
    if (line === undefined) throw new Error(`no ${file === "passwd" ? "user" : "group"} ${name} on this machine`);
    return Number(line.split(":")[2]);
  };
  return { uid: find("passwd", user), gid: find("group", group) };
}
