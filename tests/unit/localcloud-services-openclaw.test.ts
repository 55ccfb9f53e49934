import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Mirror } from "../../localcloud/services/mirror";
import { OpenclawPackage } from "../../localcloud/services/openclaw";

const REGISTRY = "https://registry.example/openclaw/-/";
const version = (number: string, more: object = {}) => ({
  name: "openclaw",
  version: number,
  engines: { node: ">=24" },
  dependencies: { heavy: "1.0.0" },
  scripts: { postinstall: "node heavy.js" },
  repository: { url: "git+https://github.com/openclaw/openclaw.git" },
  dist: { tarball: `${REGISTRY}openclaw-${number}.tgz`, integrity: "sha512-real" },
  ...more,
});
const DOCUMENT = {
  name: "openclaw",
  "dist-tags": { latest: "2026.9.6" },
  time: { "2026.9.5": "2026-09-19T00:00:00.000Z", "2026.9.6": "2026-09-24T00:00:00.000Z" },
  versions: {
    "2026.1.1": version("2026.1.1"),
    "2026.9.5": version("2026.9.5", { openclaw: { schemaVersions: { state: 17, agent: 21 } } }),
    "2026.9.6": version("2026.9.6", { openclaw: { schemaVersions: { state: 18, agent: 23 } } }),
  },
};

interface Manifest {
  version: string;
  engines: { node: string };
  openclaw: { schemaVersions: object };
  dist: { tarball: string; integrity: string };
}
type Served = Omit<typeof DOCUMENT, "versions"> & { versions: Record<string, Manifest> };

describe("the package openclaw in the lab's registry", () => {
  let openclaw: OpenclawPackage;
  let front: Server;
  const registry = { down: false, document: () => Promise.resolve(DOCUMENT) };

  beforeEach(async () => {
    registry.down = false;
    openclaw = new OpenclawPackage(registry as unknown as Mirror, true, () => undefined);
    const handler = openclaw.handler((_request, response) => void response.end("the registry's own"));
    front = createServer((request, response) => void handler(request, response));
    front.listen(0, "127.0.0.1");
    await once(front, "listening");
  });

  afterEach(() => {
    front.closeAllConnections();
    front.close();
  });

  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${(front.address() as AddressInfo).port}${path}`, { headers });
  const document = async (): Promise<Served> => (await (await ask("/openclaw")).json()) as Served;

  it("has the real one's versions, times, Node and formats, and nothing to install besides", async () => {
    const served = await document();
    expect({ time: served.time, tags: served["dist-tags"] }).toEqual({
      time: DOCUMENT.time,
      tags: DOCUMENT["dist-tags"],
    });
    expect(Object.keys(served.versions)).toEqual(["2026.9.5", "2026.9.6"]);
    const { engines, openclaw } = served.versions["2026.9.5"] ?? {};
    expect({ engines, openclaw }).toEqual({
      engines: { node: ">=24" },
      openclaw: { schemaVersions: { state: 17, agent: 21 } },
    });
    expect(JSON.stringify(served)).not.toMatch(/heavy|sha512-real/);
  });

  it("has tarballs of its own names, which are what their digests say and hold the version", async () => {
    const { dist } = (await document()).versions["2026.9.6"] ?? {};
    expect(dist?.tarball).toBe(`${REGISTRY}openclaw-2026.9.6-stand-in.tgz`);
    const bytes = Buffer.from(await (await ask(new URL(dist?.tarball ?? "").pathname)).arrayBuffer());
    expect(`sha512-${createHash("sha512").update(bytes).digest("base64")}`).toBe(dist?.integrity);
    const manifest = execFileSync("tar", ["-xzO", "package/package.json"], { input: bytes }).toString();
    expect(JSON.parse(manifest)).toMatchObject({ name: "openclaw", version: "2026.9.6", type: "module" });
  });

  it("is recognised by its etag, which the real one's document does not have", async () => {
    const etag = (await ask("/openclaw")).headers.get("etag") ?? "";
    expect(etag).toMatch(/^"stand-in-/);
    expect((await ask("/openclaw", { "if-none-match": etag })).status).toBe(304);
    expect((await ask("/openclaw", { "if-none-match": '"real"' })).status).toBe(200);
  });

  it.each(["/openclaw/2026.9.6", "/openclaw/-/openclaw-2026.9.6.tgz", "/other", "/openclaw-plugin"])(
    "leaves %s to the registry",
    async (path) => expect(await (await ask(path)).text()).toBe("the registry's own"),
  );

  it("is the registry's own again when it is told so, and says which it is", async () => {
    expect(openclaw.control({})).toEqual({ standIn: true, forgedWasRun: false });
    expect(openclaw.control({ standIn: false })).toEqual({ standIn: false, forgedWasRun: false });
    expect(await (await ask("/openclaw")).text()).toBe("the registry's own");
  });

  it("is down when the registry is", async () => {
    registry.down = true;
    expect(await (await ask("/openclaw")).text()).toBe("the registry's own");
  });
});
