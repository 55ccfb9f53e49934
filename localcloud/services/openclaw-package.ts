import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { REPRODUCIBLE } from "./archive";

const run = promisify(execFile);

const PROGRAM = join(__dirname, "openclaw-stand-in", "main.ts");

/** What the stand-in takes over from the package of the version that it stands for. */
export interface OpenclawRelease {
  version: string;
  /** Range of Node's versions. */
  node: string;
  /** Formats of the databases. */
  schemas: { state: number; agent: number };
}

/** In which way a registry serves something else under a version's name than it did before. */
export type Forgery = "other bytes" | "an older program" | "another dependency";

export const FORGERIES: readonly Forgery[] = ["other bytes", "an older program", "another dependency"];

/** What a forged program asks the registry for as soon as it runs, and so does its script of npm's. */
export const FORGED_WAS_RUN = "/-/forged-openclaw-was-run";

/** In a block of its own: the program that follows has names of its own. */
const TELL = `
{
  const { execFileSync } = await import("node:child_process");
  const registry = execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim();
  await fetch(new URL("${FORGED_WAS_RUN}", registry)).catch(() => undefined);
}
`;

/** The fields of a package document that npm reads when it installs, and those that hermes looks at. */
export const manifestOf = ({ version, node, schemas }: OpenclawRelease, forgery?: Forgery): object => ({
  name: "openclaw",
  version,
  description: "Stand-in of OpenClaw in hermes' embedded cloud",
  license: "MIT",
  type: "module",
  bin: { openclaw: "openclaw.mjs" },
  engines: { node },
  openclaw: { schemaVersions: schemas },
  ...(forgery === undefined ? {} : { scripts: { preinstall: RUN, postinstall: RUN } }),
  ...(forgery === "another dependency" ? { dependencies: { ms: "2.1.3" } } : {}),
});

const RUN = "node dist/index.js";

/** Writes the package into a folder: the same files that npm would install. */
export async function writePackage(release: OpenclawRelease, folder: string, forgery?: Forgery): Promise<void> {
  const version = forgery === "an older program" ? "2026.9.4" : release.version;
  await mkdir(join(folder, "dist"), { recursive: true });
  await build({
    entryPoints: [PROGRAM],
    outfile: join(folder, "dist", "index.js"),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    define: { OPENCLAW_VERSION: JSON.stringify(version), OPENCLAW_SCHEMAS: JSON.stringify(release.schemas) },
    logLevel: "error",
    ...(forgery === undefined ? {} : { banner: { js: TELL } }),
  });
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifestOf(release, forgery), null, 2)}\n`);
  await writeFile(join(folder, "openclaw.mjs"), '#!/usr/bin/env node\nimport "./dist/index.js";\n');
  await chmod(join(folder, "openclaw.mjs"), 0o755);
}

export interface Tarball {
  bytes: Buffer;
  /** As npm's `dist.integrity` and `dist.shasum`. */
  integrity: string;
  shasum: string;
}

/** The package as a registry has it. */
export async function packPackage(release: OpenclawRelease, forgery?: Forgery): Promise<Tarball> {
  const work = await mkdtemp(join(tmpdir(), "hermes-openclaw-package-"));
  try {
    await writePackage(release, join(work, "package"), forgery);
    const file = join(work, "package.tgz");
    await run("tar", ["--create", "--gzip", "--file", file, "--directory", work, ...REPRODUCIBLE, "package"]);
    const bytes = await readFile(file);
    const digest = (algorithm: string) => createHash(algorithm).update(bytes);
    return { bytes, integrity: `sha512-${digest("sha512").digest("base64")}`, shasum: digest("sha1").digest("hex") };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
