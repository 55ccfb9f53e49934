import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { OLLAMA_VERSION } from "../../../config/types";
import { builtPath, ensureBuilt, RECIPES } from "../../engine/build";
import { run } from "../../engine/run";
import type { Lab } from "../../lab";
import { makeOnce } from "../../make-once";
import { keepArchive, REPRODUCIBLE } from "../archive";
import type { Handler } from "../web";
import { ollamaKind, type OllamaKind } from "./kind";
import { ensureWeights } from "./weights";

export interface OllamaDist {
  path: string;
  /** Hex. */
  sha256: string;
}

const TARBALL = "ollama-linux-amd64.tar.zst";
const RELEASE_PATH = `/ollama/ollama/releases/download/v${OLLAMA_VERSION}/${TARBALL}`;
/** Where GitHub keeps what releases carry. */
export const RELEASE_ASSETS = "release-assets.githubusercontent.com";
const ASSET_PATH = `/github-production-release-asset/658928958/${TARBALL}`;
const PROGRAM = join(__dirname, "program.ts");

/** As a Go program, the real one trusts the system's certificates without being told. */
const LAUNCHER = `#!/bin/sh
export NODE_EXTRA_CA_CERTS="\${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}"
exec /usr/local/bin/node "$(dirname "$(readlink -f "$0")")/../lib/ollama/program.ts" "$@"
`;

/** Another program is another folder. */
async function distPath(lab: Lab, kind: OllamaKind): Promise<string> {
  const source = kind === "real" ? builtPath(lab.cache, RECIPES.ollama) : LAUNCHER + (await readFile(PROGRAM, "utf8"));
  const key = createHash("sha256").update(source).digest("hex").slice(0, 16);
  return join(lab.cache, "ollama", `v${OLLAMA_VERSION}-${kind}-${key}`, TARBALL);
}

/**
 * The release's archive in its own layout, made once per cache: bin/ollama is the lab's stand-in, or the real Ollama
 * built from its Go modules; the libraries for graphics cards are empty files, for an installer to leave out. Runs in
 * the machine's network namespace.
 */
export async function buildOllamaDist(lab: Lab, onProgress: (line: string) => void = () => {}): Promise<OllamaDist> {
  const kind = ollamaKind(lab);
  const path = await distPath(lab, kind);
  const sum = `${path}.sha256`;
  if (kind === "real") await ensureWeights(lab.cache, onProgress);
  await makeOnce(sum, () => build(lab, kind, path, sum, onProgress), onProgress);
  return { path, sha256: (await readFile(sum, "utf8")).trim() };
}

async function build(
  lab: Lab,
  kind: OllamaKind,
  path: string,
  sum: string,
  onProgress: (line: string) => void,
): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  const work = await mkdtemp(join(lab.cache, "ollama", "dist-"));
  try {
    const root = join(work, "root");
    await fill(lab, kind, root, onProgress);
    const packed = join(work, TARBALL);
    await pack(root, packed);
    await keepArchive(packed, path, sum);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function fill(lab: Lab, kind: OllamaKind, root: string, onProgress: (line: string) => void): Promise<void> {
  const libraries = join(root, "lib", "ollama");
  for (const card of ["cuda_v12", "cuda_v13", "vulkan"]) {
    await mkdir(join(libraries, card), { recursive: true });
    await writeFile(join(libraries, card, "libx.so"), "not for this machine\n");
  }
  const binary = join(root, "bin", "ollama");
  await mkdir(join(root, "bin"), { recursive: true });
  if (kind === "real") await copyFile(await ensureBuilt(lab.cache, RECIPES.ollama, onProgress), binary);
  else {
    await writeFile(binary, LAUNCHER);
    await copyFile(PROGRAM, join(libraries, "program.ts"));
  }
  await chmod(binary, 0o755);
}

/** Reproducible: sorted names, one time, root's, plain modes. */
async function pack(root: string, target: string): Promise<void> {
  const args = [
    ...["--create", "--file", target, "--directory", root, "--use-compress-program", "zstd -3 --threads=1"],
    ...[...REPRODUCIBLE, "./bin", "./lib"],
  ];
  await run("tar", args, {});
}

/** github.com: the one release file, as GitHub gives it: a redirect to where it keeps such files. */
export function githubHost(log: (line: string) => void): Handler {
  return (request, response) => {
    if (new URL(request.url ?? "/", "http://github").pathname !== RELEASE_PATH) {
      log(`404 github.com${request.url}: only Ollama ${OLLAMA_VERSION} for linux-amd64 is here`);
      return void response.writeHead(404, { "content-type": "text/plain" }).end("Not Found");
    }
    response.writeHead(302, { location: `https://${RELEASE_ASSETS}${ASSET_PATH}?sp=r&rscd=attachment` }).end();
  };
}

/** The storage behind github.com: the archive, whole or from the middle. */
export function releaseAssetsHost(lab: Lab): Handler {
  return async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://assets");
    const path = await distPath(lab, ollamaKind(lab));
    if (pathname !== ASSET_PATH || !existsSync(`${path}.sha256`)) return void response.writeHead(404).end();
    const { size } = await stat(path);
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (start >= size) return void response.writeHead(416, { "content-range": `bytes */${size}` }).end();
    response.writeHead(request.headers.range === undefined ? 200 : 206, {
      "content-type": "application/octet-stream",
      "accept-ranges": "bytes",
      "content-length": size - start,
      ...(start === 0 ? {} : { "content-range": `bytes ${start}-${size - 1}/${size}` }),
    });
    if (request.method === "HEAD") return void response.end();
    await pipeline(createReadStream(path, { start }), response);
  };
}
