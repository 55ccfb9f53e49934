import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as Remove from "../../lib/remove-stack";

let removeStack: typeof Remove.removeStack;
let calls: string[];
let folders: Set<string>;
let backend: string | undefined;
let login: string;
/** Codes of the next calls; 0 after them. */
let codes: number[];

beforeAll(() => {
  jest.resetModules();
  const runPulumi = (args: string[], options: { cwd: string; env: Record<string, string> }) => {
    if (args[0] === "whoami") return Promise.resolve({ code: 0, stdout: JSON.stringify({ url: login }), stderr: "" });
    calls.push(args.slice(0, 2).join(" "));
    folders.add(options.cwd);
    backend = options.env["PULUMI_BACKEND_URL"];
    expect(existsSync(join(options.cwd, "Pulumi.yaml"))).toBe(true);
    return Promise.resolve({ code: codes.shift() ?? 0, stdout: "", stderr: "" });
  };
  const pulumiOutput = async (...args: Parameters<typeof runPulumi>) => {
    const { code, stdout } = await runPulumi(...args);
    if (code !== 0) throw new Error("locked");
    return stdout;
  };
  jest.doMock("../../lib/pulumi", () => ({ runPulumi, pulumiOutput }));
  ({ removeStack } = jest.requireActual<typeof Remove>("../../lib/remove-stack"));
});

describe("the removal of a stack", () => {
  let project: string;
  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), "hermes-project-"));
    writeFileSync(join(project, "Pulumi.yaml"), "name: hermes\n");
    [calls, folders, codes, backend, login] = [[], new Set(), [], undefined, "https://api.pulumi.com/ada"];
  });
  afterEach(() => {
    rmSync(project, { recursive: true });
    for (const folder of folders) expect(existsSync(folder)).toBe(false);
  });

  it("runs in a folder of its own, where nothing is selected", async () => {
    await removeStack("one", project);
    expect([calls, folders.has(project)]).toEqual([["stack rm"], false]);
  });

  it("finishes one that was killed halfway", async () => {
    codes = [255, 0, 0, 0];
    await removeStack("one", project);
    expect(calls).toEqual(["stack rm", "stack init", "cancel --yes", "stack rm"]);
  });

  it("fails in the engine's words where the stack is still there", async () => {
    codes = [255, 255];
    await expect(removeStack("one", project)).rejects.toThrow("locked");
    expect(calls).toEqual(["stack rm", "stack init"]);
  });

  it.each([
    ["file://./state", `file://${join(process.cwd(), "state")}`],
    ["file://state", `file://${join(process.cwd(), "state")}`],
    ["file://.", `file://${process.cwd()}`],
    ["file:///srv/state", undefined],
    ["file://~", undefined],
    ["s3://bucket", undefined],
  ])("finds a backend that is named from here: %s", async (url, absolute) => {
    login = url;
    await removeStack("one", project);
    expect(backend).toBe(absolute);
  });
});
