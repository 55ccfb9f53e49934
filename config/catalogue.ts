import * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";
import { shippedCatalogue, type Catalogue } from "../planner/catalogue";

/**
 * What DigitalOcean sells: asked from it where the provider has a token, else the list that came with hermes.
 * @throws pulumi.RunError when there is a token and DigitalOcean gives no answer.
 */
export async function loadCatalogue(env: NodeJS.ProcessEnv = process.env): Promise<Catalogue> {
  if (!hasToken(env)) return shippedCatalogue();
  try {
    const [{ sizes }, { regions }] = await Promise.all([digitalocean.getSizes(), digitalocean.getRegions()]);
    return {
      sizes: sizes.map(({ slug, memory, vcpus, disk, priceMonthly, priceHourly, regions, available }) => ({
        slug,
        memoryMiB: memory,
        vcpus,
        diskGiB: disk,
        monthlyUsd: priceMonthly,
        hourlyUsd: priceHourly,
        regions,
        available,
      })),
      regions: regions.map(({ slug, available, features }) => ({ slug, available, features })),
      source: "live",
      asOf: "this run",
    };
  } catch (error) {
    throw new pulumi.RunError(catalogueFailure(error));
  }
}

function hasToken(env: NodeJS.ProcessEnv): boolean {
  return Boolean(
    env["DIGITALOCEAN_TOKEN"] || env["DIGITALOCEAN_ACCESS_TOKEN"] || new pulumi.Config("digitalocean").get("token"),
  );
}

/** One clear text for whatever the provider said; its own may be long and holds nothing secret. */
function catalogueFailure(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  if (/\b401\b|unable to authenticate/i.test(said))
    return [
      "DigitalOcean refused the token, so nothing was changed.",
      "  The token must be valid and may read sizes and regions (scopes sizes:read, regions:read).",
      "  Make one at https://cloud.digitalocean.com/account/api/tokens and set DIGITALOCEAN_TOKEN or digitalocean:token.",
    ].join("\n");
  return [
    `DigitalOcean did not tell its sizes and regions: ${said.trim().split("\n").slice(0, 3).join(" ").slice(0, 400)}`,
    "  Every size and price is checked with it before anything is changed.",
    "  Try again; https://status.digitalocean.com shows outages.",
  ].join("\n");
}
