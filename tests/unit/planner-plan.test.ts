import { cheapest, findSize, hourly, shippedCatalogue } from "../../planner/catalogue";
import { plan, summary, weigh, type OllamaMode } from "../../planner";
import { memTotalMiB } from "../../planner/memory";
import { input, sizeOf } from "./planner-fixture";

const catalogue = shippedCatalogue();

describe("the plan", () => {
  it("is this for the hermes stack", () => {
    expect(plan(input(), catalogue)).toMatchSnapshot();
  });

  it("leaves the gateway of 2 GB the limits that were measured", () => {
    expect(plan(input(), catalogue).limits).toEqual({ memoryMaxMiB: 1695, swapMaxMiB: 1024, heapMiB: 768 });
  });

  it("leaves room at the gateway's peak on every size of 2 GB or more, without counting swap", () => {
    for (const size of catalogue.sizes.filter(({ memoryMiB }) => memoryMiB >= 2048)) {
      const { memory, limits } = plan(input({ size: size.slug, swapGiB: 0, ollama: "off" }), catalogue);
      expect(memory.spareMiB).toBeGreaterThan(400);
      expect(limits.heapMiB).toBeLessThan(limits.memoryMaxMiB);
      expect(limits.memoryMaxMiB).toBeLessThan(memory.memTotalMiB);
    }
  });

  it("warns where agents and MCP servers will use swap, and nowhere else", () => {
    const lines = (agents: number) => summary(plan(input({ agents, stdioMcpServers: 2 }), catalogue)).join("\n");
    expect(lines(2)).not.toContain("Warning");
    expect(lines(3)).toContain("Warning: 175 MiB more than the memory of s-1vcpu-2gb.");
  });

  it("has lines that add up to the total, to the cent", () => {
    for (const volumeGiB of [0, 1, 10, 33, 16384]) {
      const { cost } = plan(input({ size: "s-2vcpu-4gb", volumeGiB }), catalogue);
      expect(cost.lines.reduce((sum, line) => sum + line.monthlyUsd, 0)).toBeCloseTo(cost.monthlyUsd, 6);
      expect(cost.lines).toHaveLength(volumeGiB === 0 ? 1 : 2);
    }
  });

  it("says where the prices are from", () => {
    expect(plan(input(), catalogue).cost.prices).toMatch(/^shipped, \d{4}-\d\d$/);
    expect(plan(input(), { ...catalogue, source: "live", asOf: "this run" }).cost.prices).toBe("live");
  });

  it("refuses a size that nobody sells", () => {
    expect(() => plan(input({ size: "s-9vcpu-9gb" }), catalogue)).toThrow("not in the catalogue");
  });
});

/** `installed TAG`, or `none` with the tag that was weighed and how it came out. */
function outcome(size: string, ollama: OllamaMode, model?: string, changes: object = {}): string {
  const wish = { size, ollama, ...changes, ...(model === undefined ? {} : { model }) };
  const { local } = plan(input(wish), catalogue);
  return local.install ? `installed ${local.install.tag}` : `none (${local.tag} ${local.outcome})`;
}

const f16 = (model: string) => ({ localModel: { contextTokens: 65_536, cacheType: "f16" as const, model } });

