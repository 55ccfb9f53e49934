import type { ExecResult } from "../../localcloud/exec";
import type { ProjectCopy } from "./project-copy";

/** What is typed once a stack is up, and how it must end: the same over the tailnet and over SSH. */
export interface Operation {
  args: string[];
  code: number;
  /** In what a person gets to read. */
  says?: RegExp;
  /** Keys of the one JSON document. */
  document?: string[];
}

export const OPERATIONS: Operation[] = [
  { args: ["status"], code: 0, says: /^gateway +ready, 2026/ },
  { args: ["status", "--agent-turn"], code: 0, says: /^agent +PONG/m },
  { args: ["status", "--json"], code: 0, document: ["status", "droplet", "tailnet"] },
  { args: ["doctor"], code: 0, says: /\d+ checks: 0 failed/ },
  { args: ["doctor", "--json"], code: 0, document: ["ok", "droplet", "tailnet", "checks"] },
  { args: ["logs", "--lines", "200"], code: 0, says: /http server listening/ },
  { args: ["logs", "--lines", "3", "--json"], code: 0, document: ["0", "1", "2"] },
  { args: ["logs", "--unit", "bootstrap"], code: 0, says: /done/ },
  { args: ["logs", "--unit", "nobody"], code: 1, says: /unit/ },
  { args: ["ssh", "cat", "/etc/openclaw/secrets/gatewayToken"], code: 0, says: /\[secret gatewayToken\]/ },
  { args: ["ssh", "systemctl", "is-active", "nobody.service"], code: 4 },
  { args: ["ssh", "openclaw", "devices", "list", "--json"], code: 0, document: ["pending", "paired"] },
  { args: ["ssh", "openclaw", "update"], code: 1, says: /hermes manages this droplet.*hermes:openclaw\.version/ },
  { args: ["pair", "devices", "--json"], code: 0, document: ["pending", "paired"] },
  { args: ["pair", "approve", "A;reboot"], code: 1, says: /A pairing code/ },
  { args: ["upgrade"], code: 2 },
  { args: ["tunnel", "--port", "70000"], code: 1, says: /1 to 65535/ },
];

/** A `hermes` command on the stack hermes. The stack's name goes before the command that `ssh` runs. */
const hermes = (project: ProjectCopy, ...args: string[]): Promise<ExecResult> => {
  const [verb = "", ...rest] = args;
  const own = verb === "pair" ? rest.splice(0, 1) : [];
  return project.exec(["node", "cli/hermes.js", verb, ...own, "--stack", "hermes", ...rest]);
};

export async function operate(project: ProjectCopy, { args, code, says, document }: Operation): Promise<void> {
  const result = await hermes(project, ...args);
  const said = result.stdout + result.stderr;
  expect({ code: result.code, said: result.code === code ? "" : said }).toEqual({ code, said: "" });
  if (says !== undefined) expect(said).toMatch(says);
  if (document === undefined) return;
  expect(Object.keys(JSON.parse(result.stdout) as object)).toEqual(expect.arrayContaining(document));
}

/** Opens the tunnel, asks the gateway through it, and closes it as Ctrl-C does. */
export async function tunnels(project: ProjectCopy): Promise<void> {
  const script = [
    "node cli/hermes.js tunnel --stack hermes --port 28789 2>&1 & tunnel=$!",
    "curl --silent --retry 60 --retry-all-errors --retry-delay 1 http://127.0.0.1:28789/readyz",
    "kill -INT $tunnel && wait $tunnel",
  ];
  const { code, stdout } = await project.exec(["bash", "-mc", script.join("\n")]);
  expect(stdout).toContain('"ready":true');
  expect(code).toBe(0);
}

/** A finding of `hermes doctor`. */
export interface Check {
  name: string;
  level: string;
  found: string;
  fix?: string;
}

/** @throws Error that shows all findings where there is none of that name */
export async function doctorCheck(project: ProjectCopy, name: string): Promise<Check> {
  const { stdout } = await project.onStack("doctor", "--json");
  const found = (JSON.parse(stdout) as { checks: Check[] }).checks.find((each) => each.name === name);
  if (found === undefined) throw new Error(`the doctor has no check ${name}: ${stdout}`);
  return found;
}
