/** What the tests of the forges need: the engine, and three programs of which one is minutes of Go and C. */
import { join } from "node:path";
import { ensureEngine } from "../../localcloud/engine";
import { ensureBuilt, RECIPES } from "../../localcloud/engine/build";
import { labOf } from "../../localcloud/lab";

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function prepare(): Promise<void> {
  const { cache } = labOf(join(__dirname, "../.."));
  await ensureEngine(cache, say);
  for (const recipe of [RECIPES.actionlint, RECIPES.actRunner, RECIPES.gitea]) await ensureBuilt(cache, recipe, say);
}

prepare().catch((error: Error) => {
  say(error.message);
  process.exitCode = 1;
});
