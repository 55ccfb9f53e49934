import { DEFAULTS, NODE_DIGESTS, OLLAMA_DIGESTS } from "../../config/keys";
import { OLLAMA_VERSION } from "../../config/types";
import { asMap } from "../../lib/maps";
import type { LocalSources } from "../services/sources";

/** What a stack declares, by the name of the source. */
type Sources = Partial<{ [S in keyof LocalSources]: Partial<LocalSources[S]> }>;

/**
 * Digests and fingerprint of what the lab serves, in the place of the official ones only. A declared one that is not the
 * official one stays, so that what a real droplet refuses, the lab's droplet refuses too.
 *
 * @param declared `hermes:sources` of the stack
 */
export function sourcesOverride(declared: unknown, served: LocalSources, nodeVersion: string): Sources {
  const official: Record<string, string | undefined> = {
    node: NODE_DIGESTS[nodeVersion],
    ollama: OLLAMA_DIGESTS[OLLAMA_VERSION],
    tailscale: DEFAULTS.tailscale.fingerprint,
  };
  const stands = ([source, proof]: [string, Record<string, string>]): boolean => {
    const own = asMap(asMap(declared)[source]);
    // A version whose digest hermes does not know needs a declared one.
    return Object.keys(proof).every(
      (name) => official[source] !== undefined && isOfficial(own[name], official[source]),
    );
  };
  return Object.fromEntries(Object.entries(served).filter(stands));
}

/** Absent, hermes fills the official one in; fingerprints may have blanks. */
const isOfficial = (value: unknown, official: string): boolean =>
  value === undefined ||
  value === null ||
  (typeof value === "string" && value.replace(/\s/g, "").toLowerCase() === official.toLowerCase());
