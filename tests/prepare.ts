/**
 * What a kind of test needs on the machine, brought there before jest counts seconds: `prepare.ts engine|droplet`.
 * The first time this builds programs for minutes; later it is over at once.
 */
import { join } from "node:path";
import { hindrance } from "../localcloud/embedded-cloud";
import { ensureEngine, ensurePrograms } from "../localcloud/engine";
import { ensureBuilt, RECIPES } from "../localcloud/engine/build";
import { ensureImage, IMAGES } from "../localcloud/image";
import { labOf } from "../localcloud/lab";
import { ensurePackages } from "../localcloud/packages";

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function prepare(kind: string | undefined): Promise<void> {
  const { cache } = labOf(join(__dirname, ".."));
  if (kind === "engine") {
    await ensureEngine(cache, say);
    await ensureBuilt(cache, RECIPES.objectStore, say);
  }
  if (kind !== "droplet") return;
  const problem = hindrance();
  if (problem !== undefined) throw new Error(problem);
  ensurePackages(say);
  await ensurePrograms(cache, say);
  await ensureBuilt(cache, RECIPES.objectStore, say);
  for (const image of Object.keys(IMAGES)) await ensureImage(cache, image, { onProgress: say });
}

prepare(process.argv[2]).catch((error: Error) => {
  say(error.message);
  process.exitCode = 1;
});
