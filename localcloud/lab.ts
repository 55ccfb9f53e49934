import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** Where one embedded cloud lives. Two clones on one machine have two labs that never meet. */
export interface Lab {
  /** Six hex digits made from the project's directory. */
  id: string;
  /** The project's directory. */
  project: string;
  /** Runtime state: `.hermes/lab` in the project. Gone after `hermes local down`. */
  dir: string;
  /** Built programs, images, mirrors; shared between clones. */
  cache: string;
  /** Names of the network namespaces. */
  ns: { lab: string; outside: string; operator: string };
}

/** @param instance tells several labs of one project apart (the tests' from the user's). */
export function labOf(project: string, instance = "lab"): Lab {
  const root = resolve(project);
  const id = createHash("sha256").update(`${root}#${instance}`).digest("hex").slice(0, 6);
  const cacheHome = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return {
    id,
    project: root,
    dir: join(root, ".hermes", instance),
    cache: join(cacheHome, "hermes"),
    ns: { lab: `hermes-${id}-lab`, outside: `hermes-${id}-outside`, operator: `hermes-${id}-operator` },
  };
}
