/**
 * How long nobody answers while OpenClaw is upgraded, beside its floor in the same run: bare restarts of the gateway,
 * of the old version before and of the new one after. Asked from the droplet ten times a second. `--json` prints one
 * document.
 */
import { table } from "../../lib/output";
import { waitFor } from "../../localcloud/network";
import { configure, NEW, OLD } from "../../tests/support/openclaw-versions";
import type { ProjectCopy } from "../../tests/support/project-copy";
import { inLab, npmStart, runBench } from "./lab";

interface Downtime {
  what: string;
  seconds: number;
}

const EVERY_MS = 100;

/** Writes a line whenever the answer is another one. */
const PROBE = `
import { appendFileSync } from "node:fs";
let last;
const ask = async () => {
  try {
    const answer = await fetch("http://127.0.0.1:18789/readyz", { signal: AbortSignal.timeout(5000) });
    return (await answer.text()).includes('"ready":true');
  } catch {
    return false;
  }
};
for (;;) {
  const begun = performance.now();
  const ready = await ask();
  if (ready !== last) appendFileSync("/run/probe.log", JSON.stringify({ at: begun / 1000, ready }) + "\\n");
  last = ready;
  await new Promise((next) => setTimeout(next, Math.max(0, ${EVERY_MS} - (performance.now() - begun))));
}
`;

async function startProbe(project: ProjectCopy): Promise<void> {
  const text = Buffer.from(PROBE).toString("base64");
  await project.droplet(
    `base64 -d <<<${text} >/run/probe.mjs; systemd-run --quiet --unit=probe /usr/local/bin/node /run/probe.mjs`,
  );
  await waitFor("the probe's first answer", async () => (await changes(project)).at(-1)?.ready === true);
}

const changes = async (project: ProjectCopy): Promise<{ at: number; ready: boolean }[]> =>
  (await project.droplet("cat /run/probe.log 2>/dev/null || true"))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { at: number; ready: boolean });

/** Seconds without an answer during some work, however often it stopped. */
async function downtime(project: ProjectCopy, what: string, work: () => Promise<unknown>): Promise<Downtime> {
  const before = (await changes(project)).length;
  await work();
  await waitFor("the gateway answers again", async () => (await changes(project)).at(-1)?.ready === true);
  const since = (await changes(project)).slice(before);
  const seconds = since.reduce((sum, { at, ready }) => sum + (ready ? at : -at), 0);
  return { what, seconds };
}

async function must(what: string, run: Promise<{ code: number; stdout: string; stderr: string }>): Promise<void> {
  const { code, stdout, stderr } = await run;
  if (code !== 0) throw new Error(`${what} ended with ${code}:\n${stderr}${stdout}`);
}

/** Of the last stop and start, by systemd's clock: what hermes-apply did between them, and the gateway's own start. */
async function partsOf(project: ProjectCopy): Promise<Downtime[]> {
  const names = ["InactiveEnter", "InactiveExit", "ActiveEnter"].map((name) => `${name}TimestampMonotonic`);
  const said = await project.droplet(`systemctl show openclaw-gateway --property=${names.join(",")}`);
  const at = Object.fromEntries(said.split("\n").map((line) => line.split("=") as [string, string]));
  const [stopped = 0, started = 0, ready = 0] = names.map((name) => Number(at[name]) / 1e6);
  return [
    { what: "  of it copy of the state, swap of the files", seconds: started - stopped },
    { what: "  of it the new version's start, with its migration", seconds: ready - started },
  ];
}

async function measure(project: ProjectCopy): Promise<{ upgrade: Downtime; parts: Downtime[]; floors: Downtime[] }> {
  configure(project, OLD);
  await npmStart(project);
  await project.ask("remember this", "bench");
  await startProbe(project);
  const restart = (version: string): Promise<Downtime> =>
    downtime(project, `restart of ${version}`, () => project.droplet("systemctl restart openclaw-gateway"));
  const before = await restart(OLD.version);
  configure(project, NEW);
  const upgrade = await downtime(project, `upgrade ${OLD.version} to ${NEW.version}`, () =>
    must("pulumi up", project.up()),
  );
  const parts = await partsOf(project);
  const after = await restart(NEW.version);
  const cold = await downtime(project, `restart of ${NEW.version}, nothing compiled yet`, () =>
    project.droplet("rm -rf /var/cache/openclaw/compile-cache; systemctl restart openclaw-gateway"),
  );
  return { upgrade, parts, floors: [before, after, cold] };
}

async function main(): Promise<void> {
  await inLab(async (project) => {
    const result = await measure(project);
    if (process.argv.includes("--json")) return void console.log(JSON.stringify(result));
    const row = ({ what, seconds }: Downtime): [string, string] => [what, `${seconds.toFixed(1)} s`];
    console.log(`no answer from the gateway\n${table([result.upgrade, ...result.parts, ...result.floors].map(row))}`);
  });
}

runBench(main);
