import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeOnce } from "../../make-once";
import { run } from "../run";

/** Debian packages of headers that Ollama's Go module includes and does not carry. */
const PACKAGES = ["nlohmann-json3-dev", "libstb-dev"];
/** The module that has miniaudio.h; go.sum pins it. */
const MINIAUDIO = "github.com/gen2brain/malgo";

/**
 * What the C++ compiler needs to build Ollama. The packages are unpacked under the cache, not installed: the machine
 * stays as it is.
 */
export async function ollamaBuildEnvironment(cache: string, go: string): Promise<Record<string, string>> {
  const headers = join(cache, "ollama", "headers");
  await makeOnce(headers, () => collect(headers, go));
  return { CGO_ENABLED: "1", CGO_CXXFLAGS: `-O2 -I${headers} -I${join(headers, "stb")}` };
}

async function collect(headers: string, go: string): Promise<void> {
  mkdirSync(join(headers, ".."), { recursive: true });
  const work = mkdtempSync(`${headers}-`);
  try {
    await download(work);
    const unpacked = join(work, "unpacked");
    for (const name of readdirSync(work).filter((file) => file.endsWith(".deb"))) {
      await run("dpkg-deb", ["--extract", join(work, name), unpacked], {});
    }
    const include = join(unpacked, "usr", "include");
    mkdirSync(join(include, "miniaudio"));
    copyFileSync(join(await moduleFolder(go), "miniaudio.h"), join(include, "miniaudio", "miniaudio.h"));
    renameSync(include, headers);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** A machine whose package lists are empty or old gets them first. */
async function download(folder: string): Promise<void> {
  const get = () => run("apt-get", ["-qq", "download", ...PACKAGES], { cwd: folder });
  try {
    await get().catch(async () => {
      await run("apt-get", ["-qq", "update"], {});
      await get();
    });
  } catch (error) {
    throw new Error(`the real Ollama needs headers of the Debian packages ${PACKAGES.join(", ")}: ${String(error)}`);
  }
}

async function moduleFolder(go: string): Promise<string> {
  const reply = await run(go, ["mod", "download", "-json", MINIAUDIO], {
    cwd: __dirname,
    env: { ...process.env, GOWORK: "off" },
  });
  return (JSON.parse(reply.slice(reply.indexOf("{"))) as { Dir: string }).Dir;
}
