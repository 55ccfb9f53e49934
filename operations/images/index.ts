// Baked images: snapshots of a bootstrapped droplet without identity, from which sandboxes begin.
export {
  adoptUntagged,
  bakedImages,
  imagesOfDroplets,
  isOff,
  newestImage,
  removeImage,
  snapshot,
  tagImage,
  type BakedImage,
} from "./account";
export { contentsOf, IMAGE_TAG, imageName, imageTags, wantedImage, type Contents, type WantedImage } from "./contents";
export { judge, type Judged } from "./prune";
