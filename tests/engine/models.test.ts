import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { load } from "js-yaml";
import { newKey } from "../../cli/init";
import { OpenRouter } from "../../localcloud/services/openrouter";
import { COMMITTED, deeds, PROGRAM, startBench, type Ended, type EngineBench } from "./harness";

jest.setTimeout(240_000);

const CHAIN = COMMITTED["hermes:models"] as object;
const SECRETS = {
  openrouterApiKey: "sk-or-v1-engine-test-secret",
  gatewayToken: "engine-test-gateway-token-of-more-than-32-characters",
  deployKey: newKey("test"),
};
const GEMMA = "google/gemma-4-31b-it:free";
const PAID = "openai/gpt-oss-20b";

let bench: EngineBench;
let openrouter: OpenRouter;
let server: Server;
let encrypted: unknown;

beforeAll(async () => {
  bench = await startBench({ stack: "hermes", program: PROGRAM });
  openrouter = new OpenRouter({ logFile: join(bench.dir, "openrouter.jsonl") });
  server = createServer((request, response) => void openrouter.handler(request, response));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  bench.environment["HERMES_OPENROUTER_URL"] = `http://127.0.0.1:${port}/api/v1`;
  encrypted = await encryptSecrets();
});

beforeEach(() => openrouter.reset());

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await bench.stop();
});

/** The committed stack with other models; secrets stay as the engine has encrypted them. */
function models(change: Record<string, unknown>): void {
  bench.configure({ ...COMMITTED, "hermes:secrets": encrypted, "hermes:models": { ...CHAIN, ...change } });
}

async function encryptSecrets(): Promise<unknown> {
  bench.configure(COMMITTED);
  for (const [name, value] of Object.entries(SECRETS)) {
    const path = `hermes:secrets.${name}`;
    const set = await bench.pulumi(["config", "set", path, "--secret", "--path"], { stdin: value });
    expect({ code: set.code, said: set.code === 0 ? "" : set.output }).toEqual({ code: 0, said: "" });
  }
  const { config } = load(readFileSync(join(bench.dir, "Pulumi.hermes.yaml"), "utf8")) as {
    config: Record<string, unknown>;
  };
  return config["hermes:secrets"];
}

/** The engine breaks no lines, but indents and prefixes them. */
function expectRefused(ended: Ended, ...words: string[]): void {
  expect(ended.code).not.toBe(0);
  for (const each of words) expect(ended.output).toContain(each);
  expect(ended.output).not.toMatch(/\n\s+at .*:\d+:\d+/);
  for (const value of Object.values(SECRETS)) expect(ended.output).not.toContain(value.slice(0, 60));
  expect(deeds(bench.digitalocean)).toEqual([]);
  expect(bench.tailscale.calls.filter(({ method }) => method !== "GET")).toEqual([]);
}

async function preview(): Promise<string> {
  const ended = await bench.pulumi(["preview"]);
  expect({ code: ended.code, said: ended.code === 0 ? "" : ended.output }).toEqual({ code: 0, said: "" });
  return ended.output;
}

describe("a model that OpenRouter took off", () => {
  it("fails up before any resource, with the nearest ones that are left", async () => {
    openrouter.setListed(GEMMA, null);
    models({ fallbacks: [] });
    expectRefused(
      await bench.pulumi(["up", "--yes", "--skip-preview"]),
      `hermes:models.primary is "openrouter/${GEMMA}": OpenRouter does not list it.`,
      "Nearest free models with tools: openrouter/google/gemma-4-26b-a4b-it:free",
    );
  });

  it("is only warned of where unknown ids are allowed", async () => {
    openrouter.setListed(GEMMA, null);
    models({ allowUnknown: true });
    expect(await preview()).toMatch(/warning: .*gemma-4-31b-it:free.*hermes:models\.allowUnknown lets it pass/);
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

  it("has its price in the preview where it is allowed", async () => {
    models({ fallbacks: [`openrouter/${PAID}`], allowPaid: true });
    expect(await preview()).toContain(
      `hermes:models.fallbacks[0] "openrouter/${PAID}" costs $0.03 per million tokens in, $0.13 out (today).`,
    );
  });
});

describe("OpenRouter's list", () => {
  it("changes nothing that the droplet gets, whatever it says and whether or not it can be read", async () => {
    models({});
    const configHash = async (): Promise<string | undefined> => /configHash: "(\w{64})"/.exec(await preview())?.[1];
    const before = await configHash();
    expect(before).toBeDefined();
    openrouter.setListed(GEMMA, { contextLength: 70_000, maxOutput: 2_000, expires: "2999-01-01" });
    expect(await configHash()).toBe(before);
    openrouter.setListFailure({ status: 503 });
    expect(await configHash()).toBe(before);
  });

  it("is only warned of when it cannot be read", async () => {
    openrouter.setListFailure({ status: 503 });
    models({ primary: "openrouter/new/model:free" });
    const said = await preview();
    expect(said).toMatch(/warning: .*not checked live.*HTTP 503.*2026-11-10/);
    expect(said).toMatch(/warning: hermes:models\.primary "openrouter\/new\/model:free".*was not checked/);
  });

  it("says nothing where all is well", async () => {
    models({});
    expect(await preview()).not.toMatch(/hermes:models|OpenRouter/);
  });
});
