import { ADDRESSES } from "../../localcloud/addresses";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { get } from "node:http";
import { Resolver } from "node:dns/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { decode, streamEncode } from "dns-packet";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { labOf } from "../../localcloud/lab";
import { resolveName, startServices, type Services } from "../../localcloud/services";
import { openAuthority } from "../../localcloud/services/authority";
import { reply, startDns } from "../../localcloud/services/dns";
import { execFileSync } from "node:child_process";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("the lab's internet", () => {
  const dir = mkdtempSync(join(tmpdir(), "hermes-services-"));
  const lab = { ...labOf(dir), cache: join(dir, "cache") };
  let services: Services;
  let ports: { dnsPort: number; httpPort: number; httpsPort: number };

  beforeAll(async () => {
    ports = { dnsPort: await freePort(), httpPort: await freePort(), httpsPort: await freePort() };
    const npm = new URL("http://registry.example/");
    services = await startServices(lab, {
      listen: { addresses: ["127.0.0.1"], ...ports },
      upstreams: { npm, npmDefault: npm, debian: [] },
      openrouterKey: "sk-or-lab",
    });
  });

  afterAll(async () => {
    await services.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it("keeps the authority's key to itself and its certificate for all", () => {
    expect(statSync(join(lab.dir, "ca", "ca.key")).mode & 0o777).toBe(0o600);
    const ca = new X509Certificate(readFileSync(services.caCertificatePath));
    expect(ca.ca).toBe(true);
  });

  it("issues certificates that hold for their name and no other", async () => {
    const ca = new X509Certificate(readFileSync(services.caCertificatePath));
    const leaf = new X509Certificate((await services.authority.issue("nodejs.org")).certificate);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.checkHost("nodejs.org")).toBe("nodejs.org");
    expect(leaf.checkHost("openrouter.ai")).toBeUndefined();
  });

  it("is the same authority when it is opened again", async () => {
    const before = readFileSync(services.caCertificatePath, "utf8");
    await openAuthority(lab);
    expect(readFileSync(services.caCertificatePath, "utf8")).toBe(before);
  });

  it.each(["../evil", "a b", "-x", ""])("issues nothing for the name %j", async (name) => {
    await expect(services.authority.issue(name)).rejects.toThrow(/no certificate/);
  });

  it("answers by TLS under a certificate for the name that was asked for", async () => {
    const status = await new Promise<number>((resolve, reject) => {
      httpsRequest(
        {
          host: "127.0.0.1",
          port: ports.httpsPort,
          servername: "openrouter.ai",
          headers: { host: "openrouter.ai" },
          path: "/api/v1/models",
          ca: readFileSync(services.caCertificatePath),
        },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      )
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);
  });

  it("answers 404 for a host that it does not have, and logs it", async () => {
    const status = await new Promise<number>((resolve, reject) => {
      get({ host: "127.0.0.1", port: ports.httpPort, headers: { host: "elsewhere.example" } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).on("error", reject);
    });
    expect(status).toBe(404);
    expect(readFileSync(join(lab.dir, "logs", "services.log"), "utf8")).toContain("elsewhere.example");
  });

  it("refuses a control path that it does not know", async () => {
    await expect(services.handleControl("weather/rain", {})).rejects.toThrow(/weather/);
    expect(await services.handleControl("faults", { registryDown: true })).toEqual({ registryDown: true });
    expect(services.faults.registryDown).toBe(true);
  });
});

describe("the lab's DNS", () => {
  const ask = (name: string, type: "A" | "AAAA" | "MX") =>
    reply({ id: 7, type: "query", questions: [{ name, type }] }, resolveName);

  it("knows every name", () => {
    expect(ask("openrouter.ai", "A").answers).toMatchObject([{ data: ADDRESSES.internet.v4 }]);
    expect(ask("no.such.example", "AAAA").answers).toEqual([]);
  });

  it("has the control server at an address of its own, on IPv4 only", () => {
    expect(ask("Headscale.Hermes.Test", "A").answers).toMatchObject([{ data: "203.0.113.4" }]);
    expect(ask("headscale.hermes.test", "AAAA").answers).toEqual([]);
  });

  it("gives an empty answer with the zone's authority for other types", () => {
    const packet = ask("openrouter.ai", "MX");
    expect(packet.answers).toEqual([]);
    expect(packet.authorities).toMatchObject([{ type: "SOA" }]);
  });

  it("answers over UDP and TCP", async () => {
    const port = await freePort();
    const server = await startDns({ addresses: ["127.0.0.1"], port, resolve: resolveName });
    try {
      const resolver = new Resolver();
      resolver.setServers([`127.0.0.1:${port}`]);
      expect(await resolver.resolve4("a.example")).toEqual([ADDRESSES.internet.v4]);
      const socket = connect(port, "127.0.0.1");
      socket.write(streamEncode({ type: "query", id: 9, questions: [{ name: "b.example", type: "A" }] }));
      const [chunk] = await new Promise<[Buffer]>((resolve) => socket.once("data", (data) => resolve([data])));
      socket.destroy();
      expect(decode(chunk.subarray(2)).answers).toMatchObject([{ data: ADDRESSES.internet.v4 }]);
    } finally {
      await server.stop();
    }
  });
});

it("openssl itself accepts the chain", async () => {
  const dir = mkdtempSync(join(tmpdir(), "hermes-ca-"));
  try {
    const authority = await openAuthority(labOf(dir));
    const { certificate } = await authority.issue("headscale.hermes.test");
    const out = execFileSync("openssl", ["verify", "-x509_strict", "-CAfile", authority.certificatePath], {
      input: certificate,
      encoding: "utf8",
    });
    expect(out).toContain("OK");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
