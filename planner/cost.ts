import { HOURS_PER_MONTH, type Catalogue, type Size } from "./catalogue";

/** USD per GiB and month of a DigitalOcean volume (its price list: $1.00 for 10 GiB). */
export const VOLUME_USD_PER_GIB = 0.1;

export interface CostLine {
  what: string;
  monthlyUsd: number;
}

export interface Cost {
  /** USD for a full month; taxes, traffic beyond the allowance and models are not in it. */
  monthlyUsd: number;
  hourlyUsd: number;
  lines: CostLine[];
  /** Where the prices are from, for example "shipped, 2025-09". */
  prices: string;
}

export function cost(size: Size, volumeGiB: number, { source, asOf }: Pick<Catalogue, "source" | "asOf">): Cost {
  const volume = round(volumeGiB * VOLUME_USD_PER_GIB, 2);
  const lines = [{ what: `droplet ${size.slug}`, monthlyUsd: size.monthlyUsd }];
  if (volumeGiB > 0) lines.push({ what: `volume ${volumeGiB} GiB`, monthlyUsd: volume });
  return {
    monthlyUsd: round(size.monthlyUsd + volume, 2),
    hourlyUsd: round(size.hourlyUsd + volume / HOURS_PER_MONTH, 5),
    lines,
    prices: source === "live" ? "live" : `shipped, ${asOf}`,
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
