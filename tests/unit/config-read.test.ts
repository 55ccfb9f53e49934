import * as pulumi from "@pulumi/pulumi";
import { checkConfig, loadCatalogue, readConfig, readSecrets, withPlainErrors, ConfigError } from "../../config";
import { rawConfig } from "../../config/read";
import { parseStackFile } from "../../config/stackfile";
import { shippedCatalogue } from "../../planner";
import { context, hermesStack, problems, PROJECT, secrets } from "./config-fixture";

/** What the engine hands over: text, with lists and maps as JSON. */
const asEngine = (values: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      `hermes:${key}`,
      typeof value === "object" ? JSON.stringify(value) : String(value as string | number | boolean),
    ]),
  );

/** A provider's refusal, as gRPC carries it. */
const refusal = (details: string) => Object.assign(new Error(details), { details });

const invoked: string[] = [];
let answer: (token: string) => Record<string, unknown>;

beforeEach(async () => {
  invoked.length = 0;
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, inputs }) => ({ id: name, state: inputs as object }),
      call: ({ token }) => {
        invoked.push(token);
        return answer(token);
      },
    },
    "hermes",
    "hermes",
  );
});

describe("configuration from the engine", () => {
  const env = process.env["PULUMI_CONFIG_SECRET_KEYS"];
  afterEach(() => {
    if (env === undefined) delete process.env["PULUMI_CONFIG_SECRET_KEYS"];
    else process.env["PULUMI_CONFIG_SECRET_KEYS"] = env;
  });
  const set = (values: Record<string, unknown>, encrypted: string[] = ["hermes:secrets"]) => {
    pulumi.runtime.setAllConfig(asEngine(values));
    process.env["PULUMI_CONFIG_SECRET_KEYS"] = JSON.stringify(encrypted);
  };

  it("becomes the checked configuration, and secrets become secret outputs", async () => {
    set({ ...hermesStack(), agents: { main: { workspace: "workspace/main" } }, secrets });
    expect(readConfig(shippedCatalogue(), PROJECT)).toMatchObject({ stack: "hermes", swapGiB: 4, ipv6: true });
    const read = readSecrets();
    expect(Object.keys(read)).toEqual(Object.keys(secrets));
    for (const value of Object.values(read)) expect(await pulumi.isSecret(value)).toBe(true);
  });

  it("is refused with one error that names everything", () => {
    set({ ...hermesStack(), agents: { main: { workspace: "nowhere" } }, region: "x", secrets });
    expect(() => readConfig(shippedCatalogue(), PROJECT)).toThrow(ConfigError);
    expect(() => readConfig(shippedCatalogue(), PROJECT)).toThrow(/2 errors[^]*hermes:region[^]*nowhere/);
  });

  it("is refused when no secret is encrypted", () => {
    set({ ...hermesStack(), agents: { main: { workspace: "workspace/main" } }, secrets }, []);
    expect(() => readConfig(shippedCatalogue(), PROJECT)).toThrow(
      /hermes:secrets.gatewayToken stands in plain text[^]*openssl rand -hex 32 \| pulumi config set --secret/,
    );
  });

  it("is refused when something other than secrets is encrypted, or secrets is no map", () => {
    expect(rawConfig({ "hermes:region": "nyc3" }, ["hermes:region"]).problems).toHaveLength(1);
    expect(rawConfig({ "hermes:secrets": "hunter2", "other:secrets": "x" }, []).problems).toHaveLength(1);
    expect(JSON.stringify(rawConfig({ "hermes:secrets": "hunter2" }, []))).not.toContain("hunter2");
  });

  it("says how to set a secret that was set without --path, and never to set it in plain text", () => {
    for (const key of ["hermes:secrets.openrouterApiKey", "hermes:openrouterApiKey"]) {
      const { raw, problems } = rawConfig({ [key]: "sk-or-v1-0123456789abcdef" }, [key]);
      const told = [...problems, ...checkConfig(raw, context()).problems].filter((each) => each.key === key);
      expect(told.map(({ fix }) => fix)).toEqual([expect.stringMatching(/--path 'hermes:secrets\.openrouterApiKey'/)]);
      expect(JSON.stringify([...problems, ...told])).not.toMatch(/plain text/i);
    }
  });

  it("tells a key in a namespace that is a slip, and not that it is missing besides", () => {
    const { raw, problems, meant } = rawConfig({ "Hermes:volumeGiB": "10", "hermess:ipv6": "true", "acme:x": "1" }, []);
    expect([raw, problems.map(({ key, fix }) => `${key}: ${fix}`), meant]).toEqual([
      {},
      ["Hermes:volumeGiB: Rename it to hermes:volumeGiB.", "hermess:ipv6: Rename it to hermes:ipv6."],
      ["volumeGiB", "ipv6"],
    ]);
  });

  it("takes a key without a value for none, as after its lines were commented out", () => {
    expect(rawConfig({ "hermes:mcpServers": "", "hermes:volumeGiB": "", "hermes:ipv6": "" }, []).raw).toEqual({});
  });

  it("tells a key that stands there in two spellings, of which the engine takes any", () => {
    const text = "config:\n  hermes:region: nyc3\n  region: fra1\n  hermes:config:size: a\n  hermes:size: b\n";
    expect(parseStackFile(text).twice).toEqual([
      ["hermes:region", "region"],
      ["hermes:config:size", "hermes:size"],
    ]);
  });

  it("knows how a value is written, which YAML makes a number of", () => {
    const { spelling } = parseStackFile(
      "config:\n  hermes:mcpServers:\n    x: {args: [--v, 3.10], env: {UMASK: 022}}\n",
    );
    expect([spelling("hermes:mcpServers.x.args[1]"), spelling("hermes:mcpServers.x.env.UMASK")]).toEqual([
      "3.10",
      "022",
    ]);
    const servers = { x: { command: "npx", args: ["--v", 3.1], env: { UMASK: 18 } } };
    const found = problems({ mcpServers: servers }, { spelling }).map(({ key, found, fix }) => [key, found, fix]);
    expect(found).toEqual([
      ["hermes:mcpServers.x.args[1]", '"3.10"', 'Put it in quotes: "3.10".'],
      ["hermes:mcpServers.x.env.UMASK", '"022"', 'Put it in quotes: UMASK: "022".'],
    ]);
  });

  it.each(["config:\n  hermes:swapGiB: !!int 4\n", "config: ~\n", "config: null\n", "---\n"])(
    "knows no spelling where a value has a type of its own, and reads the file: %j",
    (text) => expect(parseStackFile(text).spelling("hermes:swapGiB")).toBeUndefined(),
  );

  it.each([
    ["Config:\n  hermes:region: nyc3\n", 'it has "Config", not config', "Rename “Config:” to “config:”."],
    ["configs:\n  hermes:region: nyc3\n", 'it has "configs", not config', "Rename “configs:” to “config:”."],
    ["hermes:region: nyc3\n", "its keys are not below config", "below “config:”"],
  ])("is refused as a whole without config: %j", (text, wrong, fix) => {
    expect(() => parseStackFile(text)).toThrow(wrong);
    expect(() => parseStackFile(text)).toThrow(fix);
  });

  it("takes the placeholders of Pulumi.yaml for nothing", () => {
    expect(rawConfig({ "hermes:region": "", "hermes:agents": "{}", "hermes:tailnet": "{}" }, []).raw).toEqual({
      tailnet: {},
    });
  });

  it("finds plain secrets under each name that the engine takes for theirs", () => {
    for (const key of ["hermes:secrets", "secrets", "hermes:config:secrets"])
      expect(
        parseStackFile(`config:\n  ${key}:\n    deployKey: x\n    hostKey: {secure: v1:x}\n`).plainSecrets,
      ).toEqual(["deployKey"]);
  });

  it("reaches the user without a stack trace, and a bug with one", async () => {
    const thrown = (error: Error) => withPlainErrors(() => Promise.reject(error)).catch((caught: unknown) => caught);
    const problem = { key: "hermes:x", wrong: "is missing", allowed: "A.", fix: "B." };
    expect(pulumi.RunError.isInstance(await thrown(new ConfigError("hermes", [problem])))).toBe(true);
    expect(pulumi.RunError.isInstance(await thrown(new TypeError("bug")))).toBe(false);
  });

  it("reaches the user without the frames of Pulumi, on one of which Node 20 colours for half a minute", async () => {
    const mine = "TypeError: bug\n    at mine (/project/index.ts:1:2)";
    const bug = new TypeError("bug");
    bug.stack = `${mine}\n    at Stack.initialize (/project/node_modules/@pulumi/resource.ts:1687:22)`;
    await expect(withPlainErrors(() => Promise.reject(bug))).rejects.toHaveProperty("stack", mine);
  });
});

