/**
 * From an edit of SOUL.md to the agent that reads it, beside its floor in the same run: one SSH connection. "Live" is the
 * new file in the workspace, by the droplet's clock, counted from the moment in which it let the first connection of that
 * `up` in; `pulumi up` is the whole command, with everything that it checks before and after. `--json` prints one
 * document.
 */
import { table } from "../../lib/output";
import type { ProjectCopy } from "../../tests/support/project-copy";
import { inLab, npmStart, runBench } from "./lab";

const EDITS = 5;
const SOUL = "workspace/main/SOUL.md";

interface Figures {
  /** Seconds, each the median of all edits. */
  up: number;
  live: number;
  connection: number;
}

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
};

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

async function must(what: string, run: Promise<{ code: number; stdout: string; stderr: string }>): Promise<string> {
  const { code, stdout, stderr } = await run;
  if (code !== 0) throw new Error(`${what} ended with ${code}:\n${stderr}${stdout}`);
  return stdout;
}

/** By the droplet's clock: from the first login since `begun` to the edited file. */
async function live(project: ProjectCopy, begun: string): Promise<number> {
  const logins = `journalctl --since @${begun} --output short-unix --no-pager | grep -m 1 'Accepted publickey for root'`;
  const login = await project.droplet(`${logins} | cut -d ' ' -f 1`);
  return Number(await project.droplet("stat -c %.6Z /var/lib/openclaw/workspaces/main/SOUL.md")) - Number(login);
}

/** Opened, asked for nothing, closed: by OpenSSH, as bare as it gets. */
async function connection(project: ProjectCopy, address: string): Promise<number> {
  const config = "pulumi config get --stack hermes --path hermes:secrets.deployKey";
  const options = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";
  const key = `${project.folder}/key`;
  await must("the key", project.exec(["sh", "-c", `umask 077; ${config} >${key}`]));
  return seconds(() => must("ssh", project.exec(["sh", "-c", `ssh ${options} -i ${key} root@${address} true`])));
}

async function measure(project: ProjectCopy): Promise<Figures> {
  await npmStart(project);
  await must("no turn", project.pulumi("config", "set", "--path", "hermes:verify.agentTurn", "false"));
  const { tailnet } = await project.outputs<{ tailnet: { address: string } }>();
  const all: Figures[] = [];
  for (let edition = 1; edition <= EDITS; edition++) {
    project.write(SOUL, `${project.read(SOUL)}\nEdition ${edition}.\n`);
    const begun = await project.droplet("date +%s.%N");
    const up = await seconds(() => must("pulumi up", project.up()));
    all.push({ up, live: await live(project, begun), connection: await connection(project, tailnet.address) });
  }
  return {
    up: median(all.map((each) => each.up)),
    live: median(all.map((each) => each.live)),
    connection: median(all.map((each) => each.connection)),
  };
}

async function main(): Promise<void> {
  await inLab(async (project) => {
    const figures = await measure(project);
    if (process.argv.includes("--json")) return void console.log(JSON.stringify(figures));
    const row = (what: string, each: number): [string, string, string] => [
      what,
      `${each.toFixed(2)} s`,
      `${(each / figures.connection).toFixed(1)} times the connection`,
    ];
    const rows = [
      row("pulumi up, all of it", figures.up),
      row("first login to live", figures.live),
      row("an SSH connection", figures.connection),
    ];
    console.log(`an edit of SOUL.md, median of ${EDITS}\n${table(rows.map(([a, b, c]) => [a, `${b}, ${c}`]))}`);
  });
}

runBench(main);
