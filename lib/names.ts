/** Names that DigitalOcean's objects of a stack get. One place, so that rules and components agree. */
export interface ResourceNames {
  /** Tag that puts the droplet behind the firewall; at most 255 of letters, digits, `:`, `-`, `_`. */
  tag: string;
  firewall: string;
  sshKey: string;
  /** At most 64 of lower-case letters, digits and `-`, a letter first; one per region and account. */
  volume: string;
}

/** The name in `stack`, `organisation/stack` and `organisation/project/stack`: files and resources are called after it. */
export function stackName(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

/** The longest name that DigitalOcean gives a volume. */
export const VOLUME_NAME_MAX = 64;

/** The longest host name label (RFC 1123), hence tailnet and droplet name. */
export const HOSTNAME_MAX = 63;

/** `hermes` for the stack of that name, `hermes-STACK` for any other. */
export function baseName(stack: string): string {
  return stack === "hermes" ? "hermes" : `hermes-${stack}`;
}

export function resourceNames(stack: string): ResourceNames {
  const base = baseName(stack);
  return { tag: base, firewall: base, sshKey: base, volume: `${base}-state` };
}
