/** A droplet size, as planner/catalogue holds it. */
export interface CatalogueSize {
  slug: string;
  memoryMiB: number;
  vcpus: number;
  diskGiB: number;
  priceMonthlyUsd: number;
  regions: string[];
}

/** Images that the account can boot; a short list on purpose. */
export const IMAGES = [
  { id: 195932981, slug: "debian-13-x64", name: "13 x64", distribution: "Debian", createdAt: "2025-08-20T00:00:00Z" },
  { id: 165413497, slug: "debian-12-x64", name: "12 x64", distribution: "Debian", createdAt: "2024-09-17T00:00:00Z" },
  {
    id: 195932982,
    slug: "ubuntu-24-04-x64",
    name: "24.04 (LTS) x64",
    distribution: "Ubuntu",
    createdAt: "2025-08-20T00:00:00Z",
  },
] as const;

const CITIES: Record<string, string> = {
  nyc: "New York",
  ams: "Amsterdam",
  sfo: "San Francisco",
  sgp: "Singapore",
  lon: "London",
  fra: "Frankfurt",
  tor: "Toronto",
  blr: "Bangalore",
  syd: "Sydney",
  atl: "Atlanta",
  ric: "Richmond",
};

/** "nyc3" is New York 3. */
export function regionName(slug: string): string {
  const match = /^([a-z]+)(\d+)$/.exec(slug);
  return `${CITIES[match?.[1] ?? ""] ?? slug} ${match?.[2] ?? ""}`.trim();
}

export const regionSlugs = (catalogue: CatalogueSize[]): string[] =>
  [...new Set(catalogue.flatMap((size) => size.regions))].sort();
