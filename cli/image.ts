import type { Command } from "commander";
import type { Account } from "../lib/digitalocean/account";
import { EXIT } from "../lib/output";
import {
  bakedImages,
  contentsOf,
  imagesOfDroplets,
  judge,
  removeImage,
  type BakedImage,
  type Judged,
} from "../operations/images";
import { addBakeCommand, asCloudFailure, imageAccount } from "../operations/images/bake";
import { stackValues } from "../operations/plan/stack-values";
import { wholeNumber } from "../operations/stack/input";
import { projectFolder, stacksWithFile } from "../operations/stack/project";

export function addImageCommands(hermes: Command): void {
  const image = hermes.command("image").description("Manage baked images, from which sandboxes start faster");
  addBakeCommand(image);
  image
    .command("list")
    .description("List baked images, newest first")
    .option("--json", "one JSON document on stdout")
    .action(async (options: { json?: boolean }) => {
      const images = await lookAt(imageAccount(), 0);
      process.stdout.write(options.json === true ? `${JSON.stringify({ images })}\n` : listText(images));
    });
  image
    .command("prune")
    .description("Find images that are no longer needed; remove them with --yes")
    .option("--keep <number>", "number of newest images to keep", "2")
    .option("--yes", "remove what was found")
    .option("--json", "one JSON document on stdout")
    .addHelpText("after", "\nExit codes: 0 nothing is left, 4 found and not removed, 5 the cloud or network failed.")
    .action(async (options: PruneCommandOptions) => {
      const report = await prune(options);
      process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : pruneText(report));
      if (report.found.length > report.removed.length) process.exitCode = EXIT.refused;
    });
}

interface PruneCommandOptions {
  keep: string;
  yes?: boolean;
  json?: boolean;
}

export interface PruneReport {
  found: BakedImage[];
  removed: BakedImage[];
  kept: Judged[];
}

async function prune(options: PruneCommandOptions): Promise<PruneReport> {
  const allowed = "The number of newest images that stay: 0 to 1000.";
  const keep = wholeNumber("--keep", options.keep, { min: 0, max: 1000, allowed, such: 2 });
  const account = imageAccount();
  const images = await lookAt(account, keep);
  const found = images.filter(({ kept }) => kept === undefined);
  const removed: BakedImage[] = [];
  for (const one of options.yes === true ? found : []) {
    await removeImage(account, one).catch(asCloudFailure);
    removed.push(one);
  }
  return { found, removed, kept: images.filter(({ kept }) => kept !== undefined) };
}

/** All with our tag, each with the reason why it stays. */
async function lookAt(account: Account, keep: number): Promise<Judged[]> {
  const [images, ofDroplets] = await Promise.all([bakedImages(account), imagesOfDroplets(account)]).catch(
    asCloudFailure,
  );
  return judge(images, { keep, inUse: new Set([...ofDroplets, ...imagesOfFiles(projectFolder())]) });
}

/** Numbers of images that the stacks' files name, whether they are up or not. */
export const imagesOfFiles = (project: string): string[] =>
  stacksWithFile(project)
    .map((stack) => String(stackValues(project, stack)?.["image"]))
    .filter((image) => /^\d+$/.test(image));

/** One line each: number, age, size, places, what is in it. */
const line = (image: BakedImage): string =>
  `${image.id}  ${image.createdAt.slice(0, 16).replace("T", " ")}  ${image.sizeGiB.toFixed(1)} GB  ${image.regions.join(",")}  ` +
  inWords(image);

function inWords({ name, minDiskGiB }: BakedImage): string {
  const contents = contentsOf(name);
  if (contents === undefined) return name;
  const { base, openclaw, before, node, tailscale, recipe } = contents;
  return (
    `OpenClaw ${openclaw} (before ${before}), Node ${node}, Tailscale ${tailscale} on ${base}, ` +
    `recipe ${recipe}, disk from ${minDiskGiB} GB`
  );
}

/** Pure: what a person reads. */
export const listText = (images: readonly Judged[]): string =>
  images.length === 0
    ? "there is no baked image. Make one: ./hermes image bake\n"
    : images.map((image) => `${line(image)}${image.kept === undefined ? "" : `, ${image.kept}`}\n`).join("");

/** Pure: what a person reads. */
export function pruneText({ found, removed, kept }: PruneReport): string {
  const gone = new Set(removed.map(({ id }) => id));
  const outcome = (image: Judged): string => image.kept ?? (gone.has(image.id) ? "removed" : "not removed");
  const next = found.length > removed.length ? "remove them: ./hermes image prune --yes\n" : "";
  const lines = [...kept, ...found].map((image) => `${line(image)}: ${outcome(image)}\n`);
  return `${lines.join("") || "there is no baked image\n"}${next}`;
}
