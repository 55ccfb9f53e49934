import type { ExecResult } from "../../localcloud/exec";
import type { ProjectCopy } from "./project";

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
  { args: ["logs", "--unit", "nobody"], code: 2, says: /unit/ },
  { args: ["ssh", "cat", "/etc/openclaw/secrets/gatewayToken"], code: 0, says: /\[secret gatewayToken\]/ },
  { args: ["ssh", "systemctl", "is-active", "nobody.service"], code: 4 },
  { args: ["pair", "devices", "--json"], code: 0, document: ["pending", "paired"] },
  { args: ["pair", "approve", "A;reboot"], code: 2, says: /no pairing code/ },
  { args: ["upgrade"], code: 2 },
  { args: ["tunnel", "--port", "70000"], code: 2, says: /1 to 65535/ },
];

/** `hermes …` where the operator is. The stack's name goes before what `ssh` runs. */
export const hermes = (project: ProjectCopy, ...args: string[]): Promise<ExecResult> => {
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

/** Values that no command may print, by name. What this looks up itself is not kept as printed. */
export async function stackSecrets(project: ProjectCopy): Promise<Record<string, string>> {
  const kept = project.printed.length;
  const { stdout } = await project.exec(["pulumi", "config", "get", "--path", "hermes:secrets", "--stack", "hermes"]);
  const environment = await project.exec(["node", "-p", "JSON.stringify(process.env)"]);
  project.printed.splice(kept);
  const { DIGITALOCEAN_TOKEN = "", TAILSCALE_API_KEY = "" } = JSON.parse(environment.stdout) as Record<string, string>;
  const secrets = JSON.parse(stdout) as Record<string, string>;
  return { ...secrets, DIGITALOCEAN_TOKEN, TAILSCALE_API_KEY };
}

/** Which secrets are in a text; a key shows by each line of its own. */
export function secretsIn(text: string, secrets: Record<string, string>): string[] {
  const lines = (value: string) => value.split("\n").filter((line) => line.length >= 20 && !line.startsWith("--"));
  return Object.keys(secrets).filter((name) => lines(secrets[name] ?? "").some((line) => text.includes(line)));
}
