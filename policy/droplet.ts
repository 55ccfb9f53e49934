import { resourceNames } from "../lib/names";
import { isUnknown, listOf, stackOf, type Finding, type PolicyResource, type Rule } from "./types";

export const DROPLET = "digitalocean:index/droplet:Droplet";
const FIREWALL = "digitalocean:index/firewall:Firewall";

export const taggedDroplet: Rule = {
  name: "tagged-droplet",
  says: "Every droplet has the stack's tag: firewall, sweep and doctor go by it.",
  one: ({ urn, type, props }) => {
    const tag = resourceNames(stackOf(urn)).tag;
    if (type !== DROPLET || isUnknown(props["tags"]) || has(props["tags"], tag)) return [];
    return [{ found: `its tags lack ${tag}`, fix: `Add ${tag} to its tags.` }];
  },
};

/** One that comes after the droplet, or names it by its id, leaves it open while it boots. */
export const firewallFirst: Rule = {
  name: "firewall-first",
  says: "A firewall on one of its tags is there before a droplet is.",
  all: (resources) =>
    resources.flatMap((droplet, i) =>
      droplet.type === DROPLET ? uncovered(droplet, droplet.after ?? resources.slice(0, i)).map(at(droplet)) : [],
    ),
};

const at =
  ({ urn }: PolicyResource) =>
  (finding: Finding) => ({ ...finding, resource: urn });

function uncovered({ props }: PolicyResource, before: readonly PolicyResource[]): Finding[] {
  if (isUnknown(props["tags"])) return [];
  const tags = listOf(props["tags"]);
  const covers = before.some(
    ({ type, props: firewall }) =>
      type === FIREWALL && (isUnknown(firewall["tags"]) || tags.some((tag) => has(firewall["tags"], String(tag)))),
  );
  if (covers) return [];
  return [
    {
      found: `no firewall that is made before it is on one of its tags (${tags.join(", ") || "it has none"})`,
      fix: "Put a firewall on one of its tags (tags, not dropletIds), and name it in the droplet's dependsOn.",
    },
  ];
}

/** Tags are the same whatever their case. */
const has = (tags: unknown, tag: string): boolean =>
  listOf(tags).some((each) => String(each).toLowerCase() === tag.toLowerCase());
