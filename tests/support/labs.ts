import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { labCredentials } from "../../localcloud/credentials";
import { daemonsLastWords, tearDown } from "../../localcloud/embedded-cloud";
import { BUCKET } from "../../localcloud/services";
import { everything } from "./account";
import { hireJanitor, removeLab } from "./janitor";
import { ProjectCopy, succeeded, type Openclaw } from "./project-copy";

/** The longest step: a whole start on a busy machine with cold caches. */
const STEP_MS = 900_000;

/** Which OpenClaw a file gets: before a release HERMES_TEST_OPENCLAW=real, so that the real one is in all of them. */
const chosen = (openclaw: Openclaw): Openclaw => (process.env["HERMES_TEST_OPENCLAW"] === "real" ? "real" : openclaw);

/** Names each test as it begins: a droplet test may take minutes. */
function announceTests(): void {
  beforeEach(() => void process.stderr.write(`${expect.getState().currentTestName ?? ""} …\n`));
}

/**
 * A copy of the project for one file, whose lab starts when a test calls `start`. For tests of a cold start, of another
 * access mode, or of a stack that is left changed. The copy and its lab are removed after the file, also after an
 * interrupted run.
 */
export function ownLab(openclaw: Openclaw = "real"): ProjectCopy {
  jest.setTimeout(STEP_MS);
  const project = new ProjectCopy(undefined, chosen(openclaw));
  let dismissJanitor: () => void = () => undefined;
  beforeAll(() => {
    project.restoreFiles();
    dismissJanitor = hireJanitor(project.dir, { temporary: project.folder });
  });
  announceTests();
  afterAll(async () => {
    const lastWords = daemonsLastWords(project.lab);
    await tearDown(project.lab);
    project.remove();
    dismissJanitor();
    failIfEnded(lastWords);
  });
  return project;
}

function failIfEnded(lastWords: string | undefined): void {
  if (lastWords !== undefined) throw new Error(`the embedded cloud's daemon ended unexpectedly:\n${lastWords}`);
}

/**
 * The lab of this jest worker, with a healthy stack named hermes. Files that run one after another in a worker use the same
 * one; it is removed when jest ends. After each file the project's files, the stack's configuration and the stand-ins are
 * restored, `up` is run, and the file fails if that leaves a change, an unhealthy gateway, or anything in the account or
 * tailnet that was not there before. A file that fails this does not pass its lab on.
 */
export function sharedLab(openclaw: Openclaw = "stand-in"): ProjectCopy {
  jest.setTimeout(STEP_MS);
  const worker = new WorkerLab(chosen(openclaw));
  beforeAll(() => worker.take());
  announceTests();
  afterAll(() => worker.giveBack());
  return worker.project;
}

/** What is written beside the copy while its lab can be used. */
interface Ready {
  /** What the account, the tailnet and the engine have when the stack is up and nobody has changed anything. */
  everything: Record<string, unknown>;
}

class WorkerLab {
  readonly project: ProjectCopy;
  /** Absent while a file uses the lab, and after a file that left it unusable. */
  readonly #ready: string;
  #before: Ready | undefined;

  constructor(openclaw: Openclaw) {
    const { jestProcess, worker } = whereWeRun();
    this.project = new ProjectCopy(join(tmpdir(), `lab-${jestProcess}-${worker}-${openclaw}`), openclaw);
    this.#ready = join(this.project.folder, "ready.json");
  }

  async take(): Promise<void> {
    const { project } = this;
    if (existsSync(this.#ready)) {
      this.#before = JSON.parse(readFileSync(this.#ready, "utf8")) as Ready;
      rmSync(this.#ready);
      return;
    }
    if (existsSync(project.folder)) await this.#remove();
    mkdirSync(project.folder, { mode: 0o700 });
    project.restoreFiles();
    hireJanitor(project.dir, { temporary: project.folder, after: whereWeRun().jestProcess });
    await project.start();
    copyFolder(stackFiles(project), this.#kept);
    this.#before = { everything: await inventory(project) };
  }

  async giveBack(): Promise<void> {
    const { project } = this;
    // A file whose start failed has said so.
    if (this.#before === undefined) return;
    failIfEnded(daemonsLastWords(project.lab));
    await resetStandIns(project);
    project.restoreFiles();
    copyFolder(this.#kept, stackFiles(project));
    // An `up` that had nothing to do has shown that a preview has nothing to do.
    if (!/^Resources:\n +\d+ unchanged$/m.test(succeeded(await project.up())))
      succeeded(await project.pulumi("preview", "--expect-no-changes"));
    await project.gatewayReady();
    expect(await inventory(project)).toEqual(this.#before.everything);
    project.printed.length = 0;
    writeFileSync(this.#ready, JSON.stringify(this.#before));
  }

  get #kept(): string {
    return join(this.project.folder, "stack");
  }

  async #remove(): Promise<void> {
    await removeLab(this.project.lab);
    this.project.remove();
  }
}

/** All that has a name. A droplet that was replaced has another tailnet key, which counts as the same. */
async function inventory(project: ProjectCopy): Promise<Record<string, unknown>> {
  const found = await everything(project, "no-other-stack");
  return { ...found, tailnet: found.tailnet.map((name) => name.replace(/^key .*/, "a key")) };
}

/** The process that ends last, and a number for the worker: one for all files that run in this process. */
function whereWeRun(): { jestProcess: number; worker: string } {
  const jestProcess = Number(process.env["HERMES_JEST_PROCESS"]);
  if (!Number.isInteger(jestProcess)) throw new Error("tests/support/jest/setup.js was not run");
  return { jestProcess, worker: process.env["JEST_WORKER_ID"] ?? "1" };
}

/** The stack file as the embedded cloud keeps it, with the one that it was made of. */
const stackFiles = (project: ProjectCopy): string => join(project.lab.dir, "stack");

/** In place: commands that run have such a file mounted over the project's. */
function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(from)) copyFileSync(join(from, name), join(to, name));
}

/** Ends every fault, script and rotated key of the services around the droplet, and empties the bucket. */
async function resetStandIns(project: ProjectCopy): Promise<void> {
  const { openrouterKey, telegramToken } = labCredentials(project.lab);
  await project.control("services/faults", { registryDown: false });
  await project.control("services/openrouter/reset", {});
  await project.control("services/openrouter/key", { key: openrouterKey });
  await project.control("services/telegram/token", { token: telegramToken });
  await project.control("services/ollama/reset", {});
  await project.control("digitalocean/faults", []);
  await project.control("tailscale/faults", { faults: [] });
  await project.control("tailscale/server", { running: true });
  const bucket = join(project.lab.dir, "object-store", BUCKET);
  if (!existsSync(bucket)) return;
  for (const name of readdirSync(bucket)) rmSync(join(bucket, basename(name)), { recursive: true });
}
