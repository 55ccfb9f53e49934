import type { Lab } from "../lab";
import { buildNodeDist } from "./node-dist";
import { buildOllamaDist } from "./ollama";
import { buildTailscaleApt } from "./tailscale-apt";

/** What the stack's `sources` must say in the lab, where Node's tarball, Tailscale's packages and Ollama are the lab's own. */
export interface LocalSources {
  node: { sha256: string };
  tailscale: { fingerprint: string };
  ollama: { sha256: string };
}

/**
 * Builds what the stand-ins of nodejs.org, pkgs.tailscale.com and github.com serve, where it is not in the cache yet, and says
 * by what the droplet recognises it. Runs in the machine's network namespace, before the lab's services start.
 * @param nodeVersion exact version of Node, as in the stack's `node.version`
 */
export async function localSources(lab: Lab, nodeVersion: string): Promise<LocalSources> {
  const [node, tailscale, ollama] = await Promise.all([
    buildNodeDist(lab, nodeVersion),
    buildTailscaleApt(lab),
    buildOllamaDist(lab),
  ]);
  return {
    node: { sha256: node.sha256 },
    tailscale: { fingerprint: tailscale.fingerprint },
    ollama: { sha256: ollama.sha256 },
  };
}
