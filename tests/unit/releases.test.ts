import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigError } from "../../config";
import { DEFAULTS, NODE_DIGESTS } from "../../config/keys";
import { satisfies } from "../../gateway/apply/versions";
import { checkRelease } from "../../operations/preflight/release";
import { SHIPPED, shippedFacts, type ReleaseFacts } from "../../operations/preflight/release-list";
import { loadRelease } from "../../operations/preflight/release-lookup";

const RANGE = ">=24.16.0 <25 || >=26.1.0";
const MANIFEST = { engines: { node: RANGE }, openclaw: { schemaVersions: { state: 18, agent: 23 } } };

let server: Server | undefined;
afterEach(async () => {
  if (server === undefined) return;
  server.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  server = undefined;
});

/** A registry that has these pages, by path; what is asked is kept. */
async function registry(pages: Record<string, object | string | number>): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const page = pages[request.url ?? ""] ?? 404;
    if (typeof page === "number") return void response.writeHead(page).end("{}");
    response.end(typeof page === "string" ? page : JSON.stringify(page));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const load = (url: string, version: unknown = "2026.9.6", timeoutMs?: number) =>
  loadRelease("hermes", version, { HERMES_NPM_URL: url }, ...(timeoutMs === undefined ? [] : [timeoutMs]));

const configured = (version: string, node: string) => ({
  openclaw: { version, before: "2026-09-25" },
  node: { version: node },
});

describe("the npm registry", () => {
  it("says of a version which Node it wants and which state it reads, in one small answer", async () => {
    const { url, asked } = await registry({ "/openclaw/2026.9.6": { ...MANIFEST, version: "2026.9.6" } });
    expect(await load(`${url}/`)).toEqual({
      release: { version: "2026.9.6", node: RANGE, schemas: { state: 18, agent: 23 } },
      source: "live",
    });
    expect(asked).toEqual(["/openclaw/2026.9.6"]);
  });

  it("that has no such version is believed, with what it has, newest first and without previews", async () => {
    const versions = { "2026.9.6": {}, "2026.10.1": {}, "2026.10.2-beta.1": {} };
    const { url } = await registry({ "/openclaw": { versions } });
    expect(await load(url, "2026.9.99")).toEqual({ source: "live", others: ["2026.10.1", "2026.9.6"] });
  });

  it("that serves whole packages only is believed too", async () => {
    const { url } = await registry({ "/openclaw": { versions: { "2026.9.6": MANIFEST } } });
    expect((await load(url)).release?.node).toBe(RANGE);
  });

  it.each([
    ["knows nothing of openclaw", {}, "HTTP 404"],
    ["is down", { "/openclaw/2026.9.6": 503 }, "HTTP 503"],
    ["wants a login", { "/openclaw/2026.9.6": 401 }, "HTTP 401"],
    ["answers with a page", { "/openclaw/2026.9.6": "<html>" }, "the answer is not JSON"],
    ["answers with something else", { "/openclaw/2026.9.6": { ok: true } }, "the answer is no package"],
  ])("that %s is no verdict: what came with hermes counts", async (_what, pages, failure) => {
    const { url } = await registry(pages);
    expect(await load(url)).toEqual({ ...shippedFacts("2026.9.6"), failure });
  });

  it("that is not there or does not answer is no verdict either", async () => {
    const gone = await registry({});
    await new Promise((resolve) => server?.close(resolve));
    expect((await load(gone.url)).failure).toBe("ECONNREFUSED");
    server = createServer(() => undefined);
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    expect((await load(`http://127.0.0.1:${port}`, "2026.9.6", 100)).failure).toBe("no answer within 0.1 s");
  });

  it.each([undefined, 2026.1, "../x", ""])("is not asked for %p, which is no version", async (version) => {
    const env = { HERMES_NPM_URL: "http://127.0.0.1:9" };
    expect(await loadRelease("hermes", version, env)).toEqual({ source: "shipped" });
  });

  it("is not asked at a plain http URL elsewhere", async () => {
    const refused = load("http://registry.example");
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(/HERMES_NPM_URL/);
  });
});

describe("the version that is asked for", () => {
  const live = (node?: string): ReleaseFacts => ({
    source: "live",
    release: { version: "2026.9.6", ...(node === undefined ? {} : { node }) },
  });

  it.each([
    ["24.15.9", false],
    ["24.16.0", true],
    ["25.9.0", false],
    ["26.0.0", false],
    ["26.1.0", true],
  ])("on Node %s runs: %p", (node, runs) => {
    const { problems } = checkRelease(configured("2026.9.6", node), live(RANGE));
    expect(problems).toHaveLength(runs ? 0 : 1);
    if (!runs)
      expect(problems[0]).toMatchObject({
        key: "hermes:node.version",
        wrong: "OpenClaw 2026.9.6 does not run on it",
        fix: `Write version: "${DEFAULTS.nodeVersion}".`,
      });
  });

  it("that wants a Node nobody has the digest of gets no proposal that would fail", () => {
    const [problem] = checkRelease(configured("2026.9.6", "24.21.0"), live(">=99")).problems;
    expect(problem?.fix).toMatch(/sources\.node\.sha256/);
  });

  it("is refused when there is none, with the newest that there are", () => {
    const facts: ReleaseFacts = { source: "live", others: ["6", "5", "4", "3", "2", "1"] };
    const [problem] = checkRelease(configured("2026.9.99", "24.21.0"), facts).problems;
    expect(problem).toMatchObject({ key: "hermes:openclaw.version", found: '"2026.9.99"' });
    expect(problem?.allowed).toContain("6, 5, 4, 3, 2.");
  });

  it("is checked by what came with hermes when npm could not be asked, and that is said", () => {
    const facts = { ...shippedFacts("2026.9.6"), failure: "ECONNREFUSED" };
    const { problems, warnings } = checkRelease(configured("2026.9.6", "24.15.0"), facts);
    expect(problems).toHaveLength(1);
    expect(warnings).toEqual([expect.stringMatching(/not asked \(ECONNREFUSED\)[\s\S]*hermes' own list of 2026-/)]);
  });

  it("that nobody knows is left to the droplet, and that is said", () => {
    const facts = { ...shippedFacts("2027.1.1"), failure: "ECONNREFUSED" };
    const { problems, warnings } = checkRelease(configured("2027.1.1", "24.15.0"), facts);
    expect(problems).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/the droplet finds out/)]);
  });

  it("is not told twice that it is missing", () => {
    expect(checkRelease(configured("", "24.21.0"), { source: "shipped" })).toEqual({ problems: [], warnings: [] });
  });
});

describe("what came with hermes", () => {
  it("has the default Node carry every version of the list, and knows its digest", () => {
    for (const { node } of SHIPPED) expect(satisfies(DEFAULTS.nodeVersion, node ?? "")).toBe(true);
    expect(Object.keys(NODE_DIGESTS)).toContain(DEFAULTS.nodeVersion);
  });
});
