/** Headscale's user whose machine runs pulumi. */
export const OPERATOR = "operator";

/** Names of nodes end with it. */
export const BASE_DOMAIN = "tailnet.hermes.test";

export const DEFAULT_TAGS = ["tag:hermes", "tag:hermes-sandbox"];

/**
 * The lab's policy, the same lines that hermes asks of a real tailnet: the operator reaches SSH on tagged droplets and
 * nothing else, and a tagged droplet may start no connection at all.
 */
export function policy(tags: string[]): Record<string, unknown> {
  const user = `${OPERATOR}@`;
  return {
    tagOwners: Object.fromEntries(tags.map((tag) => [tag, [user]])),
    acls: [{ action: "accept", src: [user], dst: tags.map((tag) => `${tag}:22`) }],
  };
}
