import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { StatusReport } from "../gateway/status";
import { CommandError, EXIT, Progress, table } from "../lib/output";
import { resourceLines } from "../lib/pulumi";
import { control } from "../localcloud/control";
import { dropletCommand, dropletIds } from "../localcloud/droplets";
import {
  asOperator,
  bringUp,
  daemonRuns,
  missingRequirement,
  operatorEnvironment,
  remains,
  tearDown,
} from "../localcloud/embedded-cloud";
import { describeEngine, ensurePrograms } from "../localcloud/engine";
import { runAttached, runCaptured, STACK, type ExecResult } from "../localcloud/exec";
import { labOf, type Lab } from "../localcloud/lab";
import { oneOf } from "../operations/stack/input";
import type { StackOutputs } from "../operations/stack/reach";

const PROJECT = join(__dirname, "..");

/** Tests have a lab of their own, beside the user's. */
const currentLab = (): Lab => labOf(process.env["HERMES_PROJECT"] ?? PROJECT, process.env["HERMES_LAB"] ?? "lab");

export function addLocalCommands(hermes: Command): void {
  // So that the options of what `exec` and `shell` run are its own.
  hermes.enablePositionalOptions();
  const local = hermes.command("local").description("Manage the embedded cloud, which needs no account");
  local.enablePositionalOptions();
  local.command("up").description("Start the embedded cloud and deploy the stack hermes in it").action(up);
  local
    .command("status")
    .description("Show what is running")
    .option("--json", "one JSON document on stdout")
    .action(status);
  local
    .command("exec")
    .description("Run a command in the operator's environment: ./hermes local exec -- pulumi preview")
    .argument("<command...>")
    .passThroughOptions()
    .allowUnknownOption()
    .action(exec);
  local
    .command("shell")
    .description("Open a root shell on the droplet's console, or run a command there")
    .argument("[command...]")
    .passThroughOptions()
    .allowUnknownOption()
    .action(shell);
  local.command("logs").description("Show logs of the embedded cloud's services").argument("[part]").action(logs);
  local
    .command("env")
    .description("Print the operator's environment for eval; contains the lab's credentials")
    .action(env);
  local
    .command("down")
    .description("Destroy the stack and remove everything but the cache from this machine")
    .action(down);
}

function checkedLab(): Lab {
  const problem = missingRequirement();
  if (problem !== undefined) throw new CommandError(problem, EXIT.refused);
  return currentLab();
}

function runningLab(): Lab {
  const lab = checkedLab();
  if (!daemonRuns(lab)) throw new CommandError("the embedded cloud is down. Bring it up: npm start", EXIT.unhealthy);
  return lab;
}

async function up(): Promise<void> {
  const lab = checkedLab();
  const progress = new Progress();
  const started = Date.now();
  const programs = await bringUp(lab, progress).catch((error: Error) => {
    throw new CommandError(error.message, EXIT.cloud);
  });
  for (const line of describeEngine(programs)) process.stderr.write(`  ${line}\n`);
  const run = (command: string[], onLine?: (line: string) => void): Promise<ExecResult> => inLab(lab, command, onLine);
  progress.begin(`stack ${STACK}`);
  await expectSuccess(run(["node", join(PROJECT, "cli/hermes.js"), "init", "--stack", STACK]), "./hermes init");
  progress.begin("pulumi up");
  await expectSuccess(
    run(["pulumi", "up", "--yes", "--skip-preview", "--stack", STACK], resourceLines(progress)),
    "pulumi up",
  );
  progress.begin("agent turn");
  const summary = await summaryOf(run);
  progress.end();
  const seconds = (Date.now() - started) / 1000;
  process.stdout.write(`\n${summary}\n\nall of it took ${seconds.toFixed(0)} s\n${LOOK_AROUND}`);
}

const LOOK_AROUND = `
look around     ./hermes local status | exec -- pulumi preview | shell | logs | env
take it down    ./hermes local down
`;

async function summaryOf(run: (command: string[]) => Promise<ExecResult>): Promise<string> {
  const outputs = JSON.parse(
    await expectSuccess(run(["pulumi", "stack", "output", "--json", "--stack", STACK]), "pulumi stack output"),
  ) as StackOutputs;
  const hermes = ["node", join(PROJECT, "cli/hermes.js"), "status", "--agent-turn", "--json", "--stack", STACK];
  const report = JSON.parse((await run(hermes)).stdout) as StatusReport;
  if (report.problem !== undefined) throw new CommandError(report.problem, EXIT.unhealthy);
  const turn = report.status?.agentTurn;
  return table([
    ["droplet", `${outputs.droplet.name}, ${outputs.droplet.region}, ${outputs.droplet.ipv4}`],
    ["size", `${outputs.droplet.size}, $${outputs.cost.monthlyUsd.toFixed(2)} a month`],
    ["tailnet", `${outputs.tailnet.name}, ${outputs.tailnet.address}`],
    ["openclaw", `${outputs.openclaw.version}, ready`],
    ["agent", `${turn?.text ?? "no answer"} (${turn?.model ?? "no model"})`],
    ["tunnel", "./hermes local exec -- ./hermes tunnel"],
  ]);
}

