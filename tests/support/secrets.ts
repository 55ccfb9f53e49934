// The stack's secrets, and the search for them wherever they must not be.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ProjectCopy } from "./project-copy";

/** Values that no command may print, by name. What this looks up itself is not kept as printed. */
export async function stackSecrets(project: ProjectCopy): Promise<Record<string, string>> {
  return project.unrecorded(async () => {
    const { stdout } = await project.pulumi("config", "get", "--path", "hermes:secrets");
    const environment = await project.exec(["node", "-p", "JSON.stringify(process.env)"]);
    const { DIGITALOCEAN_TOKEN = "", TAILSCALE_API_KEY = "" } = JSON.parse(environment.stdout) as Record<
      string,
      string
    >;
    return { ...(JSON.parse(stdout) as Record<string, string>), DIGITALOCEAN_TOKEN, TAILSCALE_API_KEY };
  });
}

/** Which secrets are in a text; a key shows by each line of its own. */
export function secretsIn(text: string, secrets: Record<string, string>): string[] {
  // Every OpenSSH key begins with the same line, and ends with a marker.
  const isOwn = (line: string): boolean => line.length >= 20 && !/^(--|b3BlbnNzaC1rZXktdjE)/.test(line);
  const lines = (value: string): string[] => value.split("\n").filter(isOwn);
  return Object.keys(secrets).filter((name) => lines(secrets[name] ?? "").some((line) => text.includes(line)));
}

/**
 * Where secrets are that must not be there, as `SECRET in PLACE`: in the user data, a preview, everything that commands
 * printed, the engine's state, the lab's logs, and on the droplet outside the files that hold them.
 *
 * @throws Error if the droplet's own files do not have them either: then the search would find nothing anywhere
 */
export async function leakedSecrets(project: ProjectCopy): Promise<string[]> {
  const secrets = await stackSecrets(project);
  const searchable = secretsIn(Object.values(secrets).join("\n"), secrets);
  for (const name of Object.keys(secrets))
    if (!searchable.includes(name)) throw new Error(`${name} has no line that could be searched for`);
  const held = await project.droplet("cat /etc/openclaw/secrets/*");
  const visible = secretsIn(held, secrets);
  for (const name of ["openrouterApiKey", "gatewayToken"])
    if (!visible.includes(name))
      throw new Error(`the droplet does not have ${name}, so a search for it proves nothing`);
  return Object.entries(await placesOf(project)).flatMap(([place, text]) =>
    secretsIn(text, secrets).map((name) => `${name} in ${place}`),
  );
}

async function placesOf(project: ProjectCopy): Promise<Record<string, string>> {
  const preview = await project.pulumi("preview", "--json", "--diff");
  return {
    "user data": project.userData,
    "pulumi preview --json --diff": preview.stdout,
    "what commands printed": project.printed.join("\n"),
    "the state": textBelow(join(project.lab.dir, "pulumi", "state")),
    "the lab's logs": textBelow(join(project.lab.dir, "logs")),
    "processes on the droplet": await project.droplet("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' || true"),
    "the agent's environment": await project.droplet(
      "for p in $(pgrep -u agent); do tr '\\0' '\\n' </proc/$p/environ; done 2>/dev/null || true",
    ),
    "the droplet's journal": await project.droplet("journalctl --no-pager --output cat"),
    "the droplet's logs": await project.droplet("cat /var/log/*.log /var/log/cloud-init* 2>/dev/null || true"),
  };
}

function textBelow(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
}
