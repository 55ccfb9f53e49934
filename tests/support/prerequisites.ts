/** What each suite of tests needs on the machine: the one list of it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { missingRequirement } from "../../localcloud/embedded-cloud";
import { ensureEngine, ensurePrograms } from "../../localcloud/engine";
import { ensureBuilt, RECIPES } from "../../localcloud/engine/build";
import { ensureImage, IMAGES } from "../../localcloud/image";
import { labOf } from "../../localcloud/lab";
import { DEBIAN_PACKAGES, ensurePackages, missingPackages, VM_PACKAGES } from "../../localcloud/packages";
import { ensureWeights } from "../../localcloud/services/ollama/weights";
import { missingVmRequirement } from "../../localcloud/vm";
import { ensureRealOpenclaw } from "./real-openclaw";

export const SUITES = ["unit", "engine", "droplet", "long", "ollama", "vm", "forge", "torture"] as const;
export type Suite = (typeof SUITES)[number];
export type Say = (text: string) => void;

export interface Prerequisite {
  /** Its name for people. */
  what: string;
  suites: readonly Suite[];
  /** Why it is not here and cannot be had, with what to do; undefined when it is here or `install` can get it. */
  obstacle?: () => string | undefined;
  /** Gets it; over at once when it is here. Throws an Error that says what to do. */
  install?: (say: Say) => void | Promise<void>;
}

const { cache } = labOf(join(__dirname, "..", ".."));

/** As Debian and others install it. */
export const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const program = (what: string, suites: readonly Suite[], recipe: (typeof RECIPES)[keyof typeof RECIPES]) => ({
  what,
  suites,
  install: async (say: Say): Promise<void> => void (await ensureBuilt(cache, recipe, say)),
});

/** Only root can install packages; everyone else is told which. */
const packages = (what: string, suites: readonly Suite[], list: Record<string, string>): Prerequisite => ({
  what,
  suites,
  obstacle: () => {
    const missing = missingPackages(existsSync, list);
    if (missing.length === 0 || process.getuid?.() === 0) return undefined;
    return `Debian packages are missing. Run: sudo apt-get install ${missing.join(" ")}`;
  },
  install: (say) => ensurePackages(say, list),
});

/** In the order in which they are installed: the quick ones first. */
export const PREREQUISITES: readonly Prerequisite[] = [
  { what: "Linux, root, /dev/net/tun", suites: ["droplet", "long"], obstacle: missingRequirement },
  {
    what: "root",
    suites: ["torture"],
    obstacle: () => (process.getuid?.() === 0 ? undefined : "Droplets listen on port 22. Run it as root."),
  },
  {
    what: "room for a virtual machine of 2 GiB",
    suites: ["vm"],
    obstacle: () => missingVmRequirement(cache, 2048),
  },
  packages("Debian packages of the embedded cloud", ["droplet", "long", "vm"], DEBIAN_PACKAGES),
  packages("QEMU", ["vm"], VM_PACKAGES),
  packages("Chromium", ["forge"], { chromium: BROWSERS.find((path) => existsSync(path)) ?? "/usr/bin/chromium" }),
  packages("a C compiler, for Gitea's SQLite", ["forge"], { gcc: "/usr/bin/gcc", "libc6-dev": "/usr/include/stdio.h" }),
  packages("a C++ compiler, for Ollama", ["ollama"], { "g++": "/usr/bin/g++" }),
  {
    what: "Pulumi with its plugins",
    suites: ["engine", "droplet", "long", "forge", "torture"],
    install: async (say) => void (await ensureEngine(cache, say)),
  },
  {
    what: "Tailscale and Headscale",
    suites: ["droplet", "long", "vm"],
    install: async (say) => void (await ensurePrograms(cache, say)),
  },
  { what: "OpenClaw", suites: ["engine"], install: ensureRealOpenclaw },
  program("the object store", ["engine", "droplet", "long", "torture"], RECIPES.objectStore),
  program("actionlint", ["forge"], RECIPES.actionlint),
  program("Gitea's runner", ["forge"], RECIPES.actRunner),
  program("Gitea", ["forge"], RECIPES.gitea),
  {
    what: "droplet images",
    suites: ["droplet", "long"],
    install: async (say) => {
      for (const image of Object.keys(IMAGES)) await ensureImage(cache, image, { onProgress: say });
    },
  },
  {
    what: "a model's weights (250 MB)",
    suites: ["ollama"],
    install: async (say) => void (await ensureWeights(cache, say)),
  },
  program("Ollama", ["ollama"], RECIPES.ollama),
];

/**
 * Gets what these suites need.
 *
 * @throws Error that lists everything that cannot be had, before anything is installed; or what could not be installed
 */
export async function ensurePrerequisites(
  suites: readonly Suite[],
  say: Say,
  list: readonly Prerequisite[] = PREREQUISITES,
): Promise<void> {
  const needed = list.filter((each) => each.suites.some((suite) => suites.includes(suite)));
  const obstacles = needed.flatMap(({ what, suites: by, obstacle }) => {
    const why = obstacle?.();
    return why === undefined
      ? []
      : [`${what} (needed by: ${by.filter((s) => suites.includes(s)).join(", ")})\n  ${why}`];
  });
  if (obstacles.length > 0) throw new Error(obstacles.join("\n"));
  for (const { install } of needed) await install?.(say);
}
