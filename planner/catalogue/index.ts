import shippedRegions from "./regions.json";
import shippedSizes from "./sizes.json";

/** A size of droplet, as DigitalOcean sells it. */
export interface Size {
  slug: string;
  /** Nominal memory, MiB. */
  memoryMiB: number;
  vcpus: number;
  /** Root disk, GiB. */
  diskGiB: number;
  /** USD, without volume, backups, tax. */
  monthlyUsd: number;
  hourlyUsd: number;
  /** Regions that sell it; absent: not known, so not checked. */
  regions?: string[];
  /** False: listed, but not for sale now. */
  available: boolean;
}

export interface Region {
  slug: string;
  available: boolean;
  /** For example `storage` for volumes; absent: not known, so not checked. */
  features?: string[];
}

/** What can be bought, and where that knowledge is from. */
export interface Catalogue {
  sizes: Size[];
  regions: Region[];
  /** `live`: asked from DigitalOcean in this run; `shipped`: the list that came with hermes. */
  source: "live" | "shipped";
  /** When the list was true: an ISO date, or words. */
  asOf: string;
}

/** DigitalOcean's monthly price is 672 hours (28 days) of the hourly one. */
export const HOURS_PER_MONTH = 672;

/** The list that came with hermes (`sizes.json`, `regions.json`, each with its source). */
export function shippedCatalogue(): Catalogue {
  return {
    sizes: shippedSizes.sizes.map((size) => ({
      slug: size.slug,
      memoryMiB: size.memory_mib,
      vcpus: size.vcpus,
      diskGiB: size.disk_gb,
      monthlyUsd: size.price_monthly_usd,
      hourlyUsd: hourly(size.price_monthly_usd),
      available: true,
    })),
    regions: shippedRegions.regions.map((slug) => ({ slug, available: true })),
    source: "shipped",
    asOf: shippedSizes.as_of,
  };
}

/** Hourly price of a monthly one, in DigitalOcean's five decimals. */
export function hourly(monthlyUsd: number): number {
  return Math.round((monthlyUsd / HOURS_PER_MONTH) * 1e5) / 1e5;
}

export function findSize(catalogue: Pick<Catalogue, "sizes">, slug: string): Size | undefined {
  return catalogue.sizes.find((size) => size.slug === slug);
}

/** Smallest price first. */
export function cheapest(sizes: readonly Size[]): Size[] {
  return [...sizes].sort((a, b) => a.monthlyUsd - b.monthlyUsd || a.memoryMiB - b.memoryMiB);
}

/** Whether it can be bought in the region, as far as the catalogue knows. */
export function soldIn({ available, regions }: Size, region: string): boolean {
  return available && (regions === undefined || regions.includes(region));
}
