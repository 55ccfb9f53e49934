import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The package registries that this machine is set up to use, and no other place, feed the lab. */
export interface Upstreams {
  /** Base URL of the machine's npm registry, with a slash at the end. */
  npm: URL;
  /** Base URL that npm uses when nothing is configured: what a fresh droplet asks. */
  npmDefault: URL;
  /** Origins (scheme, host, port) of the machine's Debian sources. */
  debian: string[];
}

export async function readUpstreams(): Promise<Upstreams> {
  const [npm, npmDefault] = await Promise.all([configuredRegistry(), defaultRegistry()]);
  return { npm, npmDefault, debian: debianOrigins(aptSources()) };
}

async function configuredRegistry(): Promise<URL> {
  const { stdout } = await run("npm", ["config", "get", "registry"]);
  return withSlash(stdout);
}

async function defaultRegistry(): Promise<URL> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_config_/i.test(name)));
  const nothing = ["--userconfig=/nonexistent/user", "--globalconfig=/nonexistent/global"];
  const { stdout } = await run("npm", ["config", "get", "registry", ...nothing], { env, cwd: "/" });
  return withSlash(stdout);
}

function withSlash(text: string): URL {
  const url = new URL(text.trim());
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** All apt source files of the machine, one text. */
function aptSources(): string {
  const dir = "/etc/apt/sources.list.d";
  const parts = existsSync(dir) ? readdirSync(dir).map((name) => join(dir, name)) : [];
  return ["/etc/apt/sources.list", ...parts.filter((path) => /\.(list|sources)$/.test(path))]
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
}

/** Origins of Debian's own archives (…/debian, …/debian-security) among apt's sources, one-line or deb822. */
export function debianOrigins(sources: string): string[] {
  const lines = sources.split("\n").filter((line) => !/^\s*#/.test(line));
  const urls = lines.flatMap((line) => line.match(/https?:\/\/\S+/g) ?? []);
  const archives = urls.map((url) => new URL(url)).filter((url) => /\/debian(-security)?\/?$/.test(url.pathname));
  return [...new Set(archives.map((url) => url.origin))];
}
