import { allNearest } from "../lib/nearest";
import { grouped } from "../planner/budget";
import { cheapest, findSize, type Catalogue, type Region, type Size } from "../planner/catalogue";
import { MEASURED } from "../planner/measured";
import { DEFAULTS } from "./keys";
import type { Reader } from "./reader";

/** System and gateway take 1.4 GB (planner/measured.ts): below 2 GB nothing helps. */
export const MEMORY_MIN_MIB = 2048;

/** Region, size, image, swap, volume: what can be bought, and whether it goes together. */
export function readMachine(reader: Reader, raw: Record<string, unknown>, catalogue: Catalogue) {
  const region = readSlug(reader, "hermes:region", raw["region"], {
    example: "nyc3",
    known: catalogue.regions.filter(({ available }) => available).map(({ slug }) => slug),
  });
  const size = readSlug(reader, "hermes:size", raw["size"], {
    example: "s-1vcpu-2gb",
    known: cheapest(catalogue.sizes.filter(isCarrying)).map(({ slug }) => slug),
  });
  const image = reader.text("hermes:image", raw["image"], {
    default: DEFAULTS.image,
    pattern: /^(debian-13-x64|[1-9]\d{0,11})$/,
    allowed: "A Debian 13 image of DigitalOcean, or the number of an image of your own made from one.",
    fix: `Write ${DEFAULTS.image}.`,
  });
  const volumeGiB = reader.integer("hermes:volumeGiB", raw["volumeGiB"], {
    default: DEFAULTS.volumeGiB,
    min: 0,
    max: 16_384,
    allowed: "A volume has 1 to 16384 GiB; 0 means none: state then dies with the droplet.",
    fix: `Write ${DEFAULTS.volumeGiB}; a volume can grow later, never shrink.`,
  });
  const known = checkAgainstCatalogue(reader, catalogue, region, size, volumeGiB ?? 0);
  const swapGiB = readSwap(reader, raw["swapGiB"], known);
  return { region: region ?? "", size: size ?? "", image: image ?? "", volumeGiB: volumeGiB ?? 0, swapGiB };
}

interface Slugs {
  example: string;
  known: readonly string[];
}

function readSlug(reader: Reader, key: string, value: unknown, { example, known }: Slugs): string | undefined {
  const allowed = `A slug of DigitalOcean, such as ${example}.`;
  const pattern = /^[a-z0-9][a-z0-9_.-]*$/;
  if (typeof value === "string" && pattern.test(value)) return value;
  const fix = typeof value === "string" && value !== "" ? choose(value, known, example) : `Write ${example}.`;
  return reader.text(key, value, { pattern, isValid: (slug) => known.includes(slug), allowed, fix });
}

/** A region can never be changed later: only what is near enough to be a slip is proposed. */
function choose(text: string, known: readonly string[], example?: string): string {
  const meant = allNearest(text, known).slice(0, 4);
  if (meant.length === 0) return example === undefined ? "Choose one of them." : `Write another, such as ${example}.`;
  return `Write ${[meant.slice(0, -1).join(", "), meant.at(-1)].filter((part) => part !== "").join(" or ")}.`;
}

function readSwap(reader: Reader, value: unknown, size: Size | undefined): number {
  const max = size ? Math.floor(size.diskGiB / 4) : 4096;
  const disk = size ? `${max} GiB, a quarter of ${size.slug}'s disk of ${size.diskGiB} GiB` : "a quarter of the disk";
  const rule = { default: DEFAULTS.swapGiB, min: 0, max, allowed: `0 to ${disk}.`, fix: `Write ${Math.min(4, max)}.` };
  return reader.integer("hermes:swapGiB", value, rule) ?? 0;
}

/** Refuses what DigitalOcean does not sell, or not together. Returns the size when it exists. */
function checkAgainstCatalogue(
  reader: Reader,
  catalogue: Catalogue,
  region: string | undefined,
  slug: string | undefined,
  volumeGiB: number,
): Size | undefined {
  const place = region === undefined ? undefined : checkRegion(reader, catalogue, region, volumeGiB);
  const size = slug === undefined ? undefined : checkSize(reader, catalogue, slug);
  if (size?.regions && place && !size.regions.includes(place.slug)) {
    const there = cheapest(catalogue.sizes.filter((other) => isCarrying(other) && other.regions?.includes(place.slug)));
    reader.reject(
      "hermes:size",
      size.slug,
      `${place.slug} does not sell it`,
      `${size.slug} is sold in ${size.regions.join(", ")} (${knowledge(catalogue)}).`,
      there[0] === undefined
        ? `Write hermes:region: ${size.regions[0] ?? "nyc3"}, or another of these.`
        : `Write ${there[0].slug} ($${there[0].monthlyUsd} a month), or set hermes:region to one of these.`,
    );
  }
  return size;
}

function checkRegion(reader: Reader, catalogue: Catalogue, slug: string, volumeGiB: number): Region | undefined {
  const key = "hermes:region";
  const region = catalogue.regions.find((candidate) => candidate.slug === slug);
  const open = catalogue.regions.filter(({ available }) => available).map((candidate) => candidate.slug);
  const allowed = `Regions are ${open.join(", ")} (${knowledge(catalogue)}).`;
  const fix = (): string => choose(slug, open);
  if (region === undefined)
    reader.reject(key, slug, "DigitalOcean has no such region", allowed, fix() + offline(catalogue));
  else if (!region.available) reader.reject(key, slug, "it takes no new droplets now", allowed, fix());
  else if (volumeGiB > 0 && region.features && !region.features.includes("storage"))
    reader.reject(key, slug, "it has no volumes", allowed, "Choose another region, or set hermes:volumeGiB to 0.");
  return region;
}

function checkSize(reader: Reader, catalogue: Catalogue, slug: string): Size | undefined {
  const key = "hermes:size";
  const size = findSize(catalogue, slug);
  const carrying = cheapest(catalogue.sizes.filter(isCarrying));
  const allowed = `A size with at least 2 GB of memory, such as ${examples(carrying)} (${knowledge(catalogue)}).`;
  const fix = (): string =>
    choose(
      slug,
      carrying.map((candidate) => candidate.slug),
      carrying[0]?.slug,
    );
  if (size === undefined)
    reader.reject(key, slug, "DigitalOcean has no such size", allowed, fix() + offline(catalogue));
  else if (size.memoryMiB < MEMORY_MIN_MIB)
    reader.reject(
      key,
      slug,
      `${size.memoryMiB} MiB do not carry system and gateway, which take ${grouped(MEASURED.systemMiB + MEASURED.gatewayMiB)}`,
      allowed,
      `Write ${carrying[0]?.slug ?? "s-1vcpu-2gb"}.`,
    );
  else if (!size.available)
    reader.reject(key, slug, "it is not for sale now", allowed, `Write ${carrying[0]?.slug ?? "s-1vcpu-2gb"}.`);
  return size;
}

function isCarrying(size: Size): boolean {
  return size.available && size.memoryMiB >= MEMORY_MIN_MIB;
}

function examples(sizes: readonly Size[]): string {
  const some = sizes.slice(0, 3).map((size) => `${size.slug} ($${size.monthlyUsd})`);
  return some.length === 0 ? "none at all" : some.join(", ");
}

function knowledge({ source, asOf }: Catalogue): string {
  return source === "live" ? "asked just now" : `list of ${asOf} that came with hermes`;
}

function offline({ source }: Catalogue): string {
  return source === "live" ? "" : " If it is new, set DIGITALOCEAN_TOKEN: then DigitalOcean itself is asked.";
}
