import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { configPath } from "./config";
import { CliError, printJson } from "./output";
import { databases, stateFolder } from "./state";
import { VERSION } from "./version";

/** Made again by the gateway; not in a backup. */
const NOT_STATE = ["cache", ".cache", "tmp", "logs"];

interface Manifest {
  createdAt: string;
  runtimeVersion: string;
}

/**
 * An archive of configuration and state, in OpenClaw's layout: ROOT/manifest.json and ROOT/payload/posix/PATH. Databases
 * are copied by SQLite, since a running gateway writes to them.
 */
export function createBackup(output: string): void {
  if (output === "") throw new CliError("the stand-in wants --output FILE");
  if (existsSync(output)) throw new CliError(`Refusing to overwrite existing backup archive: ${output}`);
  const createdAt = new Date().toISOString();
  const root = `${createdAt.replaceAll(":", "-").replace("Z", "+00-00")}-openclaw-backup`;
  const staging = mkdtempSync(join(tmpdir(), "openclaw-backup-"));
  try {
    const manifest: Manifest = { createdAt, runtimeVersion: VERSION };
    mkdirSync(join(staging, root));
    writeFileSync(join(staging, root, "manifest.json"), JSON.stringify(manifest));
    for (const database of databases()) copyDatabase(database, join(staging, root, "payload/posix", database));
    pack(staging, root, output);
    const { assetCount } = verify(output, join(staging, "verified"));
    printJson({
      createdAt,
      archiveRoot: root,
      archivePath: output,
      includeWorkspace: true,
      verified: true,
      assetCount,
    });
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function copyDatabase(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(from, { readOnly: true, timeout: 10_000 });
  database.prepare("VACUUM INTO ?").run(to);
  database.close();
}

function pack(staging: string, root: string, output: string): void {
  const state = stateFolder();
  const excluded = NOT_STATE.map((name) => join(state, name, "*"));
  const live = databases().flatMap((path) => [path, `${path}-wal`, `${path}-shm`]);
  const options = [...excluded, ...live].map((path) => `--exclude=${path.slice(1)}`);
  const rename = `--transform=s,^${state.slice(1)},${root}/payload/posix${state},;s,^${configPath().slice(1)},${root}/payload/posix${configPath()},`;
  const ours = ["--directory", staging, root];
  const theirs = ["--directory", "/", rename, state.slice(1), configPath().slice(1)];
  run(["--create", "--gzip", "--file", output, "--anchored", ...options, ...ours, ...theirs]);
}

/** Unpacks into an empty folder and proves that the databases are whole. */
export function restoreBackup(archive: string, target: string): void {
  if (existsSync(target) && readdirSync(target).length > 0)
    throw new CliError(`Backup restore target directory must be empty: ${target}`);
  const { root, manifest, assetCount } = verify(archive, target);
  printJson({ ok: true, archivePath: archive, archiveRoot: root, ...manifest, assetCount, targetPath: target });
}

function verify(archive: string, target: string): { root: string; manifest: Manifest; assetCount: number } {
  mkdirSync(target, { recursive: true, mode: 0o700 });
  run(["--extract", "--gzip", "--file", archive, "--directory", target, "--no-same-owner", "--preserve-permissions"]);
  const root = readdirSync(target)[0] ?? "";
  const manifest = JSON.parse(readFileSync(join(target, root, "manifest.json"), "utf8")) as Manifest;
  const files = readdirSync(join(target, root, "payload"), { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => name.endsWith(".sqlite"))) {
    const database = new DatabaseSync(join(target, root, "payload", file), { readOnly: true });
    const found = database.prepare("PRAGMA integrity_check").get()?.["integrity_check"];
    database.close();
    if (found !== "ok") throw new CliError(`Backup archive is damaged: ${file}: ${String(found)}`);
  }
  return { root, manifest, assetCount: files.length };
}

function run(args: string[]): void {
  try {
    execFileSync("tar", args, { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: Buffer };
    // A file that grew while it was read.
    if (status === 1) return;
    throw new CliError(`tar ended with ${status}: ${stderr.toString().trim().slice(-300)}`);
  }
}
