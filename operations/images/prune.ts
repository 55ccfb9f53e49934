import type { BakedImage } from "./account";

export interface PruneOptions {
  /** How many of the newest stay, whatever is in them. */
  keep: number;
  /** Numbers of images that a droplet was made from, or that a stack's file names. */
  inUse: ReadonlySet<string>;
}

/** An image, and why it stays where it does. */
export interface Judged extends BakedImage {
  kept?: string;
}

/** Pure: which images go. @param images with our tag, newest first */
export function judge(images: readonly BakedImage[], { keep, inUse }: PruneOptions): Judged[] {
  return images.map((image, index) => {
    if (index < keep) return { ...image, kept: "one of the newest" };
    return inUse.has(image.id) ? { ...image, kept: "in use" } : { ...image };
  });
}
