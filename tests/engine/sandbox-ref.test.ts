import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSandboxWorld, type SandboxWorld } from "../fixtures/sandbox-world";
import { copyTracked } from "../fixtures/tracked";
import { asRoot, expectSuccess } from "../support/engine";
import { mutations, type Ended } from "./harness";

jest.setTimeout(1_200_000);

const PROJECT = join(__dirname, "../..");

asRoot("hermes sandbox create --ref", () => {
  let world: SandboxWorld;
  const commits: Record<string, string> = {};

  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.test", ...args], {
      cwd: world.project,
      encoding: "utf8",
      // The work tree that the test runs in may be git's own by the environment, in a hook.
      env: { PATH: process.env["PATH"], HOME: world.project },
    }).trim();

  /** A commit on a branch of main whose program is another one; main stays checked out. */
  const branch = (name: string, edit: (program: string) => string): void => change(name, "index.ts", edit);
  function change(name: string, file: string, edit: (text: string) => string): void {
    git("checkout", "--quiet", "-B", name, "main");
    const path = join(world.project, file);
    const before = readFileSync(path, "utf8");
    const after = edit(before);
    expect(after).not.toBe(before);
    writeFileSync(path, after);
    git("commit", "--quiet", "--all", "--message", name);
    commits[name] = git("rev-parse", "HEAD");
    git("checkout", "--quiet", "main");
  }
  function without(name: string, file: string): void {
    git("checkout", "--quiet", "-b", name);
    git("rm", "--quiet", file);
    git("commit", "--quiet", "--message", name);
    git("checkout", "--quiet", "main");
  }
  const saying = (words: string) => (program: string) =>
    program.replace("return hermes.outputs;", `return { ...hermes.outputs, program: "${words}" };`);

  const workTrees = (): string[] => git("worktree", "list", "--porcelain").match(/^worktree .*/gm) ?? [];
  const here = () => [`worktree ${world.project}`];
  const traces = () => world.traces();

  function made(ended: Ended): { outputs: { program?: string; droplet: { id: string } } } {
    expectSuccess(ended);
    return (JSON.parse(ended.stdout) as { outputs: { program?: string; droplet: { id: string } } }[])[0] as never;
  }

  beforeAll(async () => {
    world = await startSandboxWorld((project) => void copyTracked(PROJECT, project));
    git("init", "--quiet", "--initial-branch=main");
    // A link is no folder, so the rule for the folder does not hold for it.
    appendFileSync(join(world.project, ".git/info/exclude"), "node_modules\n");
    git("add", "--all");
    git("commit", "--quiet", "--message", "The project");
    branch("other", saying("another commit"));
    without("old", "config/sandbox.ts");
    without("unlocked", "package-lock.json");
    // That commit has another rule for sandboxes, and a key of its own.
    change("stricter", "config/keys.ts", (keys) =>
      keys.replace('growDisk: "boolean",', 'growDisk: "boolean",\n  colour: "string",'),
    );
    branch("broken", () => 'throw new Error("a program that does not run");\n');
  });
  afterAll(() => world?.stop());

  it("refuses what git does not know, and a program without sandboxes, before anything is made", async () => {
    const [before, calls] = [traces(), world.bench.digitalocean.calls.length];
    for (const [ref, wrong] of [
      ["no-such-branch", "git cannot find this commit in the clone"],
      ["0".repeat(40), "git cannot find this commit in the clone"],
      ["--help", "it looks like a flag, and the value is missing"],
    ]) {
      const { code, output } = await world.hermes("sandbox", "create", "x", `--ref=${ref}`);
      expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining(`--ref is "${ref}": ${wrong}`) });
    }
    const old = await world.hermes("sandbox", "create", "x", "--ref", "old");
    expect(old).toMatchObject({ code: 1, output: expect.stringContaining("so it refuses every sandbox") });
    expect(mutations(world.bench.digitalocean, calls)).toEqual([]);
    expect(traces()).toEqual(before);
  });

  it("refuses by the rules of that commit, before anything is made, and leaves nothing behind", async () => {
    const [before, calls] = [traces(), world.bench.digitalocean.calls.length];
    const create = (ref: string, ...flags: string[]) => world.hermes("sandbox", "create", "x", "--ref", ref, ...flags);
    const small = await create("other", "--size", "s-1vcpu-1gb");
    expect(small).toMatchObject({
      code: 1,
      output: expect.stringContaining('--size is "s-1vcpu-1gb": DigitalOcean has no such size'),
    });
    const typo = await create("other", "--set", "colour=red");
    expect(typo).toMatchObject({
      code: 1,
      output: expect.stringContaining("--set colour is not a key that hermes knows"),
    });
    // One that knows the key has other things to say.
    const known = await create("stricter", "--set", "colour=red", "--set", "swapGiB=4x");
    expect(known).toMatchObject({ code: 1, output: expect.stringContaining('--set swapGiB is "4x"') });
    expect(known.output).not.toMatch(/colour|hermes sandbox destroy|^ +at /m);
    expect(mutations(world.bench.digitalocean, calls)).toEqual([]);
    expect(traces()).toEqual(before);
    expect(workTrees()).toEqual(here());
  });

  it("brings up the program of that commit, and leaves no work tree", async () => {
    const { outputs } = made(await world.hermes("sandbox", "create", "one", "--ref", "other", "--json"));
    expect(outputs.program).toBe("another commit");
    expect(traces()).not.toHaveProperty("checkouts");
    expect(workTrees()).toEqual(here());
    expect(git("status", "--porcelain")).toBe("");
    const shown = await world.hermes("sandbox", "show", "one");
    expect(shown.stdout).toContain(`commit ${commits["other"]}`);
  });

  it("makes it anew from the same commit, though the branch went on", async () => {
    const droplet = () => Object.values(world.bench.digitalocean.state.droplets).map(({ id }) => id);
    const before = droplet();
    branch("other", saying("a later commit"));
    const { outputs } = made(await world.hermes("sandbox", "recreate", "one", "--json"));
    expect(outputs.program).toBe("another commit");
    expect(droplet()).toHaveLength(1);
    expect(droplet()).not.toEqual(before);
    expect(traces()).not.toHaveProperty("checkouts");
    expect(workTrees()).toEqual(here());
  });

  it("leaves no work tree of a program that does not run, or cannot be had; destroy removes the rest, and one that was cut off", async () => {
    const { code, output } = await world.hermes("sandbox", "create", "two", "--ref", "broken");
    expect({ code, output }).toEqual({ code: 5, output: expect.stringContaining("a program that does not run") });
    expect(traces()).not.toHaveProperty("checkouts");
    expect(workTrees()).toEqual(here());
    // A program whose packages cannot be installed: it says none.
    const lost = await world.hermes("sandbox", "create", "three", "--ref", "unlocked");
    expect({ code: lost.code, output: lost.output }).toEqual({
      code: 5,
      output: expect.stringContaining(`the program of ${git("rev-parse", "unlocked")} is not there`),
    });
    expect(lost.output).not.toMatch(/^ +at /m);
    expect(traces()).not.toHaveProperty("checkouts");
    // As a create leaves it that was killed.
    git("worktree", "add", "--quiet", "--detach", ".hermes/sandboxes/sandbox-one", "broken");
    const gone = await world.hermes("sandbox", "destroy", "one", "two", "three");
    expectSuccess(gone);
    expect(traces()).toEqual({});
    expect(workTrees()).toEqual(here());
  });
});
