import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { control } from "../../localcloud/control";
import { dropletIds, dropletPaths, execInDroplet, type DropletRecord } from "../../localcloud/droplets";
import { asOperator, operatorEnvironment } from "../../localcloud/embedded-cloud";
import { ensurePrograms, type Programs } from "../../localcloud/engine";
import { runCaptured, type ExecResult } from "../../localcloud/exec";
import { labOf, type Lab } from "../../localcloud/lab";
import { waitFor } from "../../localcloud/network";
import type { RecordedCall } from "../../localcloud/services";
import { copyTracked } from "../fixtures/tracked";

const SOURCE = join(__dirname, "..", "..");

/** A tailnet node, as Tailscale's API lists it. */
export interface TailnetNode {
  id: string;
  name: string;
  hostname: string;
  addresses: string[];
}

/** What must not change when the droplet and its gateway process are kept. */
export interface Identity {
  droplet: number;
  node: string;
  pid: string;
}

/**
 * Which OpenClaw the lab's registry serves: the real one, or the stand-in, which starts within a second and does no more
 * than its contract suite covers. Use the real one if OpenClaw's own behaviour is the point.
 */
export type Openclaw = "real" | "stand-in";

/** What the copy keeps when its files are restored: the lab's state, and the packages. */
const KEPT = [".hermes", "node_modules"];

/** Throws with the command's output if it failed. @returns its standard output */
export function succeeded({ code, stdout, stderr }: ExecResult): string {
  if (code !== 0) throw new Error(`exit code ${code}:\n${(stdout + stderr).slice(-4000)}`);
  return stdout;
}

/** A copy of the project as a user has it after `git clone`, with a lab of its own, that a test may edit. */
export class ProjectCopy {
  readonly dir: string;
  readonly lab: Lab;
  /** Everything that any command printed, for the search for secrets. */
  readonly printed: string[] = [];
  /** Looking for them runs one of them. */
  #programs: Promise<Programs> | undefined;

  /** @param folder - made for the copy; removed with it */
  constructor(
    readonly folder = mkdtempSync(join(tmpdir(), "hermes-")),
    readonly openclaw: Openclaw = "real",
  ) {
    this.dir = join(folder, "hermes");
    this.lab = labOf(this.dir);
  }

