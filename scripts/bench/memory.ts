/**
 * What the gateway's droplet needs of its memory: agents take turns with tools of MCP servers, with a restart of the
 * gateway and a reboot of the droplet between, and memory is read from outside four times a second. Writes
 * `.hermes/bench/memory.json` and `memory.svg`, prints the peaks. `--growth`: the peaks with several numbers of agents
 * and servers instead, one after the other on one droplet, in `memory-growth.json`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { table } from "../../lib/output";
import type { MemoryPlan } from "../../planner";
import type { ProjectCopy } from "../../tests/support/project-copy";
import { inLab, npmStart, runBench } from "./lab";
import { prepareLoad, restartGateway, runTurns, scriptTools, type Course, type Load } from "./load";
import { memoryPlot } from "./memory-plot";
import { Recorder, type Peaks, type Recording } from "./memory-recorder";
import { MemoryReader } from "./memory-sample";

/** What the planner's constants are measured with. */
const TRUTH: Load & Course = { agents: 2, mcpServers: 2, turns: 30, restartAfter: 12, rebootAfter: 20 };

/** [agents, MCP servers], so that every constant is a difference of two rows. */
const GROWTH: readonly [number, number][] = [
  [1, 0],
  [1, 2],
  [2, 0],
  [2, 2],
  [3, 2],
];

const RESULTS = join(__dirname, "..", "..", ".hermes", "bench");

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function start(project: ProjectCopy): Promise<void> {
  say("npm start in a copy of the project …");
  await npmStart(project);
}

async function up(project: ProjectCopy): Promise<void> {
  const { code, stdout } = await project.up();
  if (code !== 0) throw new Error(`pulumi up ended with ${code}:\n${stdout.slice(-2000)}`);
}

async function record(project: ProjectCopy, load: Load, course: Course): Promise<Recording> {
  await scriptTools(project, load);
  const recorder = new Recorder(new MemoryReader(project.lab, project.dropletId));
  const onEvent = (what: string): void => {
    recorder.note(what);
    say(`  ${what}`);
  };
  say(`${load.agents} agents, ${load.mcpServers} MCP servers, ${course.turns} turns …`);
  const turns = await runTurns(project, load, { ...course, onEvent });
  const failed = turns.filter(({ ok }) => !ok);
  if (failed[0] !== undefined) throw new Error(`${failed.length} turns failed: ${failed[0].text}`);
  return recorder.stop();
}

async function truth(project: ProjectCopy): Promise<void> {
  prepareLoad(project, TRUTH);
  await start(project);
  const plan = (await project.outputs<{ memory: MemoryPlan }>()).memory;
  const recording = await record(project, TRUTH, TRUTH);
  const name = `${TRUTH.agents} agents, ${TRUTH.mcpServers} stdio MCP servers, ${TRUTH.turns} turns, on s-1vcpu-2gb`;
  const marks = [
    { mib: plan.memTotalMiB, what: "MemTotal" },
    { mib: plan.totalMiB, what: "the planner's budget" },
  ];
  write("memory.json", JSON.stringify({ load: TRUTH, plan, ...recording }));
  write("memory.svg", memoryPlot({ title: name, ...recording, marks }));
  const { oomKills, peakUsage } = recording.counted;
  const counted: [string, string][] = [
    ["with page cache", `${Math.ceil(peakUsage)} MiB`],
    ["OOM kills", String(oomKills)],
    [
      "planner's budget",
      `${plan.totalMiB} MiB, ${Math.round((plan.totalMiB / recording.peaks.total) * 100 - 100)} % above the peak`,
    ],
  ];
  console.log(`${name}\n${table([...rows(recording.peaks), ...counted])}`);
}

async function growth(project: ProjectCopy): Promise<void> {
  const results: (Load & { peaks: Peaks })[] = [];
  for (const [agents, mcpServers] of GROWTH) {
    const load = { agents, mcpServers };
    prepareLoad(project, load);
    await (results.length === 0 ? start(project) : up(project));
    // Forgets the sessions of before, and what they had made the gateway keep.
    await restartGateway(project);
    const { peaks } = await record(project, load, { turns: agents * 4 });
    results.push({ ...load, peaks });
    console.log(`\n${agents} agents, ${mcpServers} MCP servers\n${table(rows(peaks))}`);
  }
  write("memory-growth.json", JSON.stringify(results));
}

function rows(peaks: Peaks): [string, string][] {
  const { roles, pressure, ...rest } = peaks;
  const mib = Object.entries({ ...rest, ...roles }).map(([what, value]): [string, string] => [what, `${value} MiB`]);
  return [...mib, ["pressure", `${pressure} % of ten seconds`]];
}

function write(name: string, text: string): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, name), text);
  say(`wrote ${join(".hermes", "bench", name)}`);
}

runBench(() => inLab((project) => (process.argv.includes("--growth") ? growth(project) : truth(project))));
