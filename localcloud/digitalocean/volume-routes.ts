import { randomUUID } from "node:crypto";
import type { VolumeSpec } from "../substrate";
import { isoNow, type Cloud } from "./cloud";
import { conflict, unprocessable } from "./errors";
import { paged, param, required, route, text, type Route } from "./route";
import type { ActionRecord, DropletRecord, VolumeRecord } from "./state";
import { takeTags } from "./tag-routes";
import { actionView, volumeView } from "./views";

const NAME = /^[a-z][a-z0-9-]{0,63}$/;
const MAX_GIB = 16_384;
/** ext4 labels hold 16 bytes, XFS labels 12. */
const LABEL_BYTES: Record<string, number> = { ext4: 16, xfs: 12 };

function newVolume(cloud: Cloud, body: Record<string, unknown>): VolumeRecord {
  const name = required(body, "name", "name is required");
  if (!NAME.test(name))
    throw unprocessable("name must be lowercase letters, digits and dashes, and begin with a letter");
  const region = required(body, "region", "region is required");
  if (!cloud.regions.includes(region)) throw unprocessable("invalid region");
  const sizeGiB = Number(body["size_gigabytes"]);
  mustBeVolumeSize(sizeGiB);
  const filesystem = text(body, "filesystem_type") ?? "";
  const label = text(body, "filesystem_label") ?? "";
  if (filesystem !== "" && !(filesystem in LABEL_BYTES)) throw unprocessable("filesystem_type must be ext4 or xfs");
  if (Buffer.byteLength(label) > (LABEL_BYTES[filesystem] ?? 16)) throw unprocessable("filesystem_label is too long");
  if (Object.values(cloud.state.volumes).some((volume) => volume.name === name && volume.region === region)) {
    throw conflict("already exists");
  }
  const tags = takeTags(cloud, body["tags"]);
  const description = text(body, "description") ?? "";
  const createdAt = isoNow();
  return { id: randomUUID(), name, region, sizeGiB, description, createdAt, filesystem, label, tags, dropletId: null };
}

function mustBeVolumeSize(sizeGiB: number): void {
  if (!Number.isInteger(sizeGiB) || sizeGiB < 1 || sizeGiB > MAX_GIB) {
    throw unprocessable(`size_gigabytes must be from 1 to ${MAX_GIB}`);
  }
}

function specOf(volume: VolumeRecord): VolumeSpec {
  return {
    id: volume.id,
    name: volume.name,
    sizeGiB: volume.sizeGiB,
    ...(volume.filesystem === "ext4" || volume.filesystem === "xfs" ? { filesystem: volume.filesystem } : {}),
    ...(volume.label === "" ? {} : { label: volume.label }),
  };
}

/** A volume goes to one droplet at a time, in its own region. */
export function mustBeAttachable(volume: VolumeRecord, dropletId: number | null, region: string): void {
  if (volume.region !== region) throw unprocessable("Volume and Droplet must be in the same region.");
  if (volume.dropletId !== null && volume.dropletId !== dropletId) {
    throw unprocessable("Volume is already attached to a Droplet.");
  }
}

export function noteAttached(volume: VolumeRecord, droplet: DropletRecord): void {
  volume.dropletId = droplet.id;
  if (!droplet.volumeIds.includes(volume.id)) droplet.volumeIds.push(volume.id);
}

function noteDetached(cloud: Cloud, volume: VolumeRecord): void {
  const droplet = cloud.state.droplets[String(volume.dropletId)];
  if (droplet !== undefined) droplet.volumeIds = droplet.volumeIds.filter((id) => id !== volume.id);
  volume.dropletId = null;
}

function startVolumeAction(cloud: Cloud, volume: VolumeRecord, body: Record<string, unknown>): ActionRecord {
  const volumeLock = `volume:${volume.id}`;
  if (cloud.hasPendingAction(volumeLock)) throw unprocessable("Volume already has a pending event.");
  const common = { resourceId: null, resourceType: "volume" as const, region: volume.region };
  switch (body["type"]) {
    case "attach": {
      const droplet = cloud.droplet(Number(body["droplet_id"]));
      cloud.mustBeUnlocked(droplet);
      mustBeAttachable(volume, null, droplet.region);
      return cloud.startAction(
        { ...common, type: "attach_volume", resourceId: droplet.id, locks: [volumeLock, `droplet:${droplet.id}`] },
        () => cloud.substrate.attachVolume(volume.id, droplet.id),
        () => noteAttached(volume, droplet),
      );
    }
    case "detach": {
      const droplet = cloud.droplet(Number(body["droplet_id"]));
      cloud.mustBeUnlocked(droplet);
      if (volume.dropletId !== droplet.id) throw unprocessable("Attachment not found");
      return cloud.startAction(
        { ...common, type: "detach_volume", resourceId: droplet.id, locks: [volumeLock, `droplet:${droplet.id}`] },
        () => cloud.substrate.detachVolume(volume.id),
        () => noteDetached(cloud, volume),
      );
    }
    case "resize": {
      const sizeGiB = Number(body["size_gigabytes"]);
      mustBeVolumeSize(sizeGiB);
      if (sizeGiB < volume.sizeGiB) throw unprocessable("Volumes can only be made larger.");
      return cloud.startAction(
        { ...common, type: "resize_volume", locks: [volumeLock] },
        () => cloud.substrate.resizeVolume(volume.id, sizeGiB),
        () => void (volume.sizeGiB = sizeGiB),
      );
    }
    default:
      throw unprocessable(`"${String(body["type"])}" is no volume action of the embedded cloud`);
  }
}

export const volumeRoutes: Route[] = [
  route("GET", "/v2/volumes", (cloud, call) => {
    const name = call.query.get("name");
    const region = call.query.get("region");
    const volumes = Object.values(cloud.state.volumes).filter(
      (volume) => (name === null || volume.name === name) && (region === null || volume.region === region),
    );
    return paged(
      "volumes",
      volumes.map((volume) => volumeView(cloud, volume)),
      call,
    );
  }),
  route("POST", "/v2/volumes", async (cloud, { body }) => {
    const volume = newVolume(cloud, body);
    cloud.state.volumes[volume.id] = volume;
    try {
      await cloud.substrate.createVolume(specOf(volume));
    } catch (error) {
      delete cloud.state.volumes[volume.id];
      throw error;
    }
    return { status: 201, body: { volume: volumeView(cloud, volume) } };
  }),
  route("GET", "/v2/volumes/:volume", (cloud, call) => ({
    status: 200,
    body: { volume: volumeView(cloud, cloud.volume(param(call))) },
  })),
  route("DELETE", "/v2/volumes/:volume", async (cloud, call) => {
    const volume = cloud.volume(param(call));
    if (volume.dropletId !== null || cloud.hasPendingAction(`volume:${volume.id}`)) {
      throw conflict(
        "A volume that's attached to a Droplet cannot be deleted. Please detach it first before deleting.",
      );
    }
    await cloud.substrate.destroyVolume(volume.id);
    delete cloud.state.volumes[volume.id];
    return { status: 204 };
  }),
  route("POST", "/v2/volumes/:volume/actions", (cloud, call) => {
    const action = startVolumeAction(cloud, cloud.volume(param(call)), call.body);
    return { status: 202, body: { action: actionView(cloud, action) } };
  }),
];