  /** Makes the files those of the project, whatever tests made of them. */
  restoreFiles(): void {
    mkdirSync(this.dir, { recursive: true });
    const others = readdirSync(this.dir).filter((name) => !KEPT.includes(name));
    for (const name of others) rmSync(join(this.dir, name), { recursive: true });
    copyTracked(SOURCE, this.dir);
    if (!existsSync(join(this.dir, "node_modules")))
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

  /** `npm start`. */
  async start(): Promise<string> {
    const environment = { ...process.env, HERMES_LAB_OPENCLAW: this.openclaw };
    const started = await this.run(["bash", "scripts/start.sh"], environment);
    // A machine that could not be made stays "new" in the account, which by itself does not say why.
    const problems = started.code === 0 ? "" : `\nproblems of the emulated account: ${await this.accountProblems()}`;
    return succeeded({ ...started, stderr: started.stderr + problems });
  }

  /** What the emulated account could not do with its machines. */
  private accountProblems(): Promise<string> {
    return this.control<{ problems: unknown[] }>("digitalocean/state").then(
      ({ problems }) => JSON.stringify(problems),
      (error: unknown) => String(error),
    );
  }

  /** A command where the operator is, as `hermes local exec` runs it. */
  async exec(command: string[], changes: NodeJS.ProcessEnv = {}): Promise<ExecResult> {
    this.#programs ??= ensurePrograms(this.lab.cache, () => undefined);
    const environment = { ...(await operatorEnvironment(this.lab, await this.#programs)), ...changes };
    return this.run(await asOperator(this.lab, command), environment);
  }

  /** A `hermes` command where the operator is. */
  hermes(...args: string[]): Promise<ExecResult> {
    return this.exec(["node", "cli/hermes.js", ...args]);
  }

  /** The same, for the stack hermes. */
  onStack(...args: string[]): Promise<ExecResult> {
    return this.hermes(...args, "--stack", "hermes");
  }

  pulumi(...args: string[]): Promise<ExecResult> {
    return this.exec(["pulumi", ...args, "--stack", "hermes"]);
  }

  up(...args: string[]): Promise<ExecResult> {
    return this.pulumi("up", "--yes", "--skip-preview", ...args);
  }

  /** `pulumi config set` with the value on standard input, as the documentation shows it. */
  async setConfig(key: string, value: string, ...flags: string[]): Promise<void> {
    const command = `printf %s "$VALUE" | pulumi config set --stack hermes --path ${flags.join(" ")} '${key}'`;
    succeeded(await this.exec(["sh", "-c", command], { VALUE: value }));
  }

  setSecret(name: string, value: string): Promise<void> {
    return this.setConfig(`hermes:secrets.${name}`, value, "--secret");
  }

  /** The secret's value; this is not kept as printed. */
  async secret(name: string): Promise<string> {
    return this.unrecorded(async () =>
      succeeded(await this.pulumi("config", "get", "--path", `hermes:secrets.${name}`)).replace(/\n$/, ""),
    );
  }

  /** Sets a key of the stack file to a map, or removes it if there are no lines. */
  setKey(key: string, lines: string[]): void {
    const file = "Pulumi.hermes.yaml";
    const others = this.read(file).replace(new RegExp(`^  hermes:${key}:\\n(?:    .*\\n)*`, "m"), "");
    const block = lines.length === 0 ? [] : [`  hermes:${key}:`, ...lines.map((line) => `    ${line}`)];
    this.write(file, [others.trimEnd(), ...block, ""].join("\n"));
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
  async ask(message: string, session = "main"): Promise<string> {
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

  gatewayPid(): Promise<string> {
    return this.droplet("systemctl show --property MainPID --value openclaw-gateway");
  }

  /** Resolves when the gateway is ready, and `hermes status` says so too. */
  async gatewayReady(): Promise<void> {
    const isReady = (): Promise<boolean> =>
      this.droplet("curl -s -m 5 http://127.0.0.1:18789/readyz || true").then(
        (answer) => answer.includes('"ready":true'),
        () => false,
      );
    await waitFor("the gateway is ready", isReady, { timeoutMs: 240_000, everyMs: 300 });
    await waitFor("hermes status", async () => (await this.onStack("status")).code === 0, { timeoutMs: 120_000 });
  }

  /** The nodes of the tailnet that have the stack's host name. */
  async nodes(): Promise<TailnetNode[]> {
    const ask = 'curl -sf -u "$TAILSCALE_API_KEY:" "$TAILSCALE_BASE_URL/api/v2/tailnet/-/devices"';
    const { devices } = JSON.parse(succeeded(await this.exec(["sh", "-c", ask]))) as { devices: TailnetNode[] };
    return devices.filter(({ hostname }) => hostname === "hermes");
  }

  /** The droplet's one node. */
  async node(): Promise<TailnetNode> {
    const [node, ...others] = await this.nodes();
    if (node === undefined || others.length > 0) throw new Error(`${others.length + 1} nodes have the name hermes`);
    return node;
  }

  async identity(): Promise<Identity> {
    return { droplet: this.dropletId, node: (await this.node()).id, pid: await this.gatewayPid() };
  }

  /** Tells the agent a word, so that {@link recalls} can find it. */
  remember(word: string, session?: string): Promise<string> {
    return this.ask(`remember the word ${word}`, session);
  }

  /** What the model is sent when a session goes on: all that was said in it. */
  async recalls(session?: string, question = "still there?"): Promise<string> {
    const since = await this.lastModelCall();
    await this.ask(question, session);
    const calls = await this.modelCalls(since);
    const asked = calls.find(({ messages }) => messages.some(({ text }) => text.includes(question)));
    return asked?.messages.map(({ text }) => text).join("\n") ?? "";
  }

  /** Number of the last call that the models' stand-in answered. */
  async lastModelCall(): Promise<number> {
    return (await this.modelCalls()).at(-1)?.number ?? 0;
  }

  /** Runs something whose output is not kept as printed: the tests' own look-ups of secrets. */
  async unrecorded<T>(work: () => Promise<T>): Promise<T> {
    const before = this.printed.length;
    try {
      return await work();
    } finally {
      this.printed.splice(before);
    }
  }

  private keep(result: ExecResult): ExecResult {
    this.printed.push(result.stdout, result.stderr);
    return result;
  }
}
