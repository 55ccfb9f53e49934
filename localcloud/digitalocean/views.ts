import { ADDRESSES } from "../addresses";
import { IMAGES, regionName, type CatalogueSize } from "./catalogue";
import type { Cloud } from "./cloud";
import { ipv4Of, ipv6Of } from "./droplet-addresses";
import type {
  ActionRecord,
  DropletRecord,
  FirewallRecord,
  KeyRecord,
  RuleRecord,
  SnapshotRecord,
  VolumeRecord,
} from "./state";

/** Replies as the API writes them. Objects that the official provider dereferences are never null. */

const HOURS_IN_A_BILLED_MONTH = 672;

const privateIpv4Of = (host: number): string => `10.108.0.${host}`;

export function sizeView(size: CatalogueSize) {
  return {
    slug: size.slug,
    memory: size.memoryMiB,
    vcpus: size.vcpus,
    disk: size.diskGiB,
    transfer: 2,
    price_monthly: size.priceMonthlyUsd,
    price_hourly: Number((size.priceMonthlyUsd / HOURS_IN_A_BILLED_MONTH).toFixed(5)),
    regions: size.regions,
    available: true,
    description: "Basic",
  };
}

export function regionView(cloud: Cloud, slug: string) {
  return {
    slug,
    name: regionName(slug),
    sizes: cloud.catalogue.filter((size) => size.regions.includes(slug)).map((size) => size.slug),
    features: ["backups", "ipv6", "metadata", "storage"],
    available: true,
  };
}

/** An image by its slug or number; undefined when there is none. */
export function imageOf(cloud: Cloud, identifier: string) {
  const base = IMAGES.find(({ id, slug }) => slug === identifier || String(id) === identifier);
  if (base !== undefined) return baseImageView(cloud, base);
  const snapshot = cloud.state.snapshots[identifier];
  return snapshot === undefined ? undefined : snapshotImageView(snapshot);
}

export function baseImageView(cloud: Cloud, image: (typeof IMAGES)[number]) {
  return {
    id: image.id,
    name: image.name,
    distribution: image.distribution,
    slug: image.slug,
    public: true,
    regions: cloud.regions,
    created_at: image.createdAt,
    min_disk_size: 7,
    type: "base",
    size_gigabytes: 0.6,
    description: `${image.distribution} ${image.name}`,
    tags: [],
    status: "available",
    error_message: "",
  };
}

export function dropletView(cloud: Cloud, droplet: DropletRecord) {
  const size = cloud.size(droplet.size);
  const prefix = ADDRESSES.droplets;
  return {
    id: droplet.id,
    name: droplet.name,
    memory: size.memoryMiB,
    vcpus: size.vcpus,
    disk: droplet.diskGiB,
    disk_info: [{ type: "local", size: { amount: droplet.diskGiB, unit: "gib" } }],
    locked: cloud.isLocked(droplet),
    status: droplet.status,
    kernel: null,
    created_at: droplet.createdAt,
    features: droplet.features,
    backup_ids: [],
    next_backup_window: null,
    snapshot_ids: Object.values(cloud.state.snapshots)
      .filter((snapshot) => snapshot.dropletId === droplet.id)
      .map((snapshot) => Number(snapshot.id)),
    image: imageOf(cloud, droplet.image) ?? {},
    volume_ids: droplet.volumeIds,
    size: sizeView(size),
    size_slug: droplet.size,
    networks: {
      v4: [
        { ip_address: ipv4Of(droplet.host), netmask: "255.255.255.0", gateway: prefix.v4Gateway, type: "public" },
        { ip_address: privateIpv4Of(droplet.host), netmask: "255.255.240.0", gateway: "10.108.0.1", type: "private" },
      ],
      v6: droplet.ipv6
        ? [{ ip_address: ipv6Of(droplet.host), netmask: prefix.v6Prefix, gateway: prefix.v6Gateway, type: "public" }]
        : [],
    },
    region: regionView(cloud, droplet.region),
    tags: droplet.tags,
    vpc_uuid: droplet.vpcUuid,
  };
}

export function actionView(cloud: Cloud, action: ActionRecord) {
  return {
    id: action.id,
    status: action.status,
    type: action.type,
    started_at: action.startedAt,
    completed_at: action.completedAt,
    resource_id: action.resourceId,
    resource_type: action.resourceType,
    region: regionView(cloud, action.region),
    region_slug: action.region,
  };
}

