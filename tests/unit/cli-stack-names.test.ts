// Every command that is told a stack, with the three ways to write its name, from the project and from a folder below it.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { Command } from "commander";
import { stackName } from "../../lib/names";
import { OUTPUTS } from "../fixtures/operated-stack";
import { noInput } from "./cli-wrong";

const FORMS = ["hermes", "acme/hermes", "acme/hermes/hermes"];

const COMMANDS: Record<string, string[]> = {
  init: [],
  status: [],
  tunnel: ["--port", "1"],
  doctor: [],
  logs: [],
  ssh: ["true"],
  "pair list": [],
  "pair approve": ["ABCD1234"],
  "pair devices": [],
  upgrade: ["--check"],
  rotate: ["gatewayToken"],
  "secret set": ["openrouterApiKey"],
  "secret list": [],
  backup: ["--to-bucket"],
  "backup list": [],
  restore: ["--from-bucket", "latest"],
  "restore --drill": [],
  plan: ["--offline"],
  sweep: [],
  report: [],
  up: ["--reviewed", "0123456789ab"],
  "image bake": [],
  "sandbox create": ["x"],
  "sandbox list": [],
  "sandbox show": ["x"],
  "sandbox extend": ["x"],
  "sandbox recreate": ["x"],
  "sandbox destroy": ["x"],
  "sandbox sweep": [],
};

const SECRETS = {
  openrouterApiKey: "sk-or-v1-0123456789abcdef",
  gatewayToken: "q7Wd93kfLz0aPmX2vB8nT5yRc6hJ1sGe",
  deployKey: "",
  backupKey: "AGE-SECRET-KEY-1X",
  backupS3KeyId: "id",
  backupS3Secret: "secret",
};
const BUCKET = { endpoint: "https://nyc3.digitaloceanspaces.com", region: "nyc3", bucket: "b" };
const STACK_FILE = `config:
  hermes:region: nyc3
  hermes:size: s-1vcpu-2gb
  hermes:tailnet: {hostname: hermes, tag: "tag:hermes"}
  hermes:backup: {to: {bucket: b}}
  hermes:secrets:
    openrouterApiKey: {secure: v1:x}
    gatewayToken: {secure: v1:x}
    deployKey: {secure: v1:x}
    backupKey: {secure: v1:x}
`;

let seen: string[] = [];
const note = (...words: unknown[]): void => void seen.push(words.map((word) => JSON.stringify(word)).join(" "));
const lost = (): Promise<never> => Promise.reject(new Error("no connection in a unit test"));

/** A backend with one stack, which it finds under each of its names. */
function answer(args: string[]): { code: number; stdout: string; stderr: string } {
  const isOurs = (text: string | undefined): boolean => text === undefined || FORMS.includes(text);
  const at = args.indexOf("--stack");
  const name = at < 0 ? undefined : args[at + 1];
  const words = args.filter((_, i) => at < 0 || (i !== at && i !== at + 1));
  note("pulumi", ...words.map((word) => (FORMS.includes(word) ? "STACK" : word)), isOurs(name) ? "on STACK" : name);
  const [what = "", how = ""] = words;
  const done = (stdout: unknown) => ({
    code: 0,
    stderr: "",
    stdout: typeof stdout === "string" ? stdout : JSON.stringify(stdout),
  });
  if (!isOurs(name)) return { code: 255, stdout: "", stderr: `error: no stack named '${name}' found` };
  if (what === "stack" && how === "output") return done(OUTPUTS);
  if (what === "stack" && how === "ls") return done([{ name: "hermes" }]);
  if (what === "stack" && how === "export") return done({ deployment: { resources: [] } });
  if (what === "stack" && how === "--show-name") return done("hermes\n");
  if (what === "whoami") return done({ url: "file:///state" });
  if (what === "config" && words.includes("hermes:secrets")) return done(SECRETS);
  if (what === "config" && words.includes("hermes:backup")) return done({ to: BUCKET });
  if (what === "config" && words.includes("hermes:secrets.deployKey"))
    return { code: 255, stdout: "", stderr: "not found" };
  if (what === "config" && how === "get") return { code: 255, stdout: "", stderr: "not found" };
  if (what === "config" && how === "--json")
    return done({ "hermes:openclaw": { objectValue: { version: "2026.9.6" } } });
  if (what === "preview") return done({ steps: [] });
  return done("");
}

let program: () => Command;
let project: string;
const cwd = process.cwd();

/** Nothing that a command would start is there. */
function noProgram() {
  const child = new PassThrough();
  setImmediate(() => child.emit("error", new Error("ENOENT")));
  return Object.assign(child, { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() });
}

