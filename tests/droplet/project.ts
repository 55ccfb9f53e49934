import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { control } from "../../localcloud/control";
import { dropletIds, dropletPaths, execInDroplet, type DropletRecord } from "../../localcloud/droplets";
import { asOperator, daemonsLastWords, operatorEnvironment, tearDown } from "../../localcloud/embedded-cloud";
import { ensurePrograms } from "../../localcloud/engine";
import { runCaptured, type ExecResult } from "../../localcloud/exec";
import { labOf, type Lab } from "../../localcloud/lab";
import { waitFor } from "../../localcloud/network";
import type { RecordedCall } from "../../localcloud/services";
import { copyTracked } from "../fixtures/tracked";
import { hireJanitor } from "./janitor";

const SOURCE = join(__dirname, "..", "..");

/** A copy of the project as a user has it after `git clone`, with a lab of its own, that a test may edit. */
export class ProjectCopy {
  /** Made for this copy, and removed with it. */
  readonly folder = mkdtempSync(join(tmpdir(), "hermes-"));
  readonly dir = join(this.folder, "hermes");
  readonly lab: Lab = labOf(this.dir);
  /** Everything that any command printed, for the search for secrets. */
  readonly printed: string[] = [];

  constructor() {
    copyTracked(SOURCE, this.dir);
    symlinkSync(join(SOURCE, "node_modules"), join(this.dir, "node_modules"));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  read(file: string): string {
    return readFileSync(join(this.dir, file), "utf8");
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.dir, file), text);
  }

  /** A command on this machine, in the project. */
  async run(command: string[], environment: NodeJS.ProcessEnv = process.env): Promise<ExecResult> {
    return this.keep(await runCaptured(command, { environment, cwd: this.dir }));
  }

  hermes(...args: string[]): Promise<ExecResult> {
    return this.run(["node", "cli/hermes.js", ...args]);
  }

  /** A command where the operator is, as `hermes local exec` runs it. */
  async exec(command: string[], changes: NodeJS.ProcessEnv = {}): Promise<ExecResult> {
    const programs = await ensurePrograms(this.lab.cache, () => undefined);
    const environment = { ...(await operatorEnvironment(this.lab, programs)), ...changes };
    return this.run(await asOperator(this.lab, command), environment);
  }

  pulumi(...args: string[]): Promise<ExecResult> {
    return this.exec(["pulumi", ...args, "--stack", "hermes"]);
  }

  up(): Promise<ExecResult> {
    return this.pulumi("up", "--yes", "--skip-preview");
  }

  async outputs<T>(): Promise<T> {
    return JSON.parse((await this.pulumi("stack", "output", "--json")).stdout) as T;
  }

  control<T>(path: string, body?: unknown): Promise<T> {
    return control<T>(this.lab, path, body);
  }

  get dropletId(): number {
    const id = dropletIds(this.lab).at(-1);
    if (id === undefined) throw new Error("there is no droplet");
    return id;
  }

  get userData(): string {
    const record = JSON.parse(readFileSync(dropletPaths(this.lab, this.dropletId).record, "utf8")) as DropletRecord;
    return record.spec.userData;
  }

  /** A shell script on the droplet, as root by its console; its output is kept apart from what users see. */
  async droplet(script: string): Promise<string> {
    const { code, stdout, stderr } = await execInDroplet(this.lab, this.dropletId, ["bash", "-c", script]);
    if (code !== 0) throw new Error(`on the droplet, ${script} ended with ${code}: ${stderr}${stdout}`);
    return stdout.trim();
  }

  /**
   * Resolves when the droplet that was told to reboot has. A gateway that is at work may take its unit's whole time to
   * stop (330 s). Rejects with what was still going on then.
   */
  async reboot(tell = (): Promise<unknown> => this.droplet("systemctl reboot")): Promise<void> {
    await this.droplet("touch /run/old-boot");
    // What restarts the droplet takes its own connection along.
    const answer = await tell().then(() => "the command was taken", String);
    const isAnother = (): Promise<boolean> =>
      this.droplet("test ! -e /run/old-boot").then(
        () => true,
        () => false,
      );
    await waitFor("another boot", isAnother, { timeoutMs: 400_000, everyMs: 300 }).catch(async (error: unknown) => {
      const seen = await this.droplet("systemctl list-jobs; journalctl --lines 60 --no-pager").catch(String);
      throw new Error([String(error), answer, seen].join("\n"));
    });
  }

  /** One turn of the agent main, in a session of the test's; resolves with its text. */
  async ask(message: string, session = "spine"): Promise<string> {
    const openclaw = ["openclaw", "agent", "--agent", "main", "--session-key", session, "--json", "--timeout", "120"];
    const account =
      "cd / && exec runuser -u openclaw -- env HOME=/var/lib/openclaw OPENCLAW_STATE_DIR=/var/lib/openclaw";
    const config = "OPENCLAW_CONFIG_PATH=/etc/openclaw/openclaw.json OPENCLAW_CONFIG_READONLY=1";
    const quoted = message.replaceAll("'", `'\\''`);
    const said = await this.droplet(`${account} ${config} ${openclaw.join(" ")} --message '${quoted}'`);
    const turn = JSON.parse(said.slice(said.indexOf("{"))) as { result: { payloads: { text: string }[] } };
    return turn.result.payloads.map((payload) => payload.text).join("\n");
  }

  /** What the models' stand-in was asked. */
  modelCalls(since = 0): Promise<RecordedCall[]> {
    return this.control("services/openrouter/calls", { since });
  }

  private keep(result: ExecResult): ExecResult {
    this.printed.push(result.stdout, result.stderr);
    return result;
  }
}

/** A copy for all tests of a file: each is named as it begins, and the copy and its lab go, also after an interrupted run. */
export function projectOfFile(): ProjectCopy {
  const project = new ProjectCopy();
  let dismissJanitor: () => void = () => undefined;
  beforeAll(() => void (dismissJanitor = hireJanitor(project.dir, "lab", project.folder)));
  beforeEach(() => void process.stderr.write(`${expect.getState().currentTestName ?? ""} …\n`));
  afterAll(async () => {
    const lastWords = daemonsLastWords(project.lab);
    await tearDown(project.lab);
    project.remove();
    dismissJanitor();
    if (lastWords !== undefined) throw new Error(`the embedded cloud's daemon ended by itself:\n${lastWords}`);
  });
  return project;
}