export function volumeView(cloud: Cloud, volume: VolumeRecord) {
  return {
    id: volume.id,
    region: regionView(cloud, volume.region),
    droplet_ids: volume.dropletId === null ? [] : [volume.dropletId],
    name: volume.name,
    description: volume.description,
    size_gigabytes: volume.sizeGiB,
    created_at: volume.createdAt,
    filesystem_type: volume.filesystem,
    filesystem_label: volume.label,
    tags: volume.tags,
  };
}

export function firewallView(firewall: FirewallRecord) {
  return {
    id: firewall.id,
    name: firewall.name,
    status: "succeeded",
    created_at: firewall.createdAt,
    inbound_rules: firewall.inbound.map((rule) => ruleView(rule, "sources")),
    outbound_rules: firewall.outbound.map((rule) => ruleView(rule, "destinations")),
    droplet_ids: firewall.dropletIds,
    tags: firewall.tags,
    pending_changes: [],
  };
}

function ruleView(rule: RuleRecord, side: "sources" | "destinations") {
  const { addresses, tags, dropletIds } = rule.target;
  return {
    protocol: rule.protocol,
    // "all" comes back as "0", and so does ICMP, which has none; a range comes back as it was sent.
    ports: rule.ports === undefined || rule.ports === "all" ? "0" : rule.ports,
    [side]: {
      ...(addresses.length > 0 ? { addresses } : {}),
      ...(tags.length > 0 ? { tags } : {}),
      ...(dropletIds.length > 0 ? { droplet_ids: dropletIds } : {}),
    },
  };
}

export const keyView = (key: KeyRecord) => ({
  id: key.id,
  name: key.name,
  public_key: key.publicKey,
  fingerprint: key.fingerprint,
});

export function tagView(cloud: Cloud, name: string) {
  const droplets = Object.values(cloud.state.droplets).filter((droplet) => droplet.tags.includes(name));
  const volumes = Object.values(cloud.state.volumes).filter((volume) => volume.tags.includes(name));
  const images = Object.values(cloud.state.snapshots).filter((snapshot) => snapshot.tags.includes(name));
  const counted = (count: number) => ({ count });
  return {
    name,
    resources: {
      count: droplets.length + images.length + volumes.length,
      droplets: counted(droplets.length),
      images: counted(images.length),
      volumes: counted(volumes.length),
      volume_snapshots: counted(0),
      databases: counted(0),
    },
  };
}

/** What all three shapes of a snapshot have. */
const snapshotBase = (snapshot: SnapshotRecord) => ({
  name: snapshot.name,
  regions: [snapshot.region],
  created_at: snapshot.createdAt,
  min_disk_size: snapshot.minDiskGiB,
  size_gigabytes: 1.2,
});

export const snapshotView = (snapshot: SnapshotRecord) => ({
  ...snapshotBase(snapshot),
  id: snapshot.id,
  resource_id: String(snapshot.dropletId),
  resource_type: "droplet",
  tags: snapshot.tags,
});

/** Among the images, as what a droplet boots from. */
export const snapshotImageView = (snapshot: SnapshotRecord) => ({
  ...snapshotBase(snapshot),
  id: Number(snapshot.id),
  type: "snapshot",
  distribution: IMAGES.find(({ slug }) => slug === snapshot.base)?.distribution ?? "Unknown",
  slug: null,
  public: false,
  description: "",
  tags: snapshot.tags,
  status: "available",
  error_message: "",
});

/** In a droplet's own list. */
export const dropletSnapshotView = (snapshot: SnapshotRecord) => ({
  ...snapshotBase(snapshot),
  id: Number(snapshot.id),
  type: "snapshot",
});

export const accountView = () => ({
  droplet_limit: 25,
  floating_ip_limit: 5,
  reserved_ip_limit: 5,
  volume_limit: 10,
  email: "sammy@example.com",
  name: "Sammy the Shark",
  uuid: "b6fc48dbf6d9906cace5f3c78dc9851e757381ef",
  email_verified: true,
  status: "active",
  status_message: "",
  team: { uuid: "5df3e3004a17e242b7c20ca6c9fc25b701a47ece", name: "Embedded cloud" },
});
