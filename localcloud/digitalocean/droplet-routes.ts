import { createHash } from "node:crypto";
import type { DropletSpec } from "../substrate";
import { isoNow, type Cloud } from "./cloud";
import { ipv4Of, ipv6Of } from "./droplet-addresses";
import { unprocessable } from "./errors";
import { baseOf, bootDisk, type Disk } from "./image-routes";
import { paged, param, required, route, text, texts, type Call, type Reply, type Route } from "./route";
import type { ActionRecord, DropletRecord, VolumeRecord } from "./state";
import { takeTags } from "./tag-routes";
import { actionView, dropletSnapshotView, dropletView, firewallView } from "./views";
import { mustBeAttachable, noteAttached } from "./volume-routes";

const HOST_NAME = /^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/;
/** User data may hold 64 KiB. */
const MAX_USER_DATA_BYTES = 65_536;
const DEFAULT_VPC = "760e09ef-dc84-11e8-981e-3cfdfeaae000";

function mustFit(cloud: Cloud, sizeSlug: string, region: string): void {
  if (!cloud.regions.includes(region)) throw unprocessable("You specified an invalid region for Droplet creation.");
  if (!cloud.size(sizeSlug).regions.includes(region)) throw unprocessable("Size is not available in this region.");
}

function publicKeys(cloud: Cloud, identifiers: string[]): string[] {
  const keys = Object.values(cloud.state.keys);
  const found = identifiers.map((id) => keys.find((key) => String(key.id) === id || key.fingerprint === id));
  const missing = identifiers.filter((_, index) => found[index] === undefined);
  if (missing.length > 0) {
    throw unprocessable(`${missing.join(", ")} are invalid key identifiers for Droplet creation.`);
  }
  return found.flatMap((key) => (key === undefined ? [] : [key.publicKey]));
}

/** Volumes come as ids or as `{id}`. */
function volumesOf(cloud: Cloud, value: unknown, region: string): VolumeRecord[] {
  const entries = Array.isArray(value) ? (value as unknown[]) : [];
  return entries.map((entry) => {
    const id = typeof entry === "object" && entry !== null ? String((entry as { id?: unknown }).id) : String(entry);
    const volume = cloud.state.volumes[id];
    if (volume === undefined) throw unprocessable(`volume ${id} does not exist`);
    mustBeAttachable(volume, null, region);
    if (cloud.hasPendingAction(`volume:${id}`)) throw unprocessable("Volume already has a pending event.");
    return volume;
  });
}

function createDroplet(cloud: Cloud, { body }: Call): Reply {
  const name = required(body, "name", "Name can't be blank");
  if (!HOST_NAME.test(name)) {
    throw unprocessable("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)");
  }
  const region = required(body, "region", "You specified an invalid region for Droplet creation.");
  const size = required(body, "size", "You specified an invalid size for Droplet creation.");
  mustFit(cloud, size, region);
  const disk = bootDisk(cloud, body["image"], { region, diskGiB: cloud.size(size).diskGiB });
  const sshKeys = publicKeys(cloud, texts(body["ssh_keys"]));
  const userData = text(body, "user_data") ?? "";
  if (Buffer.byteLength(userData) > MAX_USER_DATA_BYTES) throw unprocessable("User data is too large, 64 KiB at most.");
  const volumes = volumesOf(cloud, body["volumes"], region);
  const tags = takeTags(cloud, body["tags"]);

  const droplet: DropletRecord = {
    id: cloud.newId(),
    name,
    region,
    size,
    diskGiB: cloud.size(size).diskGiB,
    image: disk.image,
    base: baseOf(cloud, disk.image),
    createdAt: isoNow(),
    status: "new",
    deleting: false,
    features: featuresOf(body),
    tags,
    volumeIds: [],
    host: cloud.takeHost(),
    ipv6: body["ipv6"] === true,
    vpcUuid: text(body, "vpc_uuid") ?? DEFAULT_VPC,
    userDataSha1: userData === "" ? null : createHash("sha1").update(userData).digest("hex"),
  };
  cloud.state.droplets[String(droplet.id)] = droplet;
  for (const volume of volumes) noteAttached(volume, droplet);
  const action = boot(cloud, droplet, { disk, userData, sshKeys });
  const href = `https://api.digitalocean.com/v2/actions/${action.id}`;
  return {
    status: 202,
    body: { droplet: dropletView(cloud, droplet), links: { actions: [{ id: action.id, rel: "create", href }] } },
  };
}

