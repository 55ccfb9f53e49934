import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../../config";
import { OpenRouter } from "../../localcloud/services/openrouter";
import { loadModels } from "../../operations/preflight/model-lookup";
import { shippedList } from "../../planner/openrouter/list";

const dir = mkdtempSync(join(tmpdir(), "hermes-lookup-"));
const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const load = (base: string, timeoutMs?: number) =>
  loadModels("hermes", { HERMES_OPENROUTER_URL: base }, ...(timeoutMs === undefined ? [] : [timeoutMs]));

describe("OpenRouter's list", () => {
  let openrouter: OpenRouter;
  let url: string;
  beforeEach(async () => {
    openrouter = new OpenRouter({ logFile: join(dir, "openrouter.jsonl") });
    url = await serve((request, response) => void openrouter.handler(request, response));
  });

  it("is read without a key, with what the stand-in says of each model", async () => {
    openrouter.setListed("new/model:free", {
      contextLength: 40_000,
      maxOutput: 4_000,
      tools: false,
      expires: "2027-01-01",
    });
    openrouter.setListed("openai/gpt-oss-20b", { prompt: "0.0000025" });
    openrouter.setListed("liquid/lfm-3-1.7b:free", null);
    const { models, source, failure } = await load(`${url}/`);
    expect({ source, failure }).toEqual({ source: "live", failure: undefined });
    const find = (id: string) => models.find((model) => model.id === id);
    expect(find("new/model:free")).toEqual({
      id: "new/model:free",
      contextLength: 40_000,
      maxOutput: 4_000,
      tools: false,
      price: { input: 0, output: 0 },
      expires: "2027-01-01",
    });
    expect(find("openai/gpt-oss-20b")?.price).toEqual({ input: 2.5, output: 0.13 });
    expect(find("openrouter/auto")).not.toHaveProperty("price");
    expect(find("liquid/lfm-3-1.7b:free")).toBeUndefined();
    for (const model of shippedList().models.slice(0, 5)) expect(find(model.id)).toEqual(model);
  });

  it("is read to its last page", async () => {
    const all = (await load(url)).models;
    openrouter.pageSize = 3;
    expect((await load(url)).models).toEqual(all);
  });

  it("is the shipped one where OpenRouter is down, and says why", async () => {
    openrouter.setListFailure({ status: 503 });
    expect(await load(url)).toEqual({ ...shippedList(), failure: "HTTP 503" });
  });

  it("is the shipped one where OpenRouter never answers", async () => {
    openrouter.setListFailure({ kind: "silent" });
    expect(await load(url, 50)).toMatchObject({ source: "shipped", failure: "no answer within 0.05 s" });
  });

  it("is the shipped one where nobody listens", async () => {
    servers[0]?.closeAllConnections();
    await new Promise((resolve) => servers.splice(0)[0]?.close(resolve));
    expect(await load(url)).toMatchObject({ source: "shipped", failure: "ECONNREFUSED" });
  });
});

describe("an answer that is no list", () => {
  it.each([
    ["<html>maintenance</html>", "the answer is not JSON"],
    ['{"models": []}', "the answer is no list of models"],
    ["[]", "the answer is no list of models"],
    ['{"data": []}', "the list is empty"],
    ['{"data": [null, {"name": "no id"}]}', "the list is empty"],
    ['{"data": [{"id": "a/b"}], "links": {"next": "http://127.0.0.2:1/models"}}', "its next page is on another host"],
    ['{"data": [{"id": "a/b"}], "links": {"next": "?again"}}', "the list has more than 50 pages"],
  ])("gives way to the shipped list: %s", async (text, failure) => {
    const url = await serve((_, response) => void response.end(text));
    expect(await load(url)).toEqual({ ...shippedList(), failure });
  });

  it("is also one that sends elsewhere", async () => {
    const url = await serve((_, response) => void response.writeHead(302, { location: "http://127.0.0.2:1/" }).end());
    expect(await load(url)).toMatchObject({ source: "shipped" });
  });
});

describe("HERMES_OPENROUTER_URL", () => {
  it.each([
    "http://openrouter.ai/api/v1",
    "http://127.0.0.1.example.com/",
    "ftp://127.0.0.1/",
    "http://10.0.0.1/",
    "x",
  ])("is refused where it is neither https nor this machine: %s", async (url) => {
    const refused = load(url);
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(/HERMES_OPENROUTER_URL/);
  });

  it("never has its credentials shown", async () => {
    for (const url of ["https://me:hunter2@x.example/", "http://me:hunter2@127.0.0.1/"])
      await expect(load(url)).rejects.toThrow(/^(?!.*hunter2)[^]*\[hidden\]/);
  });
});
