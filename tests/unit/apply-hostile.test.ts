import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { activate, recover } from "../../gateway/apply/activate.ts";
import { doctor } from "../../gateway/apply/doctor.ts";
import { status } from "../../gateway/apply/status.ts";
import { stageBundles, type Content } from "../fixtures/apply-bundles.ts";
import { Machine } from "../fixtures/apply-machine.ts";

const WORKSPACE = "/var/lib/openclaw/workspaces/main";
const SOUL = `${WORKSPACE}/SOUL.md`;
const TWO: Content = { workspace: { "SOUL.md": "two\n", "skills/x/SKILL.md": "skill\n" } };
const FAILING: Content = { ...TWO, openclaw: { x: "never-ready" } };

let machine: Machine;
beforeEach(async () => {
  machine = new Machine();
  await apply({});
});
afterEach(() => {
  // Node's own cannot remove what is immutable, or nested deeper than a path is long.
  execFileSync("bash", ["-c", 'chattr -R -f -ia "$1" || true; rm -rf "$1"', "-", machine.root], { stdio: "ignore" });
});

const at = (path: string): string => join(machine.root, path);
const apply = (content: Content) => activate(machine.host(), stageBundles(machine.host(), content));
const shell = (script: string): void =>
  void execFileSync("bash", ["-c", script], { cwd: at(WORKSPACE), stdio: ["ignore", "ignore", "pipe"] });
const asides = (folder = WORKSPACE): string[] => fs.readdirSync(at(folder)).filter((name) => /set-aside/.test(name));

const DEEP = `python3 -c '
import os
os.mkdir("SOUL.md"); os.chdir("SOUL.md")
for _ in range(10000): os.mkdir("d"); os.chdir("d")'`;

const OBSTACLES: [what: string, script: string][] = [
  ["a directory", "rm -f SOUL.md; mkdir SOUL.md; touch SOUL.md/kept"],
  ["a FIFO", "rm -f SOUL.md; mkfifo SOUL.md"],
  ["a socket", `rm -f SOUL.md; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("SOUL.md")'`],
  ["a tree of 10,000 levels", `rm -f SOUL.md; ${DEEP}`],
  ["a file of 3 GiB that takes no room", "truncate -s 3G SOUL.md"],
  ["a directory for the partial file", "mkdir SOUL.md.hermes-partial; touch SOUL.md.hermes-partial/kept"],
  ["a tree of 10,000 levels for the partial file", `${DEEP.replaceAll("SOUL.md", "SOUL.md.hermes-partial")}`],
  ["a FIFO for the partial file", "mkfifo SOUL.md.hermes-partial"],
  ["a file in the place of a folder", "echo mine >skills"],
  ["a FIFO in the place of a folder", "mkdir skills; mkfifo skills/x"],
  ["a link in the place of a folder", "ln -s /tmp skills"],
  ["a loop of links in the place of a folder", "ln -s skills skills"],
];
const AS_ROOT: typeof OBSTACLES = [
  ["a device", "rm -f SOUL.md; mknod SOUL.md c 1 5"],
  ["an immutable file", "echo mine >SOUL.md; chattr +i SOUL.md"],
  ["an immutable partial file", "echo mine >SOUL.md.hermes-partial; chattr +i SOUL.md.hermes-partial"],
  ["a workspace that names are only added to", "rm -f SOUL.md; mkdir SOUL.md; chattr +a ."],
];
const all = process.getuid?.() === 0 ? [...OBSTACLES, ...AS_ROOT] : OBSTACLES;