beforeAll(() => {
  jest.resetModules();
  const processes = jest.requireActual<typeof import("node:child_process")>("node:child_process");
  jest.doMock("node:child_process", () => ({ ...processes, spawn: noProgram }));
  const runPulumi = (args: string[]) => Promise.resolve(answer(args));
  const actual = jest.requireActual<typeof import("../../lib/pulumi")>("../../lib/pulumi");
  jest.doMock("../../lib/pulumi", () => ({
    ...actual,
    runPulumi,
    pulumiOutput: async (args: string[]) => {
      const { code, stdout, stderr } = await runPulumi(args);
      if (code !== 0) throw new Error(stderr);
      return stdout;
    },
  }));
  const ssh = { runOverSsh: lost, connectSsh: lost, streamOverSsh: lost, shellOverSsh: lost };
  jest.doMock("../../lib/ssh/connection", () => ssh);
  jest.doMock("../../lib/ssh/stream", () => ({ ...ssh, INTERRUPTED: 130 }));
  jest.doMock("../../gateway/status", () => ({ gatewayStatus: lost }));
  const s3 = jest.requireActual<typeof import("../../gateway/apply/s3")>("../../gateway/apply/s3");
  jest.doMock("../../gateway/apply/s3", () => ({
    ...s3,
    list: (bucket: object, prefix: string) => {
      note("bucket", bucket, prefix);
      return Promise.resolve([]);
    },
  }));
  jest.doMock("../../lib/age", () => ({ proveEncrypted: lost, decrypt: lost }));
  jest.doMock("../../operations/sandboxes/engine", () => ({
    engineStack: lost,
    EngineError: Error,
    up: lost,
    destroy: lost,
  }));
  jest.spyOn(globalThis, "fetch").mockImplementation((url) => {
    note("fetch", String(url instanceof Request ? url.url : url));
    return Promise.resolve(new Response("{}"));
  });
  program = jest.requireActual<typeof import("../../cli/program")>("../../cli/program").program;
  process.env["DIGITALOCEAN_TOKEN"] = "dop_v1_unit";
  jest.spyOn(process, "stdin", "get").mockImplementation(noInput);
  for (const stream of [process.stdout, process.stderr])
    jest.spyOn(stream, "write").mockImplementation((text) => {
      note("print", String(text).replace(/\d+(\.\d+)? m?s\b/g, "T"));
      return true;
    });
});
afterAll(() => {
  delete process.env["DIGITALOCEAN_TOKEN"];
});
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "hermes-names-"));
  mkdirSync(join(project, "docs/deep"), { recursive: true });
  writeFileSync(join(project, "Pulumi.yaml"), "name: hermes\nruntime: nodejs\n");
  writeFileSync(join(project, "Pulumi.hermes.yaml"), STACK_FILE);
});
afterEach(() => {
  process.chdir(cwd);
  process.exitCode = undefined;
  rmSync(project, { recursive: true });
});

const leaves = (command: Command, path: string[] = []): [string, Command][] => [
  ...(path.length > 0 ? [[path.join(" "), command] as [string, Command]] : []),
  ...command.commands.flatMap((each) => leaves(each, [...path, each.name()])),
];
const optionOf = (command: Command): string | undefined => {
  const flags = command.options.map(({ long }) => long);
  return ["--stack", "--from"].find(
    (flag) => flags.includes(flag) && !(flag === "--from" && flags.includes("--stack")),
  );
};

const nameOf = (words: string): string => words.replace(/ --.*/, "");

/** What a command does, the stack's name taken out; a token or key that is made anew is another each time. */
async function traceOf(words: string, stack: string, folder: string): Promise<string> {
  seen = [];
  process.chdir(join(project, folder));
  const command = leaves(program()).find(([name]) => name === nameOf(words))?.[1];
  const args = [...words.split(" "), optionOf(command as Command) ?? "--stack", stack, ...(COMMANDS[words] ?? [])];
  const ended = await program()
    .exitOverride()
    .parseAsync(args, { from: "user" })
    .then(() => `ended with ${process.exitCode}`)
    .catch((error: Error) => `failed: ${error.message}`);
  process.exitCode = undefined;
  const files = readFileSync(join(project, "Pulumi.hermes.yaml"), "utf8");
  return [...seen, ended, files]
    .join("\n")
    .replaceAll(project, "PROJECT")
    .replaceAll(stack === "hermes" ? /$^/g : stack, "hermes")
    .replace(/\b[0-9a-f]{8,}\b|\d{4}-\d\d-\d\dT[\d:.]+Z?/gi, "X");
}

it("names every command that is told a stack", () => {
  const told = leaves(program()).filter(
    ([, command]) => optionOf(command) !== undefined && command.commands.length === 0,
  );
  const names = told.map(([name]) => name).filter((name) => !name.startsWith("local"));
  const tried = new Set(Object.keys(COMMANDS).map(nameOf));
  expect([...names, "backup"].sort()).toEqual([...tried].sort());
});

describe.each(Object.keys(COMMANDS))("hermes %s", (words) => {
  it("does the same for a stack's name with and without its organisation and project, wherever it is run", async () => {
    const plain = await traceOf(words, "hermes", ".");
    expect(plain).not.toMatch(/TypeError|is not a function/);
    expect(await traceOf(words, "acme/hermes", ".")).toBe(plain);
    expect(await traceOf(words, "acme/hermes/hermes", "docs/deep")).toBe(plain);
    expect(await traceOf(words, "hermes", "docs/deep")).toBe(plain);
  });
});

it("takes the name out of each form", () => {
  expect(FORMS.map(stackName)).toEqual(["hermes", "hermes", "hermes"]);
});
