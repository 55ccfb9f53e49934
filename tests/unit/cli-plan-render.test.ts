import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { apportion, barOf } from "../../operations/plan/bar";
import { compareModels, compareSizes, modelsText, sizesText } from "../../operations/plan/compare";
import { colourInk, inkFor, noInk, wrap } from "../../operations/plan/format";
import { memoryBar } from "../../operations/plan/picture";
import { escaped, planSvg } from "../../operations/plan/svg";
import { planText, type PlanView } from "../../operations/plan/text";
import { plan, shippedCatalogue, type PlanInput } from "../../planner";
import { localModels } from "../../planner/local-models";
import type { Budget } from "../../planner/types";

const catalogue = shippedCatalogue();

const input = (changes: Partial<PlanInput> = {}, model?: string): PlanInput => ({
  ...{ size: "s-1vcpu-2gb", region: "nyc3", swapGiB: 4, volumeGiB: 10, agents: 1, stdioMcpServers: 0, ollama: "auto" },
  localModel: { contextTokens: 65_536, cacheType: "q8_0", ...(model === undefined ? {} : { model }) },
  ...changes,
});

function view(changes: Partial<PlanInput> = {}, model?: string): PlanView {
  const asked = input(changes, model);
  return { stack: "hermes", input: asked, plan: plan(asked, catalogue), catalogue };
}

/** Whatever hermes may be asked to plan. */
const anyView = fc
  .record({
    size: fc.constantFrom(...catalogue.sizes.filter(({ memoryMiB }) => memoryMiB >= 2048).map(({ slug }) => slug)),
    model: fc.option(fc.constantFrom(...localModels().map(({ tag }) => tag)), { nil: undefined }),
    ollama: fc.constantFrom("auto" as const, "required" as const, "off" as const),
    contextTokens: fc.integer({ min: 16_384, max: 1_048_576 }),
    cacheType: fc.constantFrom("f16" as const, "q8_0" as const, "q4_0" as const),
    agents: fc.integer({ min: 1, max: 12 }),
    stdioMcpServers: fc.integer({ min: 0, max: 12 }),
    swapGiB: fc.integer({ min: 0, max: 16 }),
  })
  .map(({ model, contextTokens, cacheType, ...rest }) =>
    view({ ...rest, localModel: { contextTokens, cacheType, ...(model === undefined ? {} : { model }) } }),
  );

/** A whole plan for each. */
const FEWER = { numRuns: 40 };

const anyBudget: fc.Arbitrary<Budget> = fc
  .record({
    mibs: fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 14 }),
    memTotalMiB: fc.integer({ min: 1, max: 64_000 }),
    headroomMiB: fc.integer({ min: 0, max: 3000 }),
  })
  .map(({ mibs, memTotalMiB, headroomMiB }) => ({
    lines: mibs.map((mib) => ({ what: "x", mib, part: "gateway" as const })),
    totalMiB: mibs.reduce((sum, mib) => sum + mib, 0),
    memTotalMiB,
    headroomMiB,
  }));

describe("the bar", () => {
  it("is filled to its width, no stretch a whole cell off its share", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60_000), { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 200 }), check),
    );
    function check(parts: number[], width: number): void {
      const sum = parts.reduce((total, part) => total + part, 0);
      const cells = apportion(parts, width);
      expect(cells.reduce((total, count) => total + count, 0)).toBe(sum === 0 ? 0 : width);
      for (const [index, part] of parts.entries())
        expect(Math.abs(cells[index]! - (sum === 0 ? 0 : (part * width) / sum))).toBeLessThan(1);
    }
  });

  it("stands for MemTotal, or for the sum where that is more, and its stretches add up to it", () => {
    fc.assert(
      fc.property(anyBudget, (budget) => {
        const { segments, wholeMiB } = barOf(budget);
        expect(wholeMiB).toBe(Math.max(budget.totalMiB, budget.memTotalMiB));
        expect(segments.reduce((sum, { mib }) => sum + mib, 0)).toBe(wholeMiB);
      }),
    );
  });

  it("is as wide as it was asked to be, letters, blocks and scale alike", () => {
    fc.assert(
      fc.property(anyBudget, fc.integer({ min: 50, max: 120 }), (budget, width) => {
        const [letters, blocks, scale] = memoryBar(budget, noInk, width).map((row) => row.length - 5);
        expect(blocks).toBe(width);
        expect(letters).toBeLessThanOrEqual(width);
        expect(scale).toBeLessThanOrEqual(width);
      }),
    );
  });

  it("marks MemTotal where the sum is beyond it", () => {
    const lines = [{ what: "weights", mib: 4000, part: "local model" as const }];
    const rows = memoryBar({ lines, totalMiB: 4000, memTotalMiB: 1000, headroomMiB: 512 }, noInk, 60);
    expect(rows[2]?.indexOf("▲")).toBe(5 + 15);
    expect(rows[2]).toMatch(/MemTotal 1,000 +sum 4,000$/);
  });
});