describe("the catalogue", () => {
  it("is the shipped one without a token, and nothing is asked", async () => {
    expect(await loadCatalogue({})).toEqual(shippedCatalogue());
    expect(invoked).toEqual([]);
  });

  it("is asked from DigitalOcean with a token", async () => {
    answer = (token) =>
      token.endsWith("getSizes")
        ? {
            sizes: [
              {
                slug: "s",
                memory: 2048,
                vcpus: 1,
                disk: 50,
                priceMonthly: 12,
                priceHourly: 0.01786,
                regions: ["nyc3"],
                available: true,
                transfer: 1,
                gpuInfos: [],
              },
            ],
          }
        : { regions: [{ slug: "nyc3", name: "New York 3", available: true, features: ["storage"], sizes: ["s"] }] };
    expect(await loadCatalogue({ DIGITALOCEAN_ACCESS_TOKEN: "t" })).toEqual({
      source: "live",
      asOf: "this run",
      sizes: [
        {
          slug: "s",
          memoryMiB: 2048,
          vcpus: 1,
          diskGiB: 50,
          monthlyUsd: 12,
          hourlyUsd: 0.01786,
          regions: ["nyc3"],
          available: true,
        },
      ],
      regions: [{ slug: "nyc3", available: true, features: ["storage"] }],
    });
    expect(invoked.sort()).toEqual([
      "digitalocean:index/getRegions:getRegions",
      "digitalocean:index/getSizes:getSizes",
    ]);
  });

  it("fails in words when the token is bad or the API is down", async () => {
    answer = () => {
      throw refusal("GET https://api.digitalocean.com/v2/sizes: 401 Unable to authenticate you");
    };
    await expect(loadCatalogue({ DIGITALOCEAN_TOKEN: "t" })).rejects.toThrow("DigitalOcean refused the token");
    answer = () => {
      throw refusal("dial tcp: i/o timeout");
    };
    await expect(loadCatalogue({ DIGITALOCEAN_TOKEN: "t" })).rejects.toThrow(/i\/o timeout[^]*Try again/);
  });
});