describe("a local model", () => {
  it.each<[size: string, ollama: OllamaMode, model: string | undefined, expected: string]>([
    ["s-1vcpu-2gb", "auto", undefined, "none (granite4:tiny-h no)"],
    ["s-2vcpu-4gb", "auto", undefined, "none (granite4:tiny-h no)"],
    ["s-4vcpu-8gb", "auto", undefined, "none (granite4:tiny-h fits)"],
    ["s-4vcpu-8gb", "auto", "granite4:tiny-h", "installed granite4:tiny-h"],
    ["s-4vcpu-8gb", "auto", "qwen3.5:4b", "none (qwen3.5:4b tight)"],
    ["s-4vcpu-8gb", "required", "qwen3.5:4b", "installed qwen3.5:4b"],
    ["s-4vcpu-8gb", "required", undefined, "installed granite4:tiny-h"],
    ["s-4vcpu-8gb", "off", "granite4:tiny-h", "none (granite4:tiny-h fits)"],
    ["s-8vcpu-16gb", "auto", undefined, "installed qwen3.5:9b"],
    ["s-8vcpu-16gb", "off", undefined, "none (qwen3.5:9b fits)"],
    ["s-8vcpu-16gb", "required", "gpt-oss:20b", "none (gpt-oss:20b no)"],
    ["m-4vcpu-32gb", "auto", undefined, "installed gpt-oss:20b"],
    ["m-4vcpu-32gb", "auto", "qwen3.5:35b-a3b", "installed qwen3.5:35b-a3b"],
  ])("on %s with %s and %s: %s", (size, ollama, model, expected) => {
    expect(outcome(size, ollama, model)).toBe(expected);
  });

  it("that keeps checkpoints fits 8 GB only with half the context and a smaller cache", () => {
    const { local } = plan(input({ size: "s-4vcpu-8gb", model: "qwen3.5:4b" }), catalogue);
    expect([local.outcome, local.install]).toEqual(["tight", undefined]);
    const half = { localModel: { contextTokens: 32_768, cacheType: "q4_0" as const, model: "qwen3.5:4b" } };
    expect(outcome("s-4vcpu-8gb", "auto", undefined, half)).toBe("installed qwen3.5:4b");
  });

  it("never runs below 8 GB, however small it is and whoever asks", () => {
    const small = { localModel: { contextTokens: 32_768, cacheType: "q4_0" as const, model: "lfm2.5-thinking:1.2b" } };
    expect(outcome("s-2vcpu-4gb", "auto", undefined, small)).toBe("none (lfm2.5-thinking:1.2b no)");
    expect(outcome("s-2vcpu-4gb", "required", undefined, small)).toBe("none (lfm2.5-thinking:1.2b no)");
    expect(outcome("s-4vcpu-8gb", "auto", undefined, small)).toBe("installed lfm2.5-thinking:1.2b");
  });

  it("without headroom runs only where it is required", () => {
    const tight = f16("llama3.1:8b");
    expect(outcome("s-8vcpu-16gb", "auto", undefined, tight)).toBe("none (llama3.1:8b tight)");
    expect(outcome("s-8vcpu-16gb", "required", undefined, tight)).toBe("installed llama3.1:8b");
  });

  it.each<[string, string, object, RegExp]>([
    ["with a context beyond what it was trained for", "qwen2.5:7b", {}, /trained for 32,768 tokens.* 65,536 wanted/],
    ["that cannot call tools", "gemma3:4b", {}, /cannot call tools/],
    ["whose shape nobody knows", "qwen3.5:8b", {}, /does not know .* qwen3.5:9b/],
    ["whose file does not go on the disk", "qwen3.5:9b", { size: "g-2vcpu-8gb" }, /needs a disk of 27 GiB, .* has 25/],
  ])("%s is not installed even where memory would do", (_, model, changes, why) => {
    const wish = input({ size: "s-8vcpu-16gb", ollama: "required", model, ...changes });
    const { local } = plan(wish, catalogue);
    expect([local.outcome, local.install]).toEqual(["no", undefined]);
    expect(local.why).toMatch(why);
    expect(local.fix).toBeDefined();
  });

  it("that is larger takes a disk that is larger: of 25 GiB only 4B", () => {
    const on = (tag: string) => weigh(tag, sizeOf(16_384, 25), input()).outcome;
    expect([on("qwen3.5:4b"), on("qwen3.5:9b")]).toEqual(["fits", "no"]);
    expect(weigh("qwen3.5:4b", sizeOf(16_384, 25), input({ swapGiB: 12 })).outcome).toBe("no");
  });

  it("is proposed with the cheapest size that is for sale in the region", () => {
    const fitting = (sizes: typeof catalogue.sizes) =>
      plan(input({ size: "s-1vcpu-2gb", model: "qwen3.5:9b" }), { ...catalogue, sizes }).local.fittingSize?.slug;
    const without = (slug: string, changes: object) =>
      catalogue.sizes.map((size) => (size.slug === slug ? { ...size, ...changes } : size));
    expect(fitting(catalogue.sizes)).toBe("m-2vcpu-16gb");
    expect(fitting(without("m-2vcpu-16gb", { available: false }))).toBe("s-4vcpu-16gb-amd");
    expect(fitting(without("m-2vcpu-16gb", { regions: ["fra1"] }))).toBe("s-4vcpu-16gb-amd");
    expect(fitting(without("m-2vcpu-16gb", { regions: ["fra1", "nyc3"] }))).toBe("m-2vcpu-16gb");
  });

  it("may have a licence that forbids business, and then says so", () => {
    const wish = { localModel: { contextTokens: 32_768, cacheType: "q8_0" as const, model: "qwen2.5:3b" } };
    expect(plan(input({ size: "s-8vcpu-16gb", ...wish }), catalogue).local.why).toContain("no commercial use");
  });

  it("comes with these words and settings", () => {
    const wishes = [
      input(),
      input({ ollama: "required" }),
      input({ size: "s-4vcpu-8gb" }),
      input({ size: "s-4vcpu-8gb", model: "granite4:tiny-h", agents: 2, stdioMcpServers: 2 }),
      input({ size: "s-4vcpu-8gb", ...f16("qwen3.5:4b") }),
      input({ size: "s-8vcpu-16gb" }),
      input({ size: "s-8vcpu-16gb", ollama: "required", ...f16("llama3.1:8b") }),
      input({ size: "s-8vcpu-16gb", model: "qwen3.5:8b" }),
      input({ size: "s-2vcpu-4gb", model: "gemma3:4b" }),
    ];
    expect(wishes.map((wish) => pick(plan(wish, catalogue)))).toMatchSnapshot();
  });
});

function pick({ size, local, limits }: ReturnType<typeof plan>) {
  const { mode, why, fix, fittingSize, bestForSize, install } = local;
  return { on: `${size.slug}, ${mode}`, why, fix, fittingSize, bestForSize, install, limits };
}

describe("the shipped catalogue", () => {
  it("has each slug once, with positive figures", () => {
    const slugs = catalogue.sizes.map(({ slug }) => slug);
    expect(new Set(slugs).size).toBe(slugs.length);
    for (const size of catalogue.sizes) {
      expect(Math.min(size.memoryMiB, size.vcpus, size.diskGiB, size.monthlyUsd)).toBeGreaterThan(0);
      expect(memTotalMiB(size.memoryMiB)).toBeLessThan(size.memoryMiB);
    }
    expect(catalogue.regions.map(({ slug }) => slug)).toEqual(expect.arrayContaining(["nyc3", "fra1"]));
  });

  it("prices an hour as a 672nd of a month", () => {
    expect(findSize(catalogue, "s-1vcpu-2gb")).toMatchObject({ monthlyUsd: 12, hourlyUsd: 0.01786 });
    expect(hourly(6)).toBe(0.00893);
    expect(cheapest(catalogue.sizes)[0]?.slug).toBe("s-1vcpu-512mb-10gb");
  });
});