function featuresOf(body: Record<string, unknown>): string[] {
  const asked = ["monitoring", "ipv6", "backups"].filter((feature) => body[feature] === true);
  return [...asked, ...(body["with_droplet_agent"] === false ? [] : ["droplet_agent"]), "private_networking"];
}

/** The firewall covers the machine before it starts. */
function boot(
  cloud: Cloud,
  droplet: DropletRecord,
  { disk, userData, sshKeys }: { disk: Disk; userData: string; sshKeys: string[] },
): ActionRecord {
  const size = cloud.size(droplet.size);
  const spec: DropletSpec = {
    id: droplet.id,
    name: droplet.name,
    memoryMiB: size.memoryMiB,
    vcpus: size.vcpus,
    diskGiB: size.diskGiB,
    region: droplet.region,
    ...disk,
    userData,
    sshKeys,
    ipv4: ipv4Of(droplet.host),
    ...(droplet.ipv6 ? { ipv6: ipv6Of(droplet.host) } : {}),
    volumeIds: [...droplet.volumeIds],
    tags: [...droplet.tags],
  };
  return startDropletAction(
    cloud,
    droplet,
    "create",
    async () => {
      await cloud.pushFirewalls();
      await cloud.substrate.createDroplet(spec);
    },
    () => (droplet.status = "active"),
  );
}

function startDropletAction(
  cloud: Cloud,
  droplet: DropletRecord,
  type: string,
  machine: () => Promise<void>,
  effect: () => unknown,
): ActionRecord {
  return cloud.startAction(
    {
      type,
      resourceId: droplet.id,
      resourceType: "droplet",
      region: droplet.region,
      locks: [`droplet:${droplet.id}`],
    },
    machine,
    () => void effect(),
  );
}

const nothing = (): Promise<void> => Promise.resolve();

function actOnDroplet(cloud: Cloud, droplet: DropletRecord, body: Record<string, unknown>): ActionRecord {
  cloud.mustBeUnlocked(droplet);
  const { substrate } = cloud;
  const type = String(body["type"]);
  const start = (machine: () => Promise<void>, effect: () => unknown = () => undefined) =>
    startDropletAction(cloud, droplet, type, machine, effect);
  switch (type) {
    case "power_off":
      return start(
        () => substrate.powerOffDroplet(droplet.id),
        () => (droplet.status = "off"),
      );
    case "shutdown":
      return start(
        () => substrate.shutdownDroplet(droplet.id),
        () => (droplet.status = "off"),
      );
    case "power_on":
      return start(
        () => substrate.powerOnDroplet(droplet.id),
        () => (droplet.status = "active"),
      );
    case "reboot":
      return start(async () => {
        await substrate.shutdownDroplet(droplet.id);
        await substrate.powerOnDroplet(droplet.id);
      });
    case "power_cycle":
      return start(async () => {
        await substrate.powerOffDroplet(droplet.id);
        await substrate.powerOnDroplet(droplet.id);
      });
    case "resize":
      return resize(cloud, droplet, body);
    case "rename": {
      const name = required(body, "name", "Name can't be blank");
      return start(nothing, () => (droplet.name = name));
    }
    case "enable_ipv6":
      return start(nothing, () => enableIpv6(cloud, droplet));
    case "snapshot":
      return snapshot(cloud, droplet, text(body, "name") ?? `${droplet.name}-${isoNow()}`);
    default:
      throw unprocessable(`"${type}" is no droplet action of the embedded cloud`);
  }
}

function resize(cloud: Cloud, droplet: DropletRecord, body: Record<string, unknown>): ActionRecord {
  const slug = required(body, "size", "You specified an invalid size for Droplet creation.");
  mustFit(cloud, slug, droplet.region);
  const size = cloud.size(slug);
  if (size.diskGiB < droplet.diskGiB) throw unprocessable("This size is not available because it has a smaller disk.");
  if (droplet.status !== "off") throw unprocessable("You must power off your Droplet before resizing it.");
  const diskGiB = body["disk"] === true ? size.diskGiB : droplet.diskGiB;
  return startDropletAction(
    cloud,
    droplet,
    "resize",
    () => cloud.substrate.resizeDroplet(droplet.id, { memoryMiB: size.memoryMiB, vcpus: size.vcpus, diskGiB }),
    () => Object.assign(droplet, { size: slug, diskGiB }),
  );
}

