import { cpSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import command from "@pulumi/command/package.json";
import digitalocean from "@pulumi/digitalocean/package.json";
import tailscale from "@pulumi/tailscale/package.json";
import { run } from "./run";

/** The plugins that the stack needs, in the versions of the installed packages. */
export const PLUGINS = [
  { name: "digitalocean", version: digitalocean.version },
  { name: "tailscale", version: tailscale.version },
  { name: "command", version: command.version },
];

const INSTALL_TIMEOUT_MS = 180_000;

/** Where the official plugins of embedded clouds are kept; each lab's PULUMI_HOME links there. */
export const pluginFolder = (cache: string): string => join(cache, "pulumi", "plugins");

const folderOf = (folder: string, plugin: (typeof PLUGINS)[number]): string =>
  join(folder, `resource-${plugin.name}-v${plugin.version}`);

/** Has the official plugins, from the user's own or by download; false when that can't be. */
export async function ensureOfficialPlugins(
  cache: string,
  pulumi: string,
  onProgress: (line: string) => void,
): Promise<boolean> {
  const users = join(process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi"), "plugins");
  const ours = pluginFolder(cache);
  mkdirSync(ours, { recursive: true });
  for (const plugin of PLUGINS) {
    if (existsSync(folderOf(ours, plugin))) continue;
    if (existsSync(folderOf(users, plugin))) {
      cpSync(folderOf(users, plugin), folderOf(ours, plugin), { recursive: true });
      continue;
    }
    onProgress(`installing the official ${plugin.name} plugin ${plugin.version}`);
    const env = { ...process.env, PULUMI_HOME: join(cache, "pulumi"), PULUMI_SKIP_UPDATE_CHECK: "true" };
    const install = run(pulumi, ["plugin", "install", "resource", plugin.name, plugin.version], { env });
    if (!(await succeedsInTime(install))) return false;
  }
  return readdirSync(ours).length >= PLUGINS.length;
}

async function succeedsInTime(work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), INSTALL_TIMEOUT_MS)));
  const done = work.then(
    () => true,
    () => false,
  );
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}
