import { shippedCatalogue } from "../planner";
import type { CatalogueSize } from "./digitalocean";

/** What the emulated DigitalOcean sells: the shipped catalogue, every size in every region that it knows. */
export function labCatalogue(): CatalogueSize[] {
  const { sizes, regions } = shippedCatalogue();
  const everywhere = regions.map((region) => region.slug);
  return sizes.map((size) => ({
    slug: size.slug,
    memoryMiB: size.memoryMiB,
    vcpus: size.vcpus,
    diskGiB: size.diskGiB,
    priceMonthlyUsd: size.monthlyUsd,
    regions: size.regions ?? everywhere,
  }));
}