/** The address shows in the account; the machine gets none before it is made again (as there, it must be configured). */
function enableIpv6(cloud: Cloud, droplet: DropletRecord): void {
  droplet.ipv6 = true;
  if (!droplet.features.includes("ipv6")) droplet.features.push("ipv6");
  cloud.inBackground("firewall after enable_ipv6", () => cloud.pushFirewalls());
}

/** Of a droplet that is on too, as if its plug had been pulled at that moment: only one that is off is consistent. */
function snapshot(cloud: Cloud, droplet: DropletRecord, name: string): ActionRecord {
  const id = String(cloud.newId());
  const machine = () => cloud.substrate.snapshotDroplet(droplet.id, id);
  return startDropletAction(cloud, droplet, "snapshot", machine, () => {
    cloud.state.snapshots[id] = {
      id,
      name,
      dropletId: droplet.id,
      base: droplet.base,
      region: droplet.region,
      createdAt: isoNow(),
      minDiskGiB: droplet.diskGiB,
      tags: [],
    };
  });
}

/** Volumes are detached and stay; the droplet is shown, locked, until its machine is gone. */
function deleteDroplet(cloud: Cloud, droplet: DropletRecord): Reply {
  cloud.mustBeUnlocked(droplet);
  droplet.deleting = true;
  cloud.inBackground(`deletion of droplet:${droplet.id}`, async () => {
    try {
      await cloud.substrate.destroyDroplet(droplet.id);
      for (const volume of Object.values(cloud.state.volumes).filter((v) => v.dropletId === droplet.id)) {
        await cloud.substrate.detachVolume(volume.id);
        volume.dropletId = null;
      }
      delete cloud.state.droplets[String(droplet.id)];
      await cloud.pushFirewalls();
    } finally {
      droplet.deleting = false;
    }
  });
  return { status: 204 };
}

function listDroplets(cloud: Cloud, call: Call): Reply {
  const tag = call.query.get("tag_name");
  const name = call.query.get("name");
  const droplets = Object.values(cloud.state.droplets).filter(
    (droplet) => (tag === null || droplet.tags.includes(tag)) && (name === null || droplet.name === name),
  );
  return paged(
    "droplets",
    droplets.map((droplet) => dropletView(cloud, droplet)),
    call,
  );
}

export const dropletRoutes: Route[] = [
  route("GET", "/v2/droplets", listDroplets),
  route("POST", "/v2/droplets", createDroplet),
  route("GET", "/v2/droplets/:droplet", (cloud, call) => ({
    status: 200,
    body: { droplet: dropletView(cloud, cloud.droplet(param(call))) },
  })),
  route("DELETE", "/v2/droplets/:droplet", (cloud, call) => deleteDroplet(cloud, cloud.droplet(param(call)))),
  route("GET", "/v2/droplets/:droplet/actions", (cloud, call) => {
    const id = cloud.droplet(param(call)).id;
    const actions = Object.values(cloud.state.actions).filter((a) => a.locks.includes(`droplet:${id}`));
    return paged(
      "actions",
      actions.map((action) => actionView(cloud, action)),
      call,
    );
  }),
  route("POST", "/v2/droplets/:droplet/actions", (cloud, call) => {
    const action = actOnDroplet(cloud, cloud.droplet(param(call)), call.body);
    return { status: 201, body: { action: actionView(cloud, action) } };
  }),
  route("GET", "/v2/droplets/:droplet/snapshots", (cloud, call) => {
    const id = cloud.droplet(param(call)).id;
    const snapshots = Object.values(cloud.state.snapshots).filter((entry) => entry.dropletId === id);
    return paged("snapshots", snapshots.map(dropletSnapshotView), call);
  }),
  route("GET", "/v2/droplets/:droplet/firewalls", (cloud, call) => {
    const droplet = cloud.droplet(param(call));
    const firewalls = Object.values(cloud.state.firewalls).filter(
      (f) => f.dropletIds.includes(droplet.id) || f.tags.some((tag) => droplet.tags.includes(tag)),
    );
    return paged("firewalls", firewalls.map(firewallView), call);
  }),
];
