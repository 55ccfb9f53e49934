import { findSize, HOURS_PER_MONTH, type Catalogue, type Size } from "./catalogue";
import prices from "./catalogue/prices.json";

export interface CostLine {
  what: string;
  /** USD for a full month. */
  monthlyUsd: number;
  hourlyUsd: number;
}

export interface Cost {
  /** USD for a full month; taxes, traffic beyond the allowance and models are not in it. */
  monthlyUsd: number;
  hourlyUsd: number;
  lines: CostLine[];
  /** Where the prices are from, for example "shipped, 2025-09". */
  prices: string;
}

type Props = Record<string, unknown>;
type Sizes = Pick<Catalogue, "sizes">;
type Priced = (props: Props, catalogue: Sizes) => CostLine[];

const DROPLET = "digitalocean:index/droplet:Droplet";
const VOLUME = "digitalocean:index/volume:Volume";

const PRICED: Readonly<Record<string, Priced>> = {
  [DROPLET]: dropletLines,
  [VOLUME]: ({ size }) => perGiB("volume", size, prices.volume_usd_per_gib),
  // Told once it is made.
  "digitalocean:index/dropletSnapshot:DropletSnapshot": ({ size }) =>
    perGiB("snapshot", size, prices.snapshot_usd_per_gib),
  "digitalocean:index/volumeSnapshot:VolumeSnapshot": ({ size }) =>
    perGiB("snapshot", size, prices.snapshot_usd_per_gib),
  "digitalocean:index/reservedIp:ReservedIp": reservedIpLines,
  "digitalocean:index/floatingIp:FloatingIp": reservedIpLines,
};

/** Of DigitalOcean's, what is free. Anything else of it may cost something that hermes does not know. */
const FREE = ["tag:Tag", "firewall:Firewall", "sshKey:SshKey", "project:Project", "projectResources:ProjectResources"]
  .concat(["vpc:Vpc", "volumeAttachment:VolumeAttachment", "monitorAlert:MonitorAlert", "domain:Domain"])
  .concat(["dnsRecord:DnsRecord", "reservedIpAssignment:ReservedIpAssignment", "certificate:Certificate"])
  .concat(["floatingIpAssignment:FloatingIpAssignment"])
  .map((type) => `digitalocean:index/${type}`);

/**
 * What one resource costs: its inputs, or its outputs where it exists, as Pulumi has them. What is free, unknown or no
 * resource of DigitalOcean has no line.
 */
export function resourceCost(type: string, props: Props, catalogue: Sizes): CostLine[] {
  return PRICED[type]?.(props, catalogue) ?? [];
}

/** Why nobody knows here what it costs, for people; undefined where it is known, or free. */
export function unpriced(type: string, props: Props, catalogue: Sizes): string | undefined {
  if (!type.startsWith("digitalocean:") || FREE.includes(type)) return undefined;
  if (PRICED[type] === undefined) return "hermes has no price for it";
  if (type === DROPLET && dropletSize(props, catalogue) === undefined) return "the catalogue has no price of its size";
  return undefined;
}

/** What resources cost together: an assignment that is a resource of its own says that an address is in use. */
export function stackCost(resources: readonly { type: string; props: Props }[], catalogue: Catalogue): Cost {
  const assigned = resources.some(({ type }) => /:(Reserved|Floating)IpAssignment$/.test(type));
  const charged = resources.filter(({ type }) => !assigned || !/:(ReservedIp|FloatingIp)$/.test(type));
  return totalCost(
    charged.flatMap(({ type, props }) => resourceCost(type, props, catalogue)),
    catalogue,
  );
}

/** The sum, to the cent and to DigitalOcean's five decimals of an hour. */
function totalCost(lines: CostLine[], { source, asOf }: Pick<Catalogue, "source" | "asOf">): Cost {
  const sum = (key: "monthlyUsd" | "hourlyUsd") => lines.reduce((total, each) => total + each[key], 0);
  return {
    monthlyUsd: round(sum("monthlyUsd"), 2),
    hourlyUsd: round(sum("hourlyUsd"), 5),
    lines,
    prices: source === "live" ? "live" : `shipped, ${asOf}`,
  };
}

/** Of the stack itself, as it is configured. */
export function cost(size: Size, volumeGiB: number, catalogue: Pick<Catalogue, "source" | "asOf">): Cost {
  const known = { sizes: [size] };
  const volume = volumeGiB > 0 ? resourceCost(VOLUME, { size: volumeGiB }, known) : [];
  return totalCost([...resourceCost(DROPLET, { size: size.slug }, known), ...volume], catalogue);
}

function dropletLines(props: Props, catalogue: Sizes): CostLine[] {
  const size = dropletSize(props, catalogue);
  if (size === undefined) return [];
  const { slug, monthlyUsd, hourlyUsd } = size;
  const droplet = { what: `droplet ${slug}`, monthlyUsd, hourlyUsd };
  if (props["backups"] !== true) return [droplet];
  // Without a policy DigitalOcean makes them daily.
  const weekly = (props["backupPolicy"] as { plan?: unknown } | null | undefined)?.plan === "weekly";
  const share = weekly ? prices.backups_weekly_share : prices.backups_daily_share;
  return [droplet, line(`backups, ${weekly ? "weekly" : "daily"}`, monthlyUsd * share)];
}

const dropletSize = ({ size }: Props, catalogue: Sizes): Size | undefined =>
  typeof size === "string" ? findSize(catalogue, size) : undefined;

function perGiB(what: string, size: unknown, usd: number): CostLine[] {
  const giB = Number(size);
  return Number.isFinite(giB) && giB > 0 ? [line(`${what} ${giB} GiB`, giB * usd)] : [];
}

/** In use it is free. */
function reservedIpLines({ dropletId }: Props): CostLine[] {
  return dropletId ? [] : [line("reserved address, unassigned", prices.unassigned_reserved_ip_usd)];
}

function line(what: string, monthlyUsd: number): CostLine {
  return { what, monthlyUsd: round(monthlyUsd, 2), hourlyUsd: round(monthlyUsd / HOURS_PER_MONTH, 5) };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
