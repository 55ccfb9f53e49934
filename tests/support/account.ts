import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../localcloud/network";
import { succeeded, type ProjectCopy } from "./project-copy";

export interface AccountState {
  droplets: Record<string, { id: number; name: string; host: number }>;
  firewalls: Record<string, { name: string }>;
  volumes: Record<string, { name: string }>;
  keys: Record<string, { name: string }>;
  tags: string[];
}

export const accountState = (project: ProjectCopy): Promise<AccountState> => project.control("digitalocean/state");

/** Names of nodes and numbers of keys. */
export async function tailnetTraces(project: ProjectCopy): Promise<string[]> {
  const ask = (what: string): string =>
    `curl -sf -u "$TAILSCALE_API_KEY:" "$TAILSCALE_BASE_URL/api/v2/tailnet/-/${what}"`;
  const said = succeeded(await project.exec(["sh", "-c", `${ask("devices")}; echo; ${ask("keys")}`])).trim();
  const [nodes = "", keys = ""] = said.split("\n").filter((line) => line !== "");
  const { devices } = JSON.parse(nodes) as { devices: { name: string }[] };
  return [
    ...devices.map(({ name }) => name),
    ...(JSON.parse(keys) as { keys: { id: string }[] }).keys.map(({ id }) => `key ${id}`),
  ].sort();
}

/** Everything that has a name, wherever it is, and the files of one stack. */
export async function everything(
  project: ProjectCopy,
  stack: string,
): Promise<Record<string, unknown> & { tailnet: string[] }> {
  const { droplets, firewalls, volumes, keys, tags } = await accountState(project);
  const names = (kind: Record<string, { name: string }>): string[] =>
    Object.values(kind)
      .map(({ name }) => name)
      .sort();
  const stacks = JSON.parse(succeeded(await project.exec(["pulumi", "stack", "ls", "--json"]))) as { name: string }[];
  const state = join(project.lab.dir, "pulumi", "state");
  return {
    droplets: names(droplets),
    firewalls: names(firewalls),
    volumes: names(volumes),
    keys: names(keys),
    tags: [...tags].sort(),
    tailnet: await tailnetTraces(project),
    stacks: stacks.map(({ name }) => name),
    file: existsSync(join(project.dir, `Pulumi.${stack}.yaml`)),
    // What the engine keeps of the stack: its state, history, backups, locks.
    state: (await run(["find", state, "-type", "f", "-path", `*${stack}*`])).trim(),
  };
}
