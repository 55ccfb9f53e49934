import { checkConfig, formatProblems, planInput, type Problem } from "../../config";
import { context, faults, hermesStack, problems } from "./config-fixture";

const FREE = "openrouter/google/gemma-4-31b-it:free";
const chain = (...fallbacks: string[]) => ({ models: { primary: FREE, fallbacks } });
const config = (changes: Record<string, unknown>) => checkConfig({ ...hermesStack(), ...changes }, context()).config;
const told = (found: Problem[]) => formatProblems("hermes", found);

describe("hermes:ollama and hermes:localModel", () => {
  it("have defaults: a model where one fits, at 64K tokens", () => {
    const { ollama, localModel } = config({});
    expect([ollama, localModel]).toEqual(["auto", { contextTokens: 65_536, cacheType: "q8_0" }]);
  });

  it("take off as YAML reads it", () => {
    expect([false, "false", "off"].map((ollama) => config({ ollama }).ollama)).toEqual(["off", "off", "off"]);
  });

  it("take a model that the chain or an agent names for the one asked for", () => {
    expect(config(chain("ollama/qwen3.5:9b")).localModel.model).toBe("qwen3.5:9b");
    const agents = { main: { workspace: "./workspace/main", model: "ollama/qwen3.5:4b" } };
    expect(config({ agents }).localModel.model).toBe("qwen3.5:4b");
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ["a mode that is none", { ollama: "on" }, ["hermes:ollama: it does not have the right form"]],
    [
      "a model without its variant",
      { localModel: { model: "qwen3.5" } },
      ["hermes:localModel.model: it does not have the right form"],
    ],
    [
      "a context too short for an agent",
      { localModel: { contextTokens: 8192 } },
      ["hermes:localModel.contextTokens: it is out of range"],
    ],
    [
      "a cache type that Ollama has not",
      { localModel: { cacheType: "q5_1" } },
      ["hermes:localModel.cacheType: it does not have the right form"],
    ],
    [
      "two models at once",
      { size: "s-8vcpu-16gb", localModel: { model: "qwen3.5:9b" }, ...chain("ollama/qwen3.5:4b") },
      ["hermes:localModel.model: the droplet runs one local model, and several are named"],
    ],
  ])("refuse %s", (_, changes, expected) => {
    expect(faults(changes)).toEqual(expected);
  });
});

describe("a local model that is required", () => {
  it("and does not fit is refused with the sum and the ways out", () => {
    expect(told(problems({ ollama: "required" }))).toMatchSnapshot();
  });

  it("fits a size that carries it", () => {
    expect(faults({ ollama: "required", size: "s-8vcpu-16gb" })).toEqual([]);
    expect(faults({ ollama: "required", size: "s-4vcpu-8gb" })).toEqual([]);
  });

  it("is told together with the other problems, and once the size is known", () => {
    expect(faults({ ollama: "required", region: "nyc9" })).toEqual([
      "hermes:region: DigitalOcean has no such region",
      "hermes:ollama: granite4:tiny-h cannot run on s-1vcpu-2gb",
    ]);
    expect(faults({ ollama: "required", size: "s-1vcpu-2gbb" })).toEqual([
      "hermes:size: DigitalOcean has no such size",
    ]);
  });
});

describe("a chain that names a local model", () => {
  it("is right where it will be there", () => {
    expect(faults({ size: "s-8vcpu-16gb", ...chain("ollama/qwen3.5:9b") })).toEqual([]);
    expect(faults({ size: "s-4vcpu-8gb", ...chain("ollama/granite4:tiny-h") })).toEqual([]);
  });

  it("is refused at each place where it will not, with the reason", () => {
    const agents = { main: { workspace: "./workspace/main", model: "ollama/qwen3.5:9b" } };
    const found = problems({ agents, ...chain("openrouter/openrouter/free", "ollama/qwen3.5:9b") });
    expect(found.map(({ key }) => key)).toEqual(["hermes:models.fallbacks[1]", "hermes:agents.main.model"]);
    expect(told(found)).toMatchSnapshot();
  });

  it("is refused where Ollama is off, whatever the size", () => {
    const found = problems({ ollama: "off", size: "s-8vcpu-16gb", ...chain("ollama/qwen3.5:9b") });
    expect(found).toMatchObject([
      { key: "hermes:models.fallbacks[0]", fix: 'Set hermes:ollama to "auto"; or remove the model here.' },
    ]);
  });

  it("is told beside a required model that does not fit", () => {
    const found = faults({ ollama: "required", ...chain("ollama/qwen3.5:9b") });
    expect(found.map((fault) => fault.split(":").slice(0, 2).join(":"))).toEqual([
      "hermes:models.fallbacks[0]",
      "hermes:ollama",
    ]);
  });
});

describe("a model that is only wished for", () => {
  it("and does not fit is no problem: there is none then", () => {
    expect(faults({ localModel: { model: "qwen3.5:9b" } })).toEqual([]);
  });
});

describe("what the planner is told", () => {
  it("counts agents, and the MCP servers that are processes", () => {
    const agents = { main: { workspace: "./workspace/main" }, other: { workspace: "./workspace/main" } };
    const mcpServers = { a: { command: "/usr/bin/a" }, b: { url: "https://mcp.example.com" } };
    expect(planInput(config({ agents, mcpServers }))).toMatchObject({ agents: 2, stdioMcpServers: 1 });
  });
});
