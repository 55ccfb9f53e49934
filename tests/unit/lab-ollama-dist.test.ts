import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OLLAMA_TAG } from "../../config/local-model";
import { labOf } from "../../localcloud/lab";
import { buildOllamaDist, ollamaHosts, openRegistry } from "../../localcloud/services/ollama";
import { localModels } from "../../planner";

const dir = mkdtempSync(join(tmpdir(), "hermes-ollama-dist-"));
const lab = (cache: string) => ({ ...labOf(dir), cache: join(dir, cache) });

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The lab's hosts on loopback; the header x-host says which one is meant. */
async function serveHosts(): Promise<{ url: string; close: () => Promise<void> }> {
  const hosts = new Map(ollamaHosts(lab("a"), openRegistry(lab("a")), () => undefined));
  const server = createServer((request, response) => {
    void hosts.get(String(request.headers["x-host"]))?.(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

/** The embedded cloud installs it, a machine that only runs these tests need not have it. */
const withZstd = spawnSync("zstd", ["--version"]).error === undefined ? describe : describe.skip;

withZstd("the lab's release of Ollama", () => {
  it("has the release's layout, graphics cards' libraries included", async () => {
    const { path } = await buildOllamaDist(lab("a"));
    const unpacked = mkdtempSync(join(dir, "unpacked-"));
    execFileSync("tar", ["--zstd", "-xf", path, "-C", unpacked]);
    const names = execFileSync("tar", ["--zstd", "-tf", path], { encoding: "utf8" }).split("\n");
    expect(names).toEqual(
      expect.arrayContaining(["./bin/ollama", "./lib/ollama/cuda_v12/libx.so", "./lib/ollama/vulkan/libx.so"]),
    );
    // The droplet's launcher names the droplet's Node.
    expect(readFileSync(join(unpacked, "bin", "ollama"), "utf8")).toContain("/usr/local/bin/node");
  });

  it("has one digest, in whichever cache it is made", async () => {
    const [first, second] = [await buildOllamaDist(lab("a")), await buildOllamaDist(lab("b"))];
    expect(second.path).not.toBe(first.path);
    expect(second.sha256).toBe(first.sha256);
    expect(createHash("sha256").update(readFileSync(second.path)).digest("hex")).toBe(second.sha256);
  });

  it("comes from github.com by way of its storage, and goes on from the middle", async () => {
    const { path } = await buildOllamaDist(lab("a"));
    const content = readFileSync(path);
    const { url, close } = await serveHosts();
    const get = (host: string, path: string, headers: Record<string, string> = {}) =>
      fetch(`${url}${path}`, { redirect: "manual", headers: { "x-host": host, ...headers } });
    try {
      const release = "/ollama/ollama/releases/download/v0.24.0/ollama-linux-amd64.tar.zst";
      const reply = await get("github.com", release);
      expect(reply.status).toBe(302);
      const { hostname, pathname, search } = new URL(reply.headers.get("location") ?? "");
      const whole = await get(hostname, pathname + search);
      expect(Buffer.from(await whole.arrayBuffer()).equals(content)).toBe(true);
      const rest = await get(hostname, pathname + search, { range: "bytes=100-" });
      expect(rest.status).toBe(206);
      expect(Buffer.from(await rest.arrayBuffer()).equals(content.subarray(100))).toBe(true);
      expect((await get(hostname, pathname, { range: `bytes=${content.length}-` })).status).toBe(416);
      expect((await get("github.com", release.replace("0.24.0", "0.25.0"))).status).toBe(404);
    } finally {
      await close();
    }
  });

  it("comes with a registry that has every model of the planner's table, and no other", async () => {
    const { url, close } = await serveHosts();
    const manifest = (repository: string, tag: string) =>
      fetch(`${url}/v2/${repository}/manifests/${tag}`, { headers: { "x-host": "registry.ollama.ai" } });
    try {
      expect((await manifest("library/no-such", "1b")).status).toBe(404);
      for (const { tag } of localModels().filter((model) => OLLAMA_TAG.test(model.tag))) {
        const [name = "", variant = ""] = tag.replace(/^hf\.co\//, "").split(":");
        const repository = name.includes("/") ? name : `library/${name}`;
        expect([tag, (await manifest(repository, variant)).status]).toEqual([tag, 200]);
      }
    } finally {
      await close();
    }
  });
});
