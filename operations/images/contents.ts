import { createHash } from "node:crypto";
import { sourceText } from "../../cloud-init";
import { carriedFiles } from "../../cloud-init/files";
import { readMachine } from "../../config/machine";
import { Reader } from "../../config/reader";
import type { SourcesConfig } from "../../config/types";
import { readNode, readOpenclaw, readSources } from "../../config/versions";
import { findSize, shippedCatalogue, type Catalogue } from "../../planner/catalogue";

/** All that decides whether a droplet made from an image is the one that the cold path makes. */
export interface Contents {
  /** Slug of the image of DigitalOcean's that it grew from. */
  base: string;
  openclaw: string;
  /** Nothing in OpenClaw's tree is newer (YYYY-MM-DD). */
  before: string;
  node: string;
  /** Twelve hexadecimal digits of how it was made: the bootstrap's files, Node's digest, Tailscale's packages. */
  recipe: string;
}

/** What a droplet is to be made from, and where. */
export interface WantedImage {
  contents: Contents;
  region: string;
  /** Root disk of the droplet's size. */
  diskGiB: number;
}

/**
 * What a stack's droplet would be made from.
 *
 * @param values of the `hermes:` namespace, by key; what is wrong with them is for `up` to tell
 * @returns undefined where no image will do: the stack names a snapshot already, or nobody knows the size's disk
 */
export function wantedImage(
  values: Record<string, unknown>,
  catalogue: Catalogue = shippedCatalogue(),
): WantedImage | undefined {
  const reader = new Reader();
  const { region, size, image } = readMachine(reader, { ...values, swapGiB: 0, volumeGiB: 0 }, catalogue);
  const openclaw = readOpenclaw(reader, values["openclaw"]);
  const node = readNode(reader, values["node"]);
  const sources = readSources(reader, values["sources"], {
    node: node.version,
    openclaw: openclaw.version,
  });
  const disk = findSize(catalogue, size)?.diskGiB;
  if (reader.problems.length > 0 || disk === undefined || /^\d+$/.test(image)) return undefined;
  const { version, before } = openclaw;
  const recipe = recipeOf(sources);
  return { contents: { base: image, openclaw: version, before, node: node.version, recipe }, region, diskGiB: disk };
}

/** Sources by what they give, not by where from: a mirror's Node is the same one. */
function recipeOf({ node, openclaw, tailscale }: SourcesConfig): string {
  const { suite, fingerprint } = tailscale;
  const files = [...carriedFiles().map(({ path, text }) => [path, text]), ["clean", sourceText("clean-image.sh")]];
  const all = [files, node.sha256, openclaw.sha256, suite, fingerprint];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex").slice(0, 12);
}

/** Any of letters, digits, `.`, `_` and `-`, as DigitalOcean's control panel wants it. */
const NAME =
  /^hermes_([a-z0-9-]+)_openclaw-([0-9A-Za-z.-]+)_before-(\d{4}-\d\d-\d\d)_node-([0-9.]+)_tailscale-([0-9A-Za-z.-]+)_([0-9a-f]{12})$/;

/** The name says what is in it; nothing else does. */
export function imageName({ base, openclaw, before, node, recipe }: Contents, tailscale: string): string {
  const name = `hermes_${base}_openclaw-${openclaw}_before-${before}_node-${node}_tailscale-${tailscale}_${recipe}`;
  if (NAME.test(name)) return name;
  throw new Error(`${JSON.stringify(name)} is no name for an image`);
}

/** @returns undefined for a name that no bake has given */
export function contentsOf(name: string): (Contents & { tailscale: string }) | undefined {
  const [found, base = "", openclaw = "", before = "", node = "", tailscale = "", recipe = ""] = NAME.exec(name) ?? [];
  return found === undefined ? undefined : { base, openclaw, before, node, tailscale, recipe };
}

/** Tailscale is what its repository had at the time, on the cold path too. */
export const isAs = (name: string, wanted: Contents): boolean => {
  const found = contentsOf(name);
  return found !== undefined && (Object.keys(wanted) as (keyof Contents)[]).every((key) => found[key] === wanted[key]);
};

/** On every image of ours; without it nothing is ever removed. */
export const IMAGE_TAG = "hermes-image";

/** Our tag, and what is in the image in words that a tag may hold, for who looks at the account. */
export const imageTags = ({ base, openclaw, node }: Contents): string[] => [
  IMAGE_TAG,
  ...[`hermes-base:${base}`, `hermes-openclaw:${openclaw}`, `hermes-node:${node}`].map((tag) =>
    tag.replaceAll(".", "-"),
  ),
];
