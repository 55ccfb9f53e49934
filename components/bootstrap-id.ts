import { createHash } from "node:crypto";
import type { HermesConfig } from "../config/types";

/** All that a droplet can only be given at birth. */
export interface Birth {
  revision: number;
  image: string;
  region: string;
  access: HermesConfig["access"]["mode"];
  ipv6: boolean;
  hostname: string;
  tag: string;
  /** null: Tailscale's own. */
  loginServer: string | null;
  /** Whether there is one. */
  volume: boolean;
  /** Absent: the tailnet keeps the node. */
  ephemeral?: boolean;
}

/** Kept in the state when a droplet is born, so that a later preview can say which key replaces it. */
export function birthOf(config: HermesConfig): Birth {
  return {
    revision: config.bootstrapRevision,
    image: config.image,
    region: config.region,
    access: config.access.mode,
    ipv6: config.ipv6,
    hostname: config.tailnet.hostname,
    tag: config.tailnet.tag,
    loginServer: config.tailnet.loginServer ?? null,
    volume: config.volumeGiB > 0,
    // Nothing where it is off: droplets that were born before there was the key stay.
    ...(config.tailnet.ephemeral === true ? { ephemeral: true } : {}),
  };
}

/**
 * One value that changes exactly when the droplet has to be born again: a hash of all that can only be given at birth.
 * It triggers the replacement of the droplet *and* of the tailnet key, so that no droplet boots with a spent key.
 */
export function bootstrapId(config: HermesConfig): string {
  return createHash("sha256")
    .update(JSON.stringify(birthOf(config)))
    .digest("hex")
    .slice(0, 16);
}
