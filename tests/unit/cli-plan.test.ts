import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError } from "../../lib/output";
import { runPlan, type PlanOptions } from "../../operations/plan";
import { checkInput, readInput, type InputOptions } from "../../operations/plan/input";
import { stackValues } from "../../operations/plan/stack-values";
import { shippedCatalogue } from "../../planner";
import { hermesStack, PROJECT } from "./config-fixture";
import { openAccount, TOKEN } from "./digitalocean-fixture";

const catalogue = shippedCatalogue();

interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** `hermes plan` in this process, with no token of whoever runs the tests. */
async function hermesPlan(options: PlanOptions, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  let out = "";
  const stdout = { isTTY: true, write: (text: string) => (out += text) };
  try {
    await runPlan(options, { env: { NO_COLOR: "1", ...env }, project: PROJECT, stdout });
    return { code: 0, out, err: "" };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { code: error.code, out, err: error.message };
  }
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hermes-plan-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const faults = (options: InputOptions, values = hermesStack()): string[] =>
  checkInput(values, options, catalogue).problems.map(({ key, wrong }) => `${key}: ${wrong}`);

describe("what hermes plan plans", () => {
  it("is the stack's file, read as plain YAML and without its secrets", () => {
    writeFileSync(
      join(folder, "Pulumi.x.yaml"),
      "config:\n  hermes:size: s-4vcpu-8gb\n  hermes:config:region: fra1\n  aws:region: x\n" +
        "  hermes:secrets:\n    deployKey: {secure: v1:abc}\n",
    );
    expect(stackValues(folder, "x")).toEqual({ size: "s-4vcpu-8gb", region: "fra1" });
    expect(stackValues(folder, "organisation/hermes/x")).toEqual(stackValues(folder, "x"));
    expect(stackValues(folder, "y")).toBeUndefined();
    expect(readInput({}, catalogue, PROJECT)).toEqual({
      ...{ size: "s-1vcpu-2gb", region: "nyc3", swapGiB: 4, volumeGiB: 10, agents: 1, stdioMcpServers: 0 },
      ...{ ollama: "auto", localModel: { contextTokens: 65_536, cacheType: "q8_0" } },
    });
  });

  it("counts agents, and the MCP servers that are processes", () => {
    const values = {
      ...hermesStack(),
      agents: { a: {}, b: {}, c: {} },
      mcpServers: { one: { command: "x" }, two: { url: "https://x" }, three: { command: "y" } },
    };
    expect(checkInput(values, {}, catalogue)).toMatchObject({ input: { agents: 3, stdioMcpServers: 2 }, problems: [] });
  });

  it("takes a model that the chain or an agent names as asked for, unless an option names another", () => {
    const models = { primary: "openrouter/a/b", fallbacks: ["ollama/qwen3.5:9b"] };
    const model = (values: object, options: InputOptions) =>
      checkInput({ ...hermesStack(), ...values }, options, catalogue).input.localModel.model;
    expect(model({ models }, {})).toBe("qwen3.5:9b");
    expect(model({ agents: { a: { model: "ollama/qwen3.5:2b" } } }, {})).toBe("qwen3.5:2b");
    expect(model({ models }, { model: "qwen3.5:4b" })).toBe("qwen3.5:4b");
    expect(faults({ model: "qwen3.5:4b" }, { ...hermesStack(), models })).toEqual([]);
  });

  it("has every option in the place of the stack's value", () => {
    const values = { ...hermesStack(), localModel: { model: "qwen3.5:2b", cacheType: "f16" } };
    const options = {
      ...{ size: "s-8vcpu-16gb", region: "fra1", model: "qwen3.5:9b", context: "32768", cache: "q4_0" },
      ...{ ollama: "required", swap: "2" },
    };
    expect(checkInput(values, options, catalogue)).toEqual({
      problems: [],
      input: {
        ...{ size: "s-8vcpu-16gb", region: "fra1", swapGiB: 2, volumeGiB: 10, agents: 1, stdioMcpServers: 0 },
        ...{ ollama: "required", localModel: { model: "qwen3.5:9b", contextTokens: 32_768, cacheType: "q4_0" } },
      },
    });
    expect(checkInput(values, { context: "32768" }, catalogue).input.localModel).toEqual({
      ...{ model: "qwen3.5:2b", contextTokens: 32_768, cacheType: "f16" },
    });
  });

  it("is told all at once when it is wrong, by the option or the key that holds it", () => {
    const options = {
      ...{ size: "s-1vcpu-3gb", region: "nyc9", model: "qwen3.5:8b", context: "64k", cache: "q5" },
      ollama: "maybe",
    };
    expect(() => readInput(options, catalogue, PROJECT)).toThrow(
      /has 6 errors[^]*--region is "nyc9"[^]*--size is "s-1vcpu-3gb"[^]*Write s-1vcpu-2gb\.[^]*--model is "qwen3.5:8b"[^]*Write (\S+ or )*qwen3.5:9b/,
    );
    writeFileSync(join(folder, "Pulumi.x.yaml"), "config:\n  hermes:size: s-1vcpu-1gb\n  hermes:region: nyc3\n");
    expect(() => readInput({ stack: "x", swap: "99" }, catalogue, folder)).toThrow(
      /--swap is "99"[^]*hermes:size is "s-1vcpu-1gb"|hermes:size is "s-1vcpu-1gb"[^]*--swap is "99"/,
    );
  });

  it("can be told wholly by options where there is no file, and says what is missing", () => {
    expect(readInput({ size: "s-2vcpu-2gb", region: "fra1" }, catalogue, folder)).toMatchObject({ agents: 1 });
    expect(() => readInput({}, catalogue, folder)).toThrow(
      /--region is missing[^]*--size is missing[^]*There is no Pulumi\.hermes\.yaml in /,
    );
    expect(() => readInput({ stack: "x" }, catalogue, folder)).toThrow("there is no Pulumi.x.yaml in");
    writeFileSync(join(folder, "Pulumi.x.yaml"), "config: [\n");
    expect(() => readInput({ stack: "x" }, catalogue, folder)).toThrow(/Pulumi\.x\.yaml is not a YAML file /);
  });
});

describe("hermes plan", () => {
  it("is a command that needs neither pulumi nor a token, without colour where nobody looks", () => {
    const program = [join(PROJECT, "cli/hermes.js"), "plan", "--size", "s-2vcpu-4gb"];
    const { status, stdout, stderr } = spawnSync(process.execPath, program, {
      encoding: "utf8",
      env: {},
      cwd: PROJECT,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^hermes on s-2vcpu-4gb in nyc3: [^]*not checked live/);
    expect(stdout).not.toContain("\u001b");
  });

  it("has colour on a terminal", async () => {
    expect((await hermesPlan({}, { NO_COLOR: "" })).out).toContain("\u001b[");
  });

  it("prints one JSON document, and the picture to a file that is there as a whole or not at all", async () => {
    const file = join(folder, "plan.svg");
    const { code, out } = await hermesPlan({ json: true, size: "s-8vcpu-16gb", svg: file });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ...{ stack: "hermes", catalogue: { source: "shipped" }, input: { size: "s-8vcpu-16gb" } },
      ...{ size: { memoryMiB: 16_384 }, local: { outcome: "fits" }, memory: { memTotalMiB: 15_900 } },
    });
    expect(readFileSync(file, "utf8")).toMatch(/^<svg [^]*<\/svg>\n$/);
    expect(readdirSync(folder)).toEqual(["plan.svg"]);
    mkdirSync(join(folder, "taken"));
    expect(await hermesPlan({ svg: join(folder, "taken") })).toMatchObject({ code: 1, out: "" });
    expect(readdirSync(folder)).toEqual(["plan.svg", "taken"]);
  });

  it("prints nothing but the picture where it goes to stdout", async () => {
    expect((await hermesPlan({ svg: true })).out).toMatch(/^<svg [^]*<\/svg>\n$/);
  });

  it("compares sizes and models for programs too", async () => {
    const sizes = JSON.parse((await hermesPlan({ sizes: true, json: true })).out) as { sizes: object[] };
    expect(sizes.sizes).toContainEqual(expect.objectContaining({ slug: "s-1vcpu-2gb", monthlyUsd: 12, chosen: true }));
    const models = JSON.parse((await hermesPlan({ models: true, json: true })).out) as { models: object[] };
    expect(models.models).toContainEqual(expect.objectContaining({ tag: "qwen3.5:9b", outcome: "no" }));
  });

  it("ends with 4 and the arithmetic when a model is required that does not fit", async () => {
    const { code, out, err } = await hermesPlan({ ollama: "required" });
    expect(code).toBe(4);
    expect(out).toContain("local model    none");
    expect(err).toMatch(/^a local model is required, [^]* 1,945[^]*hermes:size to s-/);
    expect((await hermesPlan({ ollama: "required", size: "s-8vcpu-16gb" })).code).toBe(0);
    expect((await hermesPlan({})).code).toBe(0);
  });

  it.each<[PlanOptions, number]>([
    [{ sizes: true, models: true }, 2],
    [{ svg: true, json: true }, 2],
    [{ svg: "x.svg", sizes: true }, 2],
    [{ size: "s-9" }, 1],
    [{ stack: "nowhere" }, 1],
  ])("refuses %j with %d", async (options, code) => {
    expect(await hermesPlan(options)).toMatchObject({ code, out: "" });
  });

  it("asks the API where there is a token, unless told not to", async () => {
    const account = await openAccount();
    try {
      const env = { DIGITALOCEAN_API_URL: account.api.url };
      const live = await hermesPlan({ sizes: true, json: true }, { ...env, DIGITALOCEAN_TOKEN: TOKEN });
      const document = JSON.parse(live.out) as { catalogue: object; sizes: { slug: string }[] };
      expect(document.catalogue).toEqual({ source: "live", asOf: "this run" });
      expect(document.sizes.map(({ slug }) => slug)).toEqual(["s-1vcpu-2gb", "s-2vcpu-4gb", "s-4vcpu-8gb"]);
      const refused = await hermesPlan({}, { ...env, DIGITALOCEAN_TOKEN: "dop_v1_wrong" });
      expect(refused).toMatchObject({ code: 5, out: "" });
      expect(refused.err).toContain("refused the token (401)");
      const offline = await hermesPlan({ offline: true }, { ...env, DIGITALOCEAN_TOKEN: "dop_v1_wrong" });
      expect(offline).toMatchObject({ code: 0, out: expect.stringContaining("not checked live") });
    } finally {
      await account.close();
    }
  });
});

describe("docs/plan.md", () => {
  const text = readFileSync(join(PROJECT, "docs/plan.md"), "utf8");
  const examples = [...text.matchAll(/^```\n\$ \.\/hermes plan ?(.*)\n([^]*?)^```$/gm)];

  it("has examples", () => {
    expect(examples.length).toBeGreaterThanOrEqual(3);
  });

  it.each(examples.map(([, args = "", shown = ""]) => [args, shown]))(
    "shows what `hermes plan %s` prints",
    async (args, shown) => {
      const words = args.split(" ");
      const value = (name: string): object => {
        const given = words[words.indexOf(`--${name}`) + 1];
        return words.includes(`--${name}`) ? { [name]: given } : {};
      };
      const flags = { sizes: words.includes("--sizes"), models: words.includes("--models") };
      const { out } = await hermesPlan({ ...flags, ...value("size"), ...value("model") });
      for (const part of shown.split(/^…\n/m)) expect(out).toContain(part);
    },
  );
});
