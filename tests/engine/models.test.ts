import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { OpenRouter } from "../../localcloud/services/openrouter";
import { expectFailure, expectSuccess } from "../support/engine";
import { encrypted, SECRETS } from "../support/stack-file";
import { COMMITTED, mutations, PROGRAM, startBench, type Ended, type EngineBench } from "./harness";

jest.setTimeout(1_200_000);

const CHAIN = COMMITTED["hermes:models"] as object;
const GEMMA = "google/gemma-4-31b-it:free";
const PAID = "openai/gpt-oss-20b";

let bench: EngineBench;
let openrouter: OpenRouter;
let server: Server;

beforeAll(async () => {
  bench = await startBench({ stack: "hermes", program: PROGRAM });
  openrouter = new OpenRouter({ logFile: join(bench.dir, "openrouter.jsonl") });
  server = createServer((request, response) => void openrouter.handler(request, response));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  bench.environment["HERMES_OPENROUTER_URL"] = `http://127.0.0.1:${port}/api/v1`;
  await bench.keepProviders();
});

beforeEach(() => openrouter.reset());

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await bench.stop();
});

/** The committed stack with other models. */
function models(change: Record<string, unknown>): void {
  bench.configure({ ...COMMITTED, "hermes:secrets": encrypted(SECRETS), "hermes:models": { ...CHAIN, ...change } });
}

/** The engine breaks no lines, but indents and prefixes them. */
function expectRefused(ended: Ended, ...words: string[]): void {
  expectFailure(ended);
  for (const each of words) expect(ended.output).toContain(each);
  for (const value of Object.values(SECRETS)) expect(ended.output).not.toContain(value.slice(0, 60));
  expect(mutations(bench.digitalocean)).toEqual([]);
  expect(bench.tailscale.calls.filter(({ method }) => method !== "GET")).toEqual([]);
}

async function preview(): Promise<string> {
  const ended = await bench.pulumi(["preview"]);
  expectSuccess(ended);
  return ended.output;
}

describe("a model that OpenRouter took off", () => {
  it("fails up before any resource, with the nearest ones that are left", async () => {
    openrouter.setListed(GEMMA, null);
    models({ fallbacks: [] });
    expectRefused(
      await bench.pulumi(["up", "--yes", "--skip-preview"]),
      `hermes:models.primary is "openrouter/${GEMMA}": OpenRouter does not list it.`,
      "Write openrouter/google/gemma-4-26b-a4b-it:free",
    );
  });
});

describe("a model that costs money", () => {
  it("is refused, also one that was free yesterday, and Anthropic's with their own words", async () => {
    openrouter.setListed(GEMMA, { prompt: "0.0000001" });
    models({ fallbacks: [`openrouter/${PAID}`, "openrouter/anthropic/claude-sonnet-5"] });
    expectRefused(
      await bench.pulumi(["preview"]),
      "has 3 errors",
      "hermes:models.primary is",
      "it costs $0.10 per million tokens in, $0.00 out",
      "hermes:models.fallbacks[0] is",
      "it costs $0.03 per million tokens in, $0.13 out",
      "hermes:models.fallbacks[1] is",
      "this stack runs without Anthropic credits",
    );
  });
});

describe("a stack that allows both", () => {
  it("is warned of the model that is not listed, and has the price of the other in its preview", async () => {
    openrouter.setListed(GEMMA, null);
    models({ fallbacks: [`openrouter/${PAID}`], allowUnknown: true, allowPaid: true });
    const said = await preview();
    expect(said).toMatch(/warning: .*gemma-4-31b-it:free.*hermes:models\.allowUnknown lets it pass/);
    expect(said).toContain(
      `hermes:models.fallbacks[0] "openrouter/${PAID}" costs $0.03 per million tokens in, $0.13 out (today).`,
    );
  });
});

describe("OpenRouter's list", () => {
  it("says nothing where all is well, and changes nothing that the droplet gets, whatever it says and whether or not it can be read", async () => {
    models({});
    const configHash = (said: string): string | undefined => /configHash: "(\w{64})"/.exec(said)?.[1];
    const well = await preview();
    expect(well).not.toMatch(/hermes:models|OpenRouter/);
    const before = configHash(well);
    expect(before).toBeDefined();
    openrouter.setListed(GEMMA, { contextLength: 70_000, maxOutput: 2_000, expires: "2999-01-01" });
    expect(configHash(await preview())).toBe(before);
    openrouter.setListFailure({ status: 503 });
    expect(configHash(await preview())).toBe(before);
  });

  it("is only warned of when it cannot be read", async () => {
    openrouter.setListFailure({ status: 503 });
    models({ primary: "openrouter/new/model:free" });
    const said = await preview();
    expect(said).toMatch(/warning: .*not checked live.*HTTP 503.*2026-11-10/);
    expect(said).toMatch(/warning: hermes:models\.primary "openrouter\/new\/model:free".*was not checked/);
  });
});
