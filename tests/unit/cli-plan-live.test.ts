import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Account } from "../../lib/digitalocean/account";
import { CommandError } from "../../lib/output";
import { liveCatalogue } from "../../operations/plan/live-catalogue";
import { CATALOGUE, openAccount, TOKEN } from "./digitalocean-fixture";

type Handler = (path: URL, request: IncomingMessage, response: ServerResponse) => void;

/** Runs the work against an HTTP server on loopback. */
async function against<T>(handler: Handler, work: (apiUrl: string) => Promise<T>): Promise<T> {
  const server = createServer((request, response) => {
    handler(new URL(request.url ?? "/", "http://api"), request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const size = (slug: string) => ({
  slug,
  memory: 2048,
  vcpus: 1,
  disk: 50,
  price_monthly: 12,
  price_hourly: 0.01786,
  regions: ["nyc3"],
  available: true,
});
const region = { slug: "nyc3", name: "New York 3", available: true, features: ["storage"], sizes: [] };

const json = (response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
};

async function failureOf(handler: Handler, token = "dop_v1_secret", timeoutMs?: number): Promise<CommandError> {
  const options = { token, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  const outcome = await against(handler, (apiUrl) =>
    liveCatalogue(new Account({ ...options, apiUrl, pauseMs: 1 })).catch((error: unknown) => error),
  );
  expect(outcome).toBeInstanceOf(CommandError);
  expect((outcome as CommandError).message).not.toContain(token.trim());
  return outcome as CommandError;
}

describe("DigitalOcean's list of sizes", () => {
  it("is read from every page, with the token, from the base URL and nowhere else", async () => {
    const asked: string[] = [];
    const answer: Handler = (url, request, response) => {
      asked.push(`${url.pathname}${url.search} ${request.headers.authorization}`);
      if (url.pathname === "/v2/regions") return json(response, { regions: [region], links: {} });
      const page = Number(url.searchParams.get("page"));
      const next = { pages: { next: `https://elsewhere.example/v2/sizes?page=${page + 1}` } };
      json(response, { sizes: [size(`s-${page}`)], links: page < 3 ? next : { pages: { prev: "x" } } });
    };
    const catalogue = await against(answer, (apiUrl) =>
      liveCatalogue(new Account({ token: "t", apiUrl: `${apiUrl}/` })),
    );
    expect(catalogue.sizes.map(({ slug }) => slug)).toEqual(["s-1", "s-2", "s-3"]);
    expect(asked.filter((one) => one.startsWith("/v2/sizes"))).toEqual(
      [1, 2, 3].map((page) => `/v2/sizes?page=${page}&per_page=200 Bearer t`),
    );
    expect(catalogue).toMatchObject({
      source: "live",
      regions: [{ slug: "nyc3", available: true, features: ["storage"] }],
    });
    expect(catalogue.sizes[0]).toEqual({
      ...{ slug: "s-1", memoryMiB: 2048, vcpus: 1, diskGiB: 50, monthlyUsd: 12, hourlyUsd: 0.01786 },
      ...{ regions: ["nyc3"], available: true },
    });
  });

  it("is the same from the emulated API", async () => {
    const account = await openAccount();
    try {
      const { sizes, regions } = await liveCatalogue(new Account({ token: TOKEN, apiUrl: account.api.url }));
      expect(sizes.map(({ slug, memoryMiB }) => [slug, memoryMiB])).toEqual(
        CATALOGUE.map((one) => [one.slug, one.memoryMiB]),
      );
      expect(regions.map(({ slug }) => slug)).toEqual(["fra1", "nyc3"]);
    } finally {
      await account.close();
    }
  });

  it("is refused in plain words, without the token in them, and with the exit code of the cloud", async () => {
    const wrong = await failureOf((_, __, response) => json(response, { id: "Unauthorized" }, 401));
    expect(wrong).toMatchObject({ code: 5 });
    expect(wrong.message).toMatch(/^DigitalOcean refused the token \(401\)\.\n.*sizes:read.*\n.*--offline/);
    const often = await failureOf((_, __, response) => json(response, {}, 429, { "retry-after": "42" }));
    expect(often.message).toContain("takes no more requests for now (429); again in 42 s.");
    const reset = await failureOf((_, __, response) => json(response, {}, 429, { "ratelimit-reset": "1800000000" }));
    expect(reset.message).toContain("again at 2027-01-15T08:00:00.000Z.");
    const plain = await failureOf((_, __, response) => json(response, "<html>", 429));
    expect(plain.message).toContain("again in some minutes.");
    const broken = await failureOf((_, __, response) => json(response, { message: "Server\u001b[31m Error" }, 500));
    expect(broken).toMatchObject({
      code: 5,
      message: expect.stringContaining("answered GET /v2/sizes with 500: Server [31m Error."),
    });
  });

  it.each([
    ["no JSON", "<html>maintenance</html>"],
    ["a list", []],
    ["no sizes", { regions: [] }],
    ["sizes that are no list", { sizes: {}, regions: [] }],
    ["a size that is none", { sizes: [null], regions: [] }],
    ["a size without a price", { sizes: [{ ...size("s-1"), price_monthly: null }], regions: [] }],
    ["a slug that moves the cursor", { sizes: [size("s-\u001b[2J")], regions: [] }],
  ])("is not believed when it is %s", async (_, body) => {
    const error = await failureOf((__, ___, response) => json(response, body));
    expect(error).toMatchObject({ code: 5 });
    expect(error.message).toMatch(/^DigitalOcean answered .*(no list of (sizes|regions)|no JSON)\./);
  });

  it("ends when every page names a next one", async () => {
    const endless = { sizes: [size("s-1")], regions: [region], links: { pages: { next: "again" } } };
    expect((await failureOf((_, __, response) => json(response, endless))).message).toContain("than anybody");
  });

  it("is given up when no answer comes, and when nothing is there", async () => {
    const silent = await failureOf(() => undefined, "dop_v1_secret", 50);
    expect(silent.message).toContain("no answer within 0.05 s.");
    const half = await failureOf(
      (_, __, response) => {
        response.writeHead(200);
        response.write('{"sizes":[');
      },
      "dop_v1_secret",
      50,
    );
    expect(half.message).toContain("gave no answer");
    const gone = await against(
      () => undefined,
      (apiUrl) => Promise.resolve(apiUrl),
    );
    const refused = await liveCatalogue(new Account({ token: "t", apiUrl: gone, pauseMs: 1 })).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: 5, message: expect.stringContaining("ECONNREFUSED") });
  });

  it("does not follow a redirection, which would take the token along", async () => {
    const error = await failureOf((_, __, response) => json(response, "", 302, { location: "/elsewhere" }));
    expect(error.message).toContain("gave no answer");
  });

  it("is not asked for with a token that is none, and that is not printed", async () => {
    const error = await failureOf(() => undefined, "dop_v1_\nsecret");
    expect(error).toMatchObject({ code: 1, message: expect.stringContaining("characters that no token has") });
  });
});