describe("hermes plan, for people", () => {
  it.each<[string, Partial<PlanInput>, string | undefined]>([
    ["the hermes stack", {}, undefined],
    ["8 GB", { size: "s-4vcpu-8gb" }, undefined],
    ["8 GB with a model asked for by name", { size: "s-4vcpu-8gb" }, "qwen3.5:4b"],
    ["8 GB with a model that is tight", { size: "s-4vcpu-8gb", ollama: "required" }, "llama3.2:3b"],
    ["16 GB", { size: "s-8vcpu-16gb" }, undefined],
    [
      "32 GB with two agents and two MCP servers",
      { size: "s-8vcpu-32gb-amd", agents: 2, stdioMcpServers: 2 },
      undefined,
    ],
    ["16 GB without a local model or swap", { size: "s-8vcpu-16gb", ollama: "off", swapGiB: 0 }, undefined],
  ])("reads like this for %s", (_, changes, model) => {
    expect(`\n${planText(view(changes, model), noInk)}`).toMatchSnapshot();
  });

  it("stays within 80 columns, whatever is planned", () => {
    fc.assert(
      fc.property(anyView, (one) => {
        for (const line of planText(one, noInk).split("\n")) expect(line.length).toBeLessThanOrEqual(80);
      }),
      FEWER,
    );
  });

  it("says the same with colour, which is for a terminal whose owner wants it", () => {
    const one = view({ size: "s-8vcpu-16gb" });
    const coloured = planText(one, colourInk);
    expect(coloured).toContain("\u001b[");
    expect(stripVTControlCharacters(coloured)).toBe(planText(one, noInk));
    expect(inkFor({ isTTY: true }, {})).toBe(colourInk);
    expect(inkFor({ isTTY: true }, { NO_COLOR: "" })).toBe(colourInk);
    for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) expect(inkFor({ isTTY: true }, env)).toBe(noInk);
    expect(inkFor({}, {})).toBe(noInk);
  });

  it("tells whether the prices were asked live", () => {
    const one = view();
    expect(planText(one, noInk)).toContain("not checked live");
    const live = { source: "live" as const, asOf: "this run" };
    expect(planText({ ...one, catalogue: live }, noInk)).toContain("asked live from DigitalOcean");
  });
});

describe("the comparison of sizes", () => {
  it("reads like this, and stays within 80 columns", () => {
    const text = sizesText(compareSizes(input(), catalogue), input(), catalogue);
    expect(`\n${text}`).toMatchSnapshot();
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("gives the verdict on a model that was asked for, on every size as the plan of that size does", () => {
    const asked = input({}, "qwen3.5:9b");
    const rows = compareSizes(asked, catalogue);
    expect(new Set(rows.map(({ model }) => model?.outcome))).toEqual(new Set(["fits", "no"]));
    for (const row of rows)
      expect(row.model?.outcome).toBe(plan({ ...asked, size: row.slug }, catalogue).local.outcome);
    expect(sizesText(rows, asked, catalogue)).toMatch(/qwen3\.5:9b at 65,536[^]*verdict\n/);
  });

  it("leaves out what the region does not sell, what is not for sale, and what does not carry the gateway", () => {
    const [small, a, b, c] = ["s-1vcpu-1gb", "s-1vcpu-2gb", "s-2vcpu-2gb", "s-2vcpu-4gb"].map((slug) => ({
      ...catalogue.sizes.find((size) => size.slug === slug)!,
      regions: ["nyc3"],
    }));
    const sizes = [small!, a!, { ...b!, regions: ["fra1"] }, { ...c!, available: false }];
    expect(compareSizes(input(), { ...catalogue, sizes }).map(({ slug }) => slug)).toEqual(["s-1vcpu-2gb"]);
  });
});

describe("the comparison of models", () => {
  it("reads like this on 8 GB, and stays within 80 columns", () => {
    const asked = input({ size: "s-4vcpu-8gb" });
    const text = modelsText(compareModels(asked, catalogue), asked);
    expect(`\n${text}`).toMatchSnapshot();
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("says of each model that does not fit why, in a word", () => {
    for (const size of ["s-1vcpu-2gb", "s-4vcpu-8gb", "s-8vcpu-16gb"]) {
      const asked = input({ size });
      const rows = modelsText(compareModels(asked, catalogue), asked).split("\n\n")[1]!.split("\n").slice(1);
      for (const row of rows) expect(row).toMatch(/ fits$| (tight|no) +(no tools|context|memory|headroom|size)/);
    }
  });
});

describe("the picture", () => {
  it.each<[string, Partial<PlanInput>, string | undefined]>([
    ["the hermes stack", {}, undefined],
    ["16 GB", { size: "s-8vcpu-16gb" }, undefined],
  ])("looks like this for %s", (_, changes, model) => {
    expect(planSvg(view(changes, model))).toMatchSnapshot();
  });

  it("holds nothing but shapes and text, says itself what it shows, and draws nothing beyond its edges", () => {
    fc.assert(
      fc.property(anyView, (one) => {
        const svg = planSvg(one);
        expect(svg).toMatch(/role="img" aria-labelledby="title description">\n<title id="title">.+<\/title>\n<desc /);
        expect(svg).not.toMatch(/NaN|undefined|Infinity|-\d+(\.\d+)?"|https?:\/\/(?!www\.w3\.org\/2000\/svg)|<script/);
        for (const [, x, width] of svg.matchAll(/<rect [^>]*x="([\d.]+)"[^>]* width="([\d.]+)"/g))
          expect(Number(x) + Number(width)).toBeLessThanOrEqual(760);
      }),
      FEWER,
    );
  });

  it("escapes every text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(escaped(text)).not.toMatch(/[<>"'\p{Cc}]|&(?!(amp|lt|gt|quot|#39);)/u);
      }),
    );
    const svg = planSvg({ ...view(), stack: 'a</text><script>"&' });
    expect(svg).not.toContain("<script>");
    expect(svg).toContain("a&lt;/text&gt;&lt;script&gt;&quot;&amp;");
  });
});

describe("text", () => {
  it("is wrapped at words and loses none", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }), (words) => {
        const lines = wrap(words.join(" "), 20);
        expect(lines.join(" ")).toBe(words.join(" "));
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(20);
      }),
    );
  });
});
