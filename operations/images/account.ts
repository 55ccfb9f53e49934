import { AccountError, type Account, type Entry } from "../../lib/digitalocean/account";
import { isMap } from "../../lib/maps";
import { contentsOf, IMAGE_TAG, isAs, type WantedImage } from "./contents";

/** A snapshot that a bake has made. */
export interface BakedImage {
  /** A number, as text: what `hermes:image` takes. */
  id: string;
  name: string;
  createdAt: string;
  /** It boots on no smaller disk. */
  minDiskGiB: number;
  /** It boots in these only. */
  regions: string[];
  /** For which DigitalOcean asks money. */
  sizeGiB: number;
  tags: string[];
}

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

function readImage(entry: Entry): BakedImage {
  return {
    id: String(entry["id"]),
    name: String(entry["name"]),
    createdAt: String(entry["created_at"]),
    minDiskGiB: Number(entry["min_disk_size"] ?? 0),
    regions: texts(entry["regions"]),
    sizeGiB: Number(entry["size_gigabytes"] ?? 0),
    tags: texts(entry["tags"]),
  };
}

/** Newest first; of one second the one with the higher number. */
const newestFirst = (a: BakedImage, b: BakedImage): number =>
  b.createdAt.localeCompare(a.createdAt) || Number(b.id) - Number(a.id);

const ownImages = async (account: Account): Promise<BakedImage[]> =>
  (await account.list("images", { private: "true" })).map(readImage).sort(newestFirst);

/** Everything with our tag, newest first. */
export const bakedImages = async (account: Account): Promise<BakedImage[]> =>
  (await ownImages(account)).filter(({ tags }) => tags.includes(IMAGE_TAG));

/**
 * The newest image that has exactly what is wanted in it, is in the region and fits on the disk.
 *
 * @throws AccountError when DigitalOcean does not say; a droplet without an image takes longer, and that is all
 */
export async function newestImage(account: Account, wanted: WantedImage): Promise<BakedImage | undefined> {
  return matching(await bakedImages(account), wanted);
}

/** Pure: of images in the order of {@link bakedImages}. */
export const matching = (
  images: readonly BakedImage[],
  { contents, region, diskGiB }: WantedImage,
): BakedImage | undefined =>
  images.find(
    ({ name, regions, minDiskGiB }) => isAs(name, contents) && regions.includes(region) && minDiskGiB <= diskGiB,
  );

/** Numbers of the images that some droplet was made from. */
export async function imagesOfDroplets(account: Account): Promise<Set<string>> {
  const images = (await account.list("droplets")).map(({ image }) => (isMap(image) ? image["id"] : undefined));
  return new Set(images.filter((id) => id !== undefined).map(String));
}

export const removeImage = (account: Account, { id }: BakedImage): Promise<void> =>
  account.remove(`/v2/snapshots/${id}`);

/** A bake that was cut off between snapshot and tags left one that nobody would find. @returns those that it tagged */
export async function adoptUntagged(account: Account): Promise<BakedImage[]> {
  const untagged = (await ownImages(account)).filter(
    ({ name, tags }) => contentsOf(name) !== undefined && !tags.includes(IMAGE_TAG),
  );
  for (const { id } of untagged) await tagImage(account, id, [IMAGE_TAG]);
  return untagged;
}

export async function tagImage(account: Account, id: string, tags: readonly string[]): Promise<void> {
  for (const name of tags) {
    await account.post("/v2/tags", { name });
    await account.post(`/v2/tags/${encodeURIComponent(name)}/resources`, {
      resources: [{ resource_id: id, resource_type: "image" }],
    });
  }
}

export interface WaitOptions {
  /** @default 30 min for a snapshot, which grows with what the disk holds */
  timeoutMs?: number;
  /** @default 2000 */
  pollMs?: number;
  signal?: AbortSignal;
}

/** Waits until a droplet has powered itself off. @returns whether it did */
export function isOff(account: Account, dropletId: string, options: WaitOptions): Promise<boolean> {
  return until(async () => (await dropletOf(account, dropletId))?.["status"] === "off", options);
}

/**
 * Snapshots a droplet that is off.
 *
 * @returns the image's number
 * @throws AccountError when there is none in time
 */
export async function snapshot(
  account: Account,
  dropletId: string,
  name: string,
  options: WaitOptions = {},
): Promise<string> {
  const refusal = await account
    .post(`/v2/droplets/${dropletId}/actions`, { type: "snapshot", name })
    .catch(unprocessable);
  const wait = { timeoutMs: 1_800_000, ...options };
  const ended = await until(async () => (await dropletOf(account, dropletId))?.["locked"] !== true, wait);
  const made = await account.list(`droplets/${dropletId}/snapshots`, {}, "snapshots");
  // Said twice, since the first reply was lost: the same disk twice.
  const [first, ...again] = made.filter((entry) => entry["name"] === name).map(({ id }) => String(id));
  for (const id of again) await account.remove(`/v2/snapshots/${id}`);
  if (first !== undefined && ended) return first;
  if (refusal !== undefined) throw refusal;
  throw new AccountError(`has made no snapshot of droplet ${dropletId}`);
}

/** Where the call was said twice, it may be the first one that is in the way of the second. */
function unprocessable(error: unknown): AccountError {
  if (error instanceof AccountError && error.status === 422) return error;
  throw error;
}

const dropletOf = async (account: Account, id: string): Promise<Entry | undefined> => {
  const droplet = (await account.find(`/v2/droplets/${id}`))?.["droplet"];
  return isMap(droplet) ? droplet : undefined;
};

async function until(done: () => Promise<boolean>, { timeoutMs = 60_000, pollMs = 2000, signal }: WaitOptions) {
  const deadline = Date.now() + timeoutMs;
  while (signal?.aborted !== true) {
    if (await done()) return true;
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return false;
}