describe.each(all)("%s in the way of a managed file", (_what, script) => {
  beforeEach(() => shell(script));

  it("is kept aside, the rest is applied, and the gateway runs", async () => {
    const { code, reply } = await apply({ ...TWO, openclaw: { logging: 1 } });
    expect([code, reply.error, reply.ready]).toEqual([0, undefined, true]);
    expect([machine.read(SOUL), machine.read(`${WORKSPACE}/skills/x/SKILL.md`)]).toEqual(["two\n", "skill\n"]);
    expect(machine.gateway.loaded).toContain("logging");
    const folders = [WORKSPACE, `${WORKSPACE}/skills`];
    const kept = [...folders.flatMap(asides), ...fs.readdirSync(at(WORKSPACE)).filter((name) => /kept-/.test(name))];
    expect(kept).toHaveLength(1);
    const { drift, warnings = [] } = await status(machine.host(), { agentTurn: false });
    expect(drift).toEqual([]);
    if (kept[0]?.includes("set-aside") === true) expect(warnings.join()).toContain(kept[0]);
  });

  it("stops no rollback, no recovery, no status and no doctor", async () => {
    const { code, reply } = await apply(FAILING);
    expect([code, reply.rolledBack, machine.gateway.active]).toEqual([2, true, "active"]);
    await recover(machine.host());
    expect((await status(machine.host(), { agentTurn: false })).ready).toBe(true);
    const workspaces = (await doctor(machine.host())).checks.find(({ name }) => name === "workspaces");
    expect(workspaces?.found).not.toMatch(/could not be checked/);
    expect(machine.gateway.active).toBe("active");
  });
});

describe("in a workspace", () => {
  it("a name with a line break and a change of direction is shown escaped", async () => {
    const name = "a\nb\u202Ec.md";
    await apply({ workspace: { [name]: "one\n" } });
    fs.rmSync(at(`${WORKSPACE}/${name}`));
    fs.mkdirSync(at(`${WORKSPACE}/${name}`));
    await apply({ workspace: { [name]: "two\n" } });
    const { warnings = [] } = await status(machine.host(), { agentTurn: false });
    expect(warnings[0]).toContain("a\\u{a}b\\u{202e}c.md was a directory: it is kept as ");
    expect(warnings.join() + machine.said.join("")).not.toMatch(/[\n\u202E]/);
  });

  it("a link does not choose the disk that is looked at", async () => {
    fs.rmSync(at(SOUL));
    fs.symlinkSync("/proc", at(SOUL));
    const asked: string[] = [];
    const host = machine.host();
    const disk: typeof host.disk = (path) => (asked.push(path), host.disk(path));
    await activate({ ...host, disk }, stageBundles(host, TWO));
    expect(asked.filter((path) => path.startsWith(WORKSPACE))).toEqual([]);
  });

  it("an edited file with the longest name is kept, under a shorter one", async () => {
    const name = `${"n".repeat(252)}.md`;
    await apply({ workspace: { [name]: "one\n" } });
    machine.write(`${WORKSPACE}/${name}`, "edited");
    await apply({ workspace: { [name]: "two\n" } });
    const kept = fs.readdirSync(at(WORKSPACE)).filter((each) => each.includes(".kept-"));
    expect([machine.read(`${WORKSPACE}/${name}`), machine.read(`${WORKSPACE}/${kept[0]}`)]).toEqual([
      "two\n",
      "edited",
    ]);
  });

  it("what its owner makes again at every step ends with a warning, and the gateway runs", async () => {
    const { renameSync } = fs;
    // As fast as an owner can be: whatever is moved out of the way is there again.
    const spy = jest.spyOn(fs, "renameSync").mockImplementation((from, to) => {
      renameSync(from, to);
      if (/set-aside-\d/.test(String(to))) fs.mkdirSync(String(from));
    });
    try {
      fs.mkdirSync(at(`${SOUL}.hermes-partial`));
      const { code } = await apply({ ...TWO, openclaw: { logging: 1 } });
      expect([code, machine.gateway.active]).toEqual([0, "active"]);
    } finally {
      spy.mockRestore();
    }
    expect(machine.said.join("\n")).toMatch(/warning: .*SOUL\.md could not be written \(EEXIST\)/);
    expect(machine.read(`${WORKSPACE}/skills/x/SKILL.md`)).toBe("skill\n");
  });
});
