import { IMAGES } from "./catalogue";
import type { Cloud } from "./cloud";
import { notFound, unprocessable } from "./errors";
import { paged, param, required, route, type Call, type Reply, type Route } from "./route";
import { baseImageView, imageOf, snapshotImageView, snapshotView } from "./views";

/** `private=true`: the account's own; `type=distribution`: DigitalOcean's; `tag_name`: those that carry it. */
function listImages(cloud: Cloud, call: Call): Reply {
  const tag = call.query.get("tag_name");
  const own = Object.values(cloud.state.snapshots).map(snapshotImageView);
  const theirs = IMAGES.map((image) => baseImageView(cloud, image));
  const all = [
    ...(call.query.get("private") === "true" ? [] : theirs),
    ...(call.query.get("type") === "distribution" ? [] : own),
  ];
  return paged("images", tag === null ? all : all.filter(({ tags }) => (tags as string[]).includes(tag)), call);
}

/** Droplets that were made from it keep their disks. */
function removeSnapshot(cloud: Cloud, call: Call): Reply {
  const { id } = cloud.snapshot(param(call));
  delete cloud.state.snapshots[id];
  cloud.inBackground(`deletion of snapshot:${id}`, () => cloud.substrate.destroySnapshot(id));
  return { status: 204 };
}

function listSnapshots(cloud: Cloud, call: Call): Reply {
  const wanted = call.query.get("resource_type");
  const views = Object.values(cloud.state.snapshots).map(snapshotView);
  return paged(
    "snapshots",
    views.filter((view) => wanted === null || view.resource_type === wanted),
    call,
  );
}

/** Images, and snapshots of droplets, which are images too. */
export const imageRoutes: Route[] = [
  route("GET", "/v2/images", listImages),
  route("GET", "/v2/images/:image", (cloud, call) => {
    const image = imageOf(cloud, param(call));
    if (image === undefined) throw notFound();
    return { status: 200, body: { image } };
  }),
  route("PUT", "/v2/images/:image", (cloud, call) => {
    const snapshot = cloud.snapshot(param(call));
    snapshot.name = required(call.body, "name", "Name can't be blank");
    return { status: 200, body: { image: snapshotImageView(snapshot) } };
  }),
  route("DELETE", "/v2/images/:image", removeSnapshot),

  route("GET", "/v2/snapshots", listSnapshots),
  route("GET", "/v2/snapshots/:snapshot", (cloud, call) => ({
    status: 200,
    body: { snapshot: snapshotView(cloud.snapshot(param(call))) },
  })),
  route("DELETE", "/v2/snapshots/:snapshot", removeSnapshot),
];

/** What a new droplet's disk begins as. */
export interface Disk {
  /** The slug, or the snapshot's number. */
  image: string;
  /** Only of a snapshot. */
  snapshotId?: string;
}

/** @throws ApiError when there is no such image, or it is not in the region, or larger than the disk */
export function bootDisk(cloud: Cloud, value: unknown, place: { region: string; diskGiB: number }): Disk {
  const base = IMAGES.find(({ id, slug }) => slug === value || id === Number(value));
  if (base !== undefined) return { image: base.slug };
  const snapshot = cloud.state.snapshots[String(value)];
  if (snapshot === undefined) throw unprocessable("You specified an invalid image for Droplet creation.");
  if (snapshot.region !== place.region) throw unprocessable("The image is not available in this region.");
  if (snapshot.minDiskGiB > place.diskGiB)
    throw unprocessable(`The image needs a disk of ${snapshot.minDiskGiB} GB, and this size has ${place.diskGiB} GB.`);
  return { image: snapshot.id, snapshotId: snapshot.id };
}

/** DigitalOcean's own image below an image, through however many snapshots. */
export const baseOf = (cloud: Cloud, image: string): string => cloud.state.snapshots[image]?.base ?? image;
