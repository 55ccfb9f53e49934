import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, get, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Mirror } from "../../localcloud/services/mirror";
import { serveUplink } from "../../localcloud/services/uplink";
import { debianOrigins, type Upstreams } from "../../localcloud/services/upstreams";

interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

const PUBLIC = "https://registry.example/";

describe("the package mirrors", () => {
  let dir: string;
  let upstream: Server;
  let uplink: Server;
  let front: Server;
  let mirror: Mirror;
  /** What reached the registry. */
  let asked: string[];
  let answer: (path: string, headers: IncomingHttpHeaders) => { status?: number; body?: string; cut?: boolean };
  let origin: string;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "hermes-mirror-"));
    asked = [];
    answer = (path) => ({ body: `content of ${path}` });
    upstream = createServer((request, response) => {
      asked.push(request.url ?? "");
      const { status = 200, body = "", cut } = answer(request.url ?? "", request.headers);
      const headers = {
        "content-type": "application/json",
        etag: '"1"',
        "content-length": body.length + (cut ? 5 : 0),
      };
      response.writeHead(status, status === 304 ? {} : headers);
      response.write(body);
      if (cut) setImmediate(() => response.destroy());
      else response.end();
    });
    upstream.listen(0, "127.0.0.1");
    await once(upstream, "listening");
    origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const upstreams: Upstreams = {
      npm: new URL(`${origin}/`),
      npmDefault: new URL(PUBLIC),
      debian: ["http://deb.example"],
    };
    uplink = await serveUplink(join(dir, "uplink.sock"), upstreams);
    mirror = new Mirror({ dir: join(dir, "store"), uplink: join(dir, "uplink.sock"), upstreams, log: () => undefined });
    front = createServer((request, response) => {
      const handler = mirror.hosts().get(request.headers.host ?? "");
      void handler?.(request, response);
    });
    front.listen(0, "127.0.0.1");
    await once(front, "listening");
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    for (const server of [front, uplink, upstream]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    rmSync(dir, { recursive: true, force: true });
  });

  function ask(path: string, headers: Record<string, string> = {}, host = "registry.example"): Promise<Reply> {
    const { port } = front.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      get({ host: "127.0.0.1", port, path, headers: { host, ...headers } }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        response.on("error", reject);
      }).on("error", reject);
    });
  }

  it("fetch a tarball once, then serve it without the registry", async () => {
    expect((await ask("/a/-/a-1.0.0.tgz")).text).toContain("a-1.0.0.tgz");
    upstream.closeAllConnections();
    await new Promise((resolve) => upstream.close(resolve));
    expect((await ask("/a/-/a-1.0.0.tgz")).text).toContain("a-1.0.0.tgz");
    expect(asked).toEqual(["/a/-/a-1.0.0.tgz"]);
  });

  it("fetch once for clients that ask at the same time", async () => {
    const replies = await Promise.all(Array.from({ length: 8 }, () => ask("/a/-/a-1.0.0.tgz")));
    expect(replies.every((reply) => reply.status === 200)).toBe(true);
    expect(asked).toHaveLength(1);
  });

  it("keep what npm's two accept headers bring apart", async () => {
    answer = (_path, headers) => ({ body: headers.accept ?? "" });
    expect((await ask("/a", { accept: "application/json" })).text).toBe("application/json");
    expect((await ask("/a", { accept: "application/vnd.npm.install-v1+json" })).text).toContain("install-v1");
    expect((await ask("/a", { accept: "application/json" })).text).toBe("application/json");
    expect(asked).toHaveLength(2);
  });

  it("name tarballs by the address that droplets know", async () => {
    answer = () => ({ body: JSON.stringify({ tarball: `${origin}/a/-/a-1.0.0.tgz` }) });
    expect((await ask("/a")).text).toBe(`{"tarball":"${PUBLIC}a/-/a-1.0.0.tgz"}`);
  });

  it("never keep a body that broke off", async () => {
    jest.spyOn(console, "error").mockImplementation(() => undefined);
    answer = () => ({ body: "half", cut: true });
    expect((await ask("/a/-/a-1.0.0.tgz")).status).toBe(502);
    answer = () => ({ body: "whole" });
    expect((await ask("/a/-/a-1.0.0.tgz")).text).toBe("whole");
  });

  it("do not remember that a package is unknown", async () => {
    answer = () => ({ status: 404, body: "{}" });
    expect((await ask("/new")).status).toBe(404);
    answer = () => ({ body: "there" });
    expect((await ask("/new")).text).toBe("there");
  });

  it("answer 503 to everything while the registry is told to be down", async () => {
    await ask("/a/-/a-1.0.0.tgz");
    mirror.down = true;
    expect((await ask("/a/-/a-1.0.0.tgz")).status).toBe(503);
    mirror.down = false;
    expect((await ask("/a/-/a-1.0.0.tgz")).status).toBe(200);
  });

  it("get nothing through the uplink but what this machine's sources offer", async () => {
    const reply = await new Promise<number>((resolve, reject) => {
      const path = `/?url=${encodeURIComponent("http://169.254.169.254/metadata")}`;
      get({ socketPath: join(dir, "uplink.sock"), path }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).on("error", reject);
    });
    expect(reply).toBe(403);
  });
});

describe("the machine's apt sources", () => {
  it("give Debian's archives in either format, and nobody else's", () => {
    const sources = [
      "deb [signed-by=/k.gpg] http://one.example/debian trixie main",
      "# deb http://commented.example/debian trixie main",
      "Types: deb",
      "URIs: https://two.example/debian-security/",
      "deb https://vendor.example/apt stable main",
    ].join("\n");
    expect(debianOrigins(sources)).toEqual(["http://one.example", "https://two.example"]);
  });
});
