import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { OLLAMA_VERSION } from "../../config/types";
import { makeOnce } from "../make-once";
import { goToolchain } from "./go";
import { ollamaBuildEnvironment } from "./ollama/headers";
import { run } from "./run";

/** A program built from public Go modules by the go.mod in its folder. */
export interface Recipe {
  /** Name of the binary. */
  binary: string;
  /** Folder beside this file. */
  folder: string;
  package: string;
  flags: string[];
  /** Go files of our own beside go.mod. @default none */
  sources?: string[];
  /** Other names under which the same binary works. */
  aliases?: string[];
  /** What its build needs in the environment. @default no cgo */
  environment?: (cache: string, go: string) => Promise<Record<string, string>>;
}

const STRIPPED = ["-ldflags", "-s -w"];
/** The newest version that the module proxy serves whole. */
const ENGINE_VERSION = "v3.259.0";
/** Gitea reads it from its binary, and tells it in its API. */
const GITEA_VERSION = "1.26.0";

export const RECIPES = {
  languageNodejs: {
    binary: "pulumi-language-nodejs",
    folder: "language-nodejs",
    package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
    flags: STRIPPED,
  },
  pulumi: {
    binary: "pulumi",
    folder: "pulumi",
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    flags: ["-ldflags", `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${ENGINE_VERSION}`],
  },
  tailscaled: {
    binary: "tailscaled",
    folder: "tailscale",
    package: "tailscale.com/cmd/tailscaled",
    // One binary for the daemon and the command line, told apart by the name it is called by.
    flags: ["-tags", "ts_include_cli", ...STRIPPED],
    aliases: ["tailscale"],
  },
  headscale: {
    binary: "headscale",
    folder: "headscale",
    package: "github.com/juanfont/headscale/cmd/headscale",
    flags: STRIPPED,
  },
  // Only for tests of what goes to a bucket.
  objectStore: {
    binary: "object-store",
    folder: "object-store",
    package: ".",
    flags: STRIPPED,
    sources: ["main.go"],
  },
  // Only for npm run test:ollama and for a lab with the real Ollama: seven minutes of C++.
  ollama: {
    binary: "ollama",
    folder: "ollama",
    package: "github.com/ollama/ollama",
    flags: ["-ldflags", `-s -w -X github.com/ollama/ollama/version.Version=${OLLAMA_VERSION}`],
    environment: ollamaBuildEnvironment,
  },
  // These three only for npm run test:forge.
  gitea: {
    binary: "gitea",
    folder: "gitea",
    package: "code.gitea.io/gitea",
    flags: ["-tags", "sqlite sqlite_unlock_notify", "-ldflags", `-s -w -X main.Version=${GITEA_VERSION}`],
    environment: () => Promise.resolve({ CGO_ENABLED: "1" }),
  },
  actRunner: {
    binary: "act_runner",
    folder: "act-runner",
    package: "gitea.com/gitea/act_runner",
    flags: STRIPPED,
  },
  actionlint: {
    binary: "actionlint",
    folder: "actionlint",
    package: "github.com/rhysd/actionlint/cmd/actionlint",
    flags: STRIPPED,
  },
} satisfies Record<string, Recipe>;

/** Where the program of this recipe is kept: another go.mod, go.sum, source or set of flags is another folder. */
export function builtPath(cache: string, recipe: Recipe): string {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum", ...(recipe.sources ?? [])])
    hash.update(readFileSync(join(__dirname, recipe.folder, file)));
  hash.update(JSON.stringify([recipe.package, recipe.flags]));
  return join(cache, "bin", hash.digest("hex").slice(0, 16), recipe.binary);
}

/** Builds the program unless it is there, and links it as `<cache>/bin/NAME`. */
export async function ensureBuilt(cache: string, recipe: Recipe, onProgress: (line: string) => void): Promise<string> {
  const path = builtPath(cache, recipe);
  await makeOnce(path, () => build(cache, recipe, path, onProgress), onProgress);
  const link = join(cache, "bin", recipe.binary);
  replaceLink(path, link);
  for (const alias of recipe.aliases ?? []) replaceLink(path, join(cache, "bin", alias));
  return link;
}

function replaceLink(target: string, link: string): void {
  const fresh = `${link}.${process.pid}`;
  rmSync(fresh, { force: true });
  symlinkSync(target, fresh);
  renameSync(fresh, link);
}

async function build(cache: string, recipe: Recipe, path: string, onProgress: (line: string) => void): Promise<void> {
  const go = await goToolchain(cache, onProgress);
  mkdirSync(join(path, ".."), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  const started = Date.now();
  const elapsed = () => `${Math.round((Date.now() - started) / 1000)} s`;
  onProgress(`building ${recipe.binary} from its public Go modules`);
  const environment = (await recipe.environment?.(cache, go)) ?? { CGO_ENABLED: "0" };
  const ticker = setInterval(() => onProgress(`building ${recipe.binary}, ${elapsed()}`), 5000);
  try {
    await run(go, ["build", "-trimpath", ...recipe.flags, "-o", unfinished, recipe.package], {
      cwd: join(__dirname, recipe.folder),
      // CI images set GOFLAGS and workspaces of their own.
      env: { ...process.env, ...environment, GOWORK: "off" },
    });
    renameSync(unfinished, path);
    onProgress(`built ${recipe.binary} in ${elapsed()}`);
  } finally {
    clearInterval(ticker);
    rmSync(unfinished, { force: true });
  }
}
