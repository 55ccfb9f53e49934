import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { activate, recover, type Exit } from "../../gateway/apply/activate.ts";
import { backup } from "../../gateway/apply/backup.ts";
import { doctor } from "../../gateway/apply/doctor.ts";
import type { Host } from "../../gateway/apply/host.ts";
import { restore } from "../../gateway/apply/restore.ts";
import { status } from "../../gateway/apply/status.ts";
import { stageBundles, type Content } from "../fixtures/apply-bundles.ts";
import { Machine } from "../fixtures/apply-machine.ts";
import { attack, randomOf } from "../fixtures/hostile-workspace.ts";

/** Another first seed: HERMES_FUZZ_SEED. One state again: HERMES_FUZZ_SEED and HERMES_FUZZ_STATES=1. */
const FIRST = Number(process.env["HERMES_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const STATES = Number(process.env["HERMES_FUZZ_STATES"] ?? 300);
const PER_TEST = 10;
/** Of how many backups one is restored, up to the swap. */
const RESTORED = 16;

const WORKSPACE = "/var/lib/openclaw/workspaces/main";
const RECIPIENT = "age1e7kyr42glc42q9zwna7k2hplklncuz0cn4rltxmgs78jpxjh5sfqfczrdr";
const workspace = { "SOUL.md": "soul\n", "skills/x/SKILL.md": "skill\n" };
const NEXT: Content = { workspace: { ...workspace, "SOUL.md": "next\n" }, openclaw: { logging: 1 } };
const FAILING: Content = { workspace: { ...workspace, "SOUL.md": "never\n" }, openclaw: { x: "never-ready" } };

let machine: Machine;
let special: string[];
beforeAll(() => {
  machine = new Machine();
  const folder = join(machine.root, "special");
  fs.mkdirSync(folder);
  special = ["fifo", "socket", ...(process.getuid?.() === 0 ? ["device"] : [])].map((name) => join(folder, name));
  execFileSync("mkfifo", [special[0] ?? ""]);
  execFileSync("python3", [
    "-c",
    "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
    special[1] ?? "",
  ]);
  if (special[2] !== undefined) execFileSync("mknod", [special[2], "c", "1", "5"]);
  // Not to encrypt is the one thing that is not the real one here: what comes out is read again below.
  machine.write("/usr/bin/age", '#!/bin/sh\nfor out; do :; done\ncat >"$out"\n');
  fs.chmodSync(join(machine.root, "/usr/bin/age"), 0o755);
  jest.spyOn(fs, "fsyncSync").mockImplementation(() => undefined);
});
afterAll(() => machine.remove());

/** The owner also acts while hermes-apply works: at some of the calls in its folder. */
async function meanwhile<T>(random: () => number, act: () => void, work: () => Promise<T>): Promise<T> {
  const real = { ...fs };
  let busy = false;
  for (const name of ["lstatSync", "openSync", "renameSync", "unlinkSync", "mkdirSync"] as const) {
    const call = real[name] as (...args: unknown[]) => unknown;
    const watched = (...args: unknown[]): unknown => {
      if (!busy && String(args[0]).startsWith("/proc/self/fd/") && random() < 0.02) {
        busy = true;
        act();
        busy = false;
      }
      return call(...args);
    };
    Object.assign(fs, { [name]: watched });
  }
  try {
    return await work();
  } finally {
    const { lstatSync, openSync, renameSync, unlinkSync, mkdirSync } = real;
    Object.assign(fs, { lstatSync, openSync, renameSync, unlinkSync, mkdirSync });
  }
}

const apply = (host: Host, content: Content): Promise<Exit> => activate(host, stageBundles(host, content));

async function survives(seed: number): Promise<void> {
  const random = randomOf(seed);
  const hostile = { workspace: join(machine.root, WORKSPACE), random, special, isRoot: process.getuid?.() === 0 };
  execFileSync("rm", ["-rf", "--", join(machine.root, "/var/lib/openclaw/workspaces")]);
  fs.rmSync(join(machine.root, "/var/lib/hermes"), { recursive: true, force: true });
  const host = machine.host();
  expect((await apply(host, { workspace })).code).toBe(0);
  const attacks = attack(hostile, 1 + Math.floor(random() * 5));
  const where = { seed, attacks };

  const act = (): void => void attacks.push(...attack(hostile, 1).map((deed) => `meanwhile: ${deed}`));
  const during =
    random() < 0.5
      ? <T>(work: () => Promise<T>) => meanwhile(random, act, work)
      : <T>(work: () => Promise<T>) => work();
  const answers = async () => ({ ...where, active: machine.gateway.active, page: await host.get("readyz", 1) });
  const well = { ...where, active: "active", page: '{"ready":true}' };

  const failed = await during(() => apply(host, FAILING));
  expect({ ...where, code: failed.code }).toEqual({ ...where, code: 2 });
  expect(await answers()).toEqual(well);
  const applied = await during(() => apply(host, NEXT));
  expect({ ...where, code: applied.code, error: applied.reply.error }).toEqual({ ...where, code: 0, error: undefined });
  expect(await answers()).toEqual(well);
  if (attacks.every((deed) => !deed.startsWith("meanwhile")))
    expect({ ...where, soul: machine.read(`${WORKSPACE}/SOUL.md`) }).toEqual({ ...where, soul: "next\n" });
  await during(() => recover(host));
  const found = await during(() => status(host, { agentTurn: false }));
  expect({ ...where, ready: found.ready }).toEqual({ ...where, ready: true });
  const { checks } = await during(() => doctor(host));
  expect({ ...where, checks: checks.filter(({ name }) => ["workspaces", "books"].includes(name)).length }).toEqual({
    ...where,
    checks: 1,
  });
  expect(checks.map(({ found }) => found).join("") + (found.warnings ?? []).join("")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  const made = (await backup(host, ["file", RECIPIENT])) as { path: string; bytes: number };
  // Apparent sizes are gigabytes; what is really there has a few megabytes.
  expect({ ...where, small: made.bytes < 2 ** 26 }).toEqual({ ...where, small: true });
  if (seed % RESTORED === 0) await restores(host, made.path, where);
  expect(await answers()).toEqual(well);
}

async function restores(host: Host, path: string, where: object): Promise<void> {
  const input = fs.openSync(join(machine.root, path), "r");
  try {
    const restored = await restore(host, true, input);
    expect({ ...where, code: restored.code }).toEqual({ ...where, code: 0 });
  } finally {
    fs.closeSync(input);
  }
}

describe(`hermes-apply in the workspace of a hostile owner, ${STATES} states from seed ${FIRST}`, () => {
  const groups = Array.from({ length: Math.ceil(STATES / PER_TEST) }, (_, group) => FIRST + group * PER_TEST);
  it.each(groups)("finishes, and the gateway answers (%d)", async (first) => {
    for (let seed = first; seed < Math.min(first + PER_TEST, FIRST + STATES); seed++) await survives(seed);
  });
});
