import { AccountError, TokenError, type Account, type Entry } from "../../lib/digitalocean/account";
import { CommandError, EXIT } from "../../lib/output";
import type { Catalogue, Region, Size } from "../../planner/catalogue";

/**
 * What DigitalOcean sells now.
 * @throws CommandError when it refuses, does not answer, or answers something else.
 */
export async function liveCatalogue(account: Account): Promise<Catalogue> {
  const list = async <T>(what: string, read: (entry: Entry) => T) =>
    (await account.list(what).catch(explain)).map(read);
  const [sizes, regions] = await Promise.all([list("sizes", readSize), list("regions", readRegion)]);
  return { sizes, regions, source: "live", asOf: "this run" };
}

function explain(error: unknown): never {
  if (error instanceof TokenError)
    throw new CommandError(`DigitalOcean ${error.message}.\n  Set DIGITALOCEAN_TOKEN anew.`, EXIT.input);
  if (!(error instanceof AccountError)) throw error;
  if (error.status === 401 || error.status === 403)
    throw new CommandError(
      [
        `DigitalOcean refused the token (${error.status}).`,
        "  It must be valid and may read sizes and regions (scopes sizes:read, regions:read).",
        `  Set DIGITALOCEAN_TOKEN anew, or ${OFFLINE}.`,
      ].join("\n"),
      EXIT.cloud,
    );
  throw failure(error.message);
}

function readSize(entry: Entry): Size {
  const regions = entry["regions"];
  return {
    slug: textOf(entry, "sizes", "slug"),
    memoryMiB: numberOf(entry, "memory"),
    vcpus: numberOf(entry, "vcpus"),
    diskGiB: numberOf(entry, "disk"),
    monthlyUsd: numberOf(entry, "price_monthly"),
    hourlyUsd: numberOf(entry, "price_hourly"),
    ...(isTexts(regions) ? { regions } : {}),
    available: entry["available"] === true,
  };
}

function readRegion(entry: Entry): Region {
  const features = entry["features"];
  return {
    slug: textOf(entry, "regions", "slug"),
    available: entry["available"] === true,
    ...(isTexts(features) ? { features } : {}),
  };
}

/** Slugs are printed: nothing in them may move a terminal's cursor. */
function textOf(entry: Entry, what: string, key: string): string {
  const value = entry[key];
  return typeof value === "string" && /^[\w.-]+$/.test(value) ? value : refuse(what);
}

function numberOf(entry: Entry, key: string): number {
  const value = entry[key];
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : refuse("sizes");
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

const OFFLINE = "add --offline for the list that came with hermes";

function refuse(what: string): never {
  throw failure(`answered no list of ${what}`);
}

const failure = (what: string): CommandError =>
  new CommandError(`DigitalOcean ${what}.\n  Try again, or ${OFFLINE}.`, EXIT.cloud);
