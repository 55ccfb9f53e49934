import { accessSync, constants, existsSync, mkdirSync, readlinkSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Lab } from "../lab";
import { ensureBuilt, RECIPES } from "./build";
import { ensureOfficialPlugins, pluginFolder, PLUGINS } from "./plugins";
import { run } from "./run";

export { builtPath, RECIPES } from "./build";

/** The Pulumi that an embedded cloud runs with. */
export interface Engine {
  pulumi: string;
  version: string;
  /** `installed`: found on PATH. `built`: made from public Go modules. */
  source: "installed" | "built";
  /** Whose provider plugins run: the official ones, or the stand-ins of localcloud/providers. */
  providers: "official" | "stand-in";
}

export interface Programs {
  engine: Engine;
  /** Folder of links to all built programs, for PATH. */
  bin: string;
  /** Official plugins, when those run. */
  plugins: string;
  headscale: string;
  tailscaled: string;
  tailscale: string;
}

export const STAND_INS = join(__dirname, "..", "providers", "bin");
/** Folder of the wrapper that gives the built language host its options. */
const LANGUAGE_HOST = join(__dirname, "language-host");

/**
 * Has everything that the embedded cloud runs, building what is missing. The first time takes minutes; later it is a
 * matter of milliseconds. Clones share the cache.
 */
export async function ensurePrograms(cache: string, onProgress: (line: string) => void): Promise<Programs> {
  const engine = await ensureEngine(cache, onProgress);
  const tailscaled = await ensureBuilt(cache, RECIPES.tailscaled, onProgress);
  const headscale = await ensureBuilt(cache, RECIPES.headscale, onProgress);
  const bin = join(cache, "bin");
  const tailscale = join(bin, "tailscale");
  return { engine, bin, plugins: pluginFolder(cache), headscale, tailscaled, tailscale };
}

/**
 * The installed pulumi with the official plugins where there is one, else both built from source with the stand-ins.
 * `HERMES_ENGINE=built` and `HERMES_PROVIDERS=stand-in` (or `official`) insist.
 */
export async function ensureEngine(cache: string, onProgress: (line: string) => void): Promise<Engine> {
  const installed = process.env["HERMES_ENGINE"] === "built" ? undefined : onPath("pulumi", join(cache, "bin"));
  const pulumi = installed ?? (await buildEngine(cache, onProgress));
  const version = (await run(pulumi, ["version"], { env: quiet() })).split("\n").pop() ?? "";
  const wanted = process.env["HERMES_PROVIDERS"];
  const tryOfficial = wanted === "official" || (wanted !== "stand-in" && installed !== undefined);
  const official = tryOfficial && (await ensureOfficialPlugins(cache, pulumi, onProgress));
  if (wanted === "official" && !official) {
    throw new Error("HERMES_PROVIDERS=official, but the official plugins can't be installed on this machine");
  }
  return {
    pulumi,
    version,
    source: installed === undefined ? "built" : "installed",
    providers: official ? "official" : "stand-in",
  };
}

async function buildEngine(cache: string, onProgress: (line: string) => void): Promise<string> {
  await ensureBuilt(cache, RECIPES.languageNodejs, onProgress);
  return ensureBuilt(cache, RECIPES.pulumi, onProgress);
}

const quiet = (): NodeJS.ProcessEnv => ({ ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" });

/** The first executable of that name on PATH that is not one of ours. */
function onPath(name: string, ours: string): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    if (folder === "" || folder === ours || !isExecutable(path)) continue;
    if (existsSync(ours) && realpathSync(path).startsWith(realpathSync(ours))) continue;
    return path;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface EngineEnvironmentOptions {
  /** Encrypts the stack's secrets. */
  passphrase: string;
}

/**
 * Environment of `pulumi` for one lab: our programs on PATH, state and home under the lab, nothing from the network.
 * Start pulumi with SIGINT at its default (a child of Node is): where it is ignored, every run takes 5 s more.
 */
export function engineEnvironment(
  lab: Pick<Lab, "dir">,
  programs: Pick<Programs, "engine" | "bin" | "plugins">,
  options: EngineEnvironmentOptions,
): Record<string, string> {
  const home = join(lab.dir, "pulumi", "home");
  const state = join(lab.dir, "pulumi", "state");
  for (const folder of [home, state]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const standIn = programs.engine.providers === "stand-in";
  if (!standIn) linkPlugins(programs.plugins, join(home, "plugins"));
  const installed = programs.engine.source === "installed";
  const path = [
    installed ? join(programs.engine.pulumi, "..") : LANGUAGE_HOST,
    programs.bin,
    ...(standIn ? [STAND_INS] : []),
    process.env["PATH"] ?? "",
  ];
  return {
    PATH: path.join(delimiter),
    ...(installed ? {} : { HERMES_LANGUAGE_HOST: join(programs.bin, RECIPES.languageNodejs.binary) }),
    PULUMI_HOME: home,
    // Without files of attributes beside the state: they are not written whole or not at all, and an engine that is killed
    // meanwhile leaves one that no later engine reads.
    PULUMI_BACKEND_URL: `file://${state}?metadata=skip`,
    PULUMI_CONFIG_PASSPHRASE: options.passphrase,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    ...(standIn ? { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" } : {}),
  };
}

function linkPlugins(plugins: string, link: string): void {
  if (existsSync(link) && readlinkSync(link) === plugins) return;
  rmSync(link, { recursive: true, force: true });
  symlinkSync(plugins, link);
}

/** Lines that say which engine and whose plugins run; printed and recorded, never silent. */
export function describeEngine({ engine }: Pick<Programs, "engine">): string[] {
  const plugins = PLUGINS.map(({ name, version }) => `${name} ${version}`).join(", ");
  return [
    engine.source === "installed"
      ? `engine: pulumi ${engine.version}, installed (${engine.pulumi})`
      : `engine: pulumi ${engine.version}, built from public Go modules`,
    engine.providers === "official"
      ? `providers: official plugins (${plugins})`
      : `providers: stand-ins written for the embedded cloud, in place of ${plugins}`,
  ];
}