/** Runs a command in the operator's place with what it prints kept. */
async function inLab(lab: Lab, command: string[], onLine?: (line: string) => void): Promise<ExecResult> {
  const programs = await ensurePrograms(lab.cache, () => undefined);
  return await runCaptured(await asOperator(lab, command), {
    environment: await operatorEnvironment(lab, programs),
    cwd: lab.project,
    ...(onLine === undefined ? {} : { onLine }),
  });
}

async function expectSuccess(running: Promise<ExecResult>, what: string): Promise<string> {
  const result = await running;
  if (result.code === 0) return result.stdout;
  const words = `${result.stdout}\n${result.stderr}`.trim().split("\n").slice(-40).join("\n");
  throw new CommandError(`${what} ended with ${result.code}:\n${words}`, EXIT.cloud);
}

async function exec(command: string[]): Promise<void> {
  const lab = runningLab();
  const programs = await ensurePrograms(lab.cache, () => undefined);
  const environment = await operatorEnvironment(lab, programs);
  process.exitCode = await runAttached(await asOperator(lab, command), environment, process.cwd());
}

async function shell(command: string[]): Promise<void> {
  const lab = runningLab();
  const id = dropletIds(lab).at(-1);
  if (id === undefined) throw new CommandError("there is no droplet", EXIT.unhealthy);
  const wanted = command.length > 0 ? command : ["env", `TERM=${process.env["TERM"] ?? "dumb"}`, "bash", "-l"];
  process.exitCode = await runAttached(dropletCommand(lab, id, wanted), process.env, "/");
}

async function status(options: { json?: boolean }): Promise<void> {
  const lab = checkedLab();
  const running = daemonRuns(lab);
  const state = running ? await control<CloudSummary>(lab, "digitalocean/state") : undefined;
  const droplets = Object.values(state?.droplets ?? {});
  const document = {
    running,
    directory: lab.dir,
    droplets: droplets.map(({ id, name, status }) => ({ id, name, status })),
    remains: await remains(lab),
  };
  if (options.json === true) return void process.stdout.write(`${JSON.stringify(document)}\n`);
  const list = (items: string[]): string => (items.length === 0 ? "none" : items.join(", "));
  process.stdout.write(
    `${table([
      ["embedded cloud", running ? "up" : "down"],
      ["droplets", list(droplets.map((one) => `${one.name} (${one.id}, ${one.status})`))],
      ["directory", lab.dir],
      ["on this machine", `${document.remains.length} processes, namespaces, mounts and the like`],
    ])}\n`,
  );
}

interface CloudSummary {
  droplets: Record<string, { id: number; name: string; status: string }>;
}

function logs(part?: string): void {
  const lab = checkedLab();
  const folder = join(lab.dir, "logs");
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  if (part === undefined) return void process.stdout.write(`${names.join("\n")}\n`);
  process.stdout.write(readFileSync(join(folder, logNamed(part, names))));
}

/** @throws CommandError if there is no such log */
export function logNamed(part: string, names: readonly string[]): string {
  const name = names.find((one) => one === part || one.startsWith(`${part}.`));
  if (name !== undefined) return name;
  if (names.length === 0)
    throw new CommandError("the embedded cloud has no logs: bring it up with npm start", EXIT.input);
  return oneOf(
    "[part]",
    part,
    names.map((one) => one.replace(/\..*$/, "")),
  );
}

async function env(): Promise<void> {
  const lab = runningLab();
  const environment = await operatorEnvironment(lab, await ensurePrograms(lab.cache, () => undefined));
  for (const [name, value] of Object.entries(environment)) {
    if (process.env[name] === value || value === undefined) continue;
    process.stdout.write(`export ${name}='${value.replaceAll("'", `'\\''`)}'\n`);
  }
}

async function down(): Promise<void> {
  const lab = checkedLab();
  const progress = new Progress();
  if (daemonRuns(lab)) {
    progress.begin("pulumi destroy");
    const result = await inLab(
      lab,
      ["pulumi", "destroy", "--yes", "--skip-preview", "--exclude-protected", "--stack", STACK],
      resourceLines(progress),
    ).catch((error: Error) => ({ code: 1, stderr: error.message, stdout: "" }));
    if (result.code !== 0) process.stderr.write("  destroy failed; the embedded cloud goes all the same\n");
  }
  progress.begin("removing the embedded cloud");
  await tearDown(lab);
  progress.end();
  const left = await remains(lab);
  if (left.length > 0) throw new CommandError(`still on this machine:\n  ${left.join("\n  ")}`, EXIT.unhealthy);
  rmSync(join(lab.project, ".hermes", "tmp"), { recursive: true, force: true });
  process.stdout.write("nothing is left on this machine but the caches\n");
}
