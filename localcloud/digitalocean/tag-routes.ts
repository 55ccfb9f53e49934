import type { Cloud } from "./cloud";
import { notFound, unprocessable } from "./errors";
import { paged, param, required, route, texts, type Route } from "./route";
import { tagView } from "./views";

const TAG_NAME = /^[a-zA-Z0-9:\-_]{1,255}$/;

function mustBeTagName(name: string): void {
  if (!TAG_NAME.test(name)) {
    throw unprocessable("Tag names can contain letters, numbers, colons, dashes and underscores, 255 at most.");
  }
}

function mustExist(cloud: Cloud, name: string): void {
  if (!cloud.state.tags.includes(name)) throw notFound();
}

/** The droplets, volumes and images that a body `{resources: [{resource_id, resource_type}]}` names. */
function taggedThings(cloud: Cloud, body: Record<string, unknown>): { tags: string[] }[] {
  const resources = Array.isArray(body["resources"]) ? (body["resources"] as Record<string, unknown>[]) : [];
  return resources.map((resource) => {
    const id = String(resource["resource_id"]);
    if (resource["resource_type"] === "volume") return cloud.volume(id);
    if (resource["resource_type"] === "droplet") return cloud.droplet(id);
    if (resource["resource_type"] === "image") return cloud.snapshot(id);
    throw unprocessable("resource_type must be droplet, volume or image in the embedded cloud");
  });
}

const without = (list: string[], name: string): string[] => list.filter((entry) => entry !== name);

export const tagRoutes: Route[] = [
  route("GET", "/v2/tags", (cloud, call) =>
    paged(
      "tags",
      cloud.state.tags.map((name) => tagView(cloud, name)),
      call,
    ),
  ),
  route("POST", "/v2/tags", (cloud, { body }) => {
    const name = required(body, "name", "Tag name can't be blank");
    mustBeTagName(name);
    cloud.addTags([name]);
    return { status: 201, body: { tag: tagView(cloud, name) } };
  }),
  route("GET", "/v2/tags/:tag", (cloud, call) => {
    mustExist(cloud, param(call));
    return { status: 200, body: { tag: tagView(cloud, param(call)) } };
  }),
  route("DELETE", "/v2/tags/:tag", async (cloud, call) => {
    const name = param(call);
    mustExist(cloud, name);
    cloud.state.tags = without(cloud.state.tags, name);
    const { droplets, volumes, firewalls, snapshots } = cloud.state;
    const kinds: Record<string, { tags: string[] }>[] = [droplets, volumes, firewalls, snapshots];
    for (const kind of kinds) {
      for (const thing of Object.values(kind)) thing.tags = without(thing.tags, name);
    }
    await cloud.pushFirewalls();
    return { status: 204 };
  }),
  route("POST", "/v2/tags/:tag/resources", async (cloud, call) => {
    mustExist(cloud, param(call));
    for (const thing of taggedThings(cloud, call.body)) thing.tags = [...without(thing.tags, param(call)), param(call)];
    await cloud.pushFirewalls();
    return { status: 204 };
  }),
  route("DELETE", "/v2/tags/:tag/resources", async (cloud, call) => {
    mustExist(cloud, param(call));
    for (const thing of taggedThings(cloud, call.body)) thing.tags = without(thing.tags, param(call));
    await cloud.pushFirewalls();
    return { status: 204 };
  }),
];

/** Tag names of a create call, made where they are new. */
export function takeTags(cloud: Cloud, value: unknown): string[] {
  const names = [...new Set(texts(value))];
  names.forEach(mustBeTagName);
  cloud.addTags(names);
  return names;
}
