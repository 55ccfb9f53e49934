/** What the test of the real Ollama needs: the program (minutes of C++ the first time) and real weights (250 MB). */
import { join } from "node:path";
import { ensureBuilt, RECIPES } from "../../localcloud/engine/build";
import { labOf } from "../../localcloud/lab";
import { ensureWeights } from "../../localcloud/services/ollama/weights";

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function prepare(): Promise<void> {
  const { cache } = labOf(join(__dirname, "../.."));
  await ensureWeights(cache, say);
  await ensureBuilt(cache, RECIPES.ollama, say);
}

prepare().catch((error: Error) => {
  say(error.message);
  process.exitCode = 1;
});
