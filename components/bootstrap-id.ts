import { createHash } from "node:crypto";
import type { HermesConfig } from "../config/types";

/**
 * One value that changes exactly when the droplet has to be born again: a hash of all that can only be given at birth.
 * It triggers the replacement of the droplet *and* of the tailnet key, so that no droplet boots with a spent key.
 */
export function bootstrapId(config: HermesConfig): string {
  const birth = {
    revision: config.bootstrapRevision,
    image: config.image,
    region: config.region,
    access: config.access.mode,
    ipv6: config.ipv6,
    hostname: config.tailnet.hostname,
    tag: config.tailnet.tag,
    loginServer: config.tailnet.loginServer ?? null,
    volume: config.volumeGiB > 0,
  };
  return createHash("sha256").update(JSON.stringify(birth)).digest("hex").slice(0, 16);
}
