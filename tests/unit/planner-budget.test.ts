import fc from "fast-check";
import { localModels, MEASURED, plan, proposedModels, shippedCatalogue, sumMiB, weigh } from "../../planner";
import { budget, fit, kvBytesPerToken } from "../../planner/budget";
import { memTotalMiB } from "../../planner/memory";
import type { CacheType } from "../../planner";
import golden from "../fixtures/planner-golden.json";
import { anyContext, anyInput, anyMemory, anyModel, CACHE_TYPES, input, knownModel, sizeOf } from "./planner-fixture";

const ORDER = ["no", "tight", "fits"];
const catalogue = { ...shippedCatalogue(), sizes: [2048, 4096, 8192, 16_384, 32_768].map((mib) => sizeOf(mib)) };
const withSize = (memoryMiB: number) => ({
  ...catalogue,
  sizes: [...catalogue.sizes, { ...sizeOf(memoryMiB), slug: "any" }],
});

describe("the budget", () => {
  it.each(golden.rows)("of $tag with $cacheType is that of the facts, on every size", (row) => {
    const load = input({ localModel: { contextTokens: golden.contextTokens, cacheType: row.cacheType as CacheType } });
    const budgets = golden.nominalMiB.map((mib) => budget(mib, load, knownModel(row.tag), golden.constants));
    expect(budgets.map(fit).join(" ")).toBe(row.fits);
    for (const { totalMiB } of budgets) expect(totalMiB).toBe(row.machineMiB);
  });

  // docs/benchmarks/memory.md: all memory that no file backs; the kernel's own 148 MiB come on top.
  it.each([
    { agents: 1, stdioMcpServers: 0, measured: 1211 },
    { agents: 1, stdioMcpServers: 2, measured: 1308 },
    { agents: 2, stdioMcpServers: 0, measured: 1464 },
    { agents: 2, stdioMcpServers: 2, measured: 1652 },
    { agents: 3, stdioMcpServers: 2, measured: 1893 },
  ])("of $agents agents and $stdioMcpServers MCP servers is what was measured, within 100 MiB", (row) => {
    const { totalMiB } = budget(2048, input(row));
    expect(Math.abs(totalMiB - (row.measured + 148))).toBeLessThan(100);
  });

  it("covers every model of the table", () => {
    expect([...new Set(golden.rows.map(({ tag }) => tag))]).toEqual(localModels().map(({ tag }) => tag));
    expect(golden.rows).toHaveLength(3 * localModels().length);
  });

  it("has lines in whole MiB that add up to the total", () => {
    fc.assert(
      fc.property(anyInput, anyModel, anyMemory, (load, model, memory) => {
        const { lines, totalMiB } = budget(memory, load, model);
        expect(sumMiB(lines)).toBe(totalMiB);
        for (const { mib } of lines) expect(Number.isInteger(mib) && mib > 0).toBe(true);
      }),
    );
  });

  it("never needs less for a longer context", () => {
    fc.assert(
      fc.property(anyInput, anyModel, anyContext, anyContext, (load, model, a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)].map((contextTokens) =>
          budget(8192, { ...load, localModel: { ...load.localModel, contextTokens } }, model),
        );
        expect(more!.totalMiB).toBeGreaterThanOrEqual(less!.totalMiB);
      }),
    );
  });

  it("never needs less for a larger cache type, another agent or another MCP server", () => {
    fc.assert(
      fc.property(anyInput, anyModel, (load, model) => {
        const totals = CACHE_TYPES.map(
          (cacheType) => budget(8192, { ...load, localModel: { ...load.localModel, cacheType } }, model).totalMiB,
        );
        expect(totals).toEqual([...totals].sort((a, b) => a - b));
        const { totalMiB } = budget(8192, load, model);
        expect(budget(8192, { ...load, agents: load.agents + 1 }, model).totalMiB).toBeGreaterThan(totalMiB);
        const servers = load.stdioMcpServers + 1;
        expect(budget(8192, { ...load, stdioMcpServers: servers }, model).totalMiB).toBeGreaterThan(totalMiB);
      }),
    );
  });

  it("starts a copy of each stdio MCP server for each agent", () => {
    const { lines } = budget(2048, input({ agents: 3, stdioMcpServers: 2 }));
    expect(lines.find(({ what }) => what.includes("MCP"))).toMatchObject({ mib: 6 * MEASURED.stdioMcpServerMiB });
  });

  it("takes the KV cache that was measured of real runs", () => {
    const mib = (tag: string, cacheType: CacheType) => (65_536 * kvBytesPerToken(knownModel(tag), cacheType)) / 2 ** 20;
    expect([mib("llama3.2:3b", "f16"), mib("llama3.2:3b", "q8_0")]).toEqual([7168, 3808]);
    expect(["f16", "q8_0", "q4_0"].map((type) => mib("qwen3.5:4b", type as CacheType))).toEqual([2048, 1088, 576]);
    expect(mib("qwen3.5:2b", "q8_0")).toBe(408);
  });
});

describe("memory", () => {
  it("is never less on a larger size", () => {
    fc.assert(
      fc.property(anyMemory, anyMemory, (a, b) => {
        const [small, large] = [Math.min(a, b), Math.max(a, b)];
        expect(memTotalMiB(small)).toBeLessThanOrEqual(memTotalMiB(large));
        expect(memTotalMiB(small)).toBeLessThan(small);
      }),
    );
  });

  it("that grows never turns what fits into tight or no", () => {
    fc.assert(
      fc.property(anyInput, anyModel, anyMemory, anyMemory, (load, { tag }, a, b) => {
        const [small, large] = [Math.min(a, b), Math.max(a, b)].map((mib) => weigh(tag, sizeOf(mib), load));
        expect(ORDER.indexOf(large!.outcome)).toBeGreaterThanOrEqual(ORDER.indexOf(small!.outcome));
      }),
    );
  });

  it("that grows never takes a local model away", () => {
    fc.assert(
      fc.property(anyInput, anyMemory, anyMemory, (wish, a, b) => {
        const [small, large] = [Math.min(a, b), Math.max(a, b)].map((mib) => plan(wish, withSize(mib)).local);
        if (small!.install) expect(large!.install).toBeDefined();
      }),
    );
  });

  it("is never given away beyond MemTotal, and the gateway keeps its own budget", () => {
    fc.assert(
      fc.property(anyInput, anyMemory, (wish, memory) => {
        const { limits, local, memory: planned } = plan(wish, withSize(memory));
        const ollama = local.install?.memoryMaxMiB ?? 0;
        expect(MEASURED.systemMiB + limits.memoryMaxMiB + ollama).toBeLessThanOrEqual(planned.memTotalMiB);
        if (!local.install) return;
        expect(limits.memoryMaxMiB).toBeGreaterThanOrEqual(sumMiB(planned.lines, "gateway"));
        expect(limits.heapMiB).toBeLessThan(limits.memoryMaxMiB);
        expect(ollama).toBeGreaterThanOrEqual(sumMiB(planned.lines, "local model"));
        expect(planned.totalMiB).toBeLessThanOrEqual(planned.memTotalMiB);
      }),
    );
  });

  it("that only just does leaves the gateway its own budget", () => {
    for (const { tag } of proposedModels()) {
      const wish = input({ size: "any", model: tag, ollama: "required" });
      const { totalMiB } = budget(8192, wish, knownModel(tag));
      let memory = Math.max(8192, totalMiB);
      while (memTotalMiB(memory) < totalMiB) memory++;
      const { limits, local, memory: planned } = plan(wish, withSize(memory));
      expect(local.install).toBeDefined();
      expect(limits.memoryMaxMiB).toBeGreaterThanOrEqual(sumMiB(planned.lines, "gateway"));
    }
  });

  it("is not a byte more for all the swap there is", () => {
    fc.assert(
      fc.property(anyInput, anyMemory, fc.nat(50), (wish, memory, swapGiB) => {
        const catalogueOfOne = withSize(memory);
        const { memory: a, limits, local } = plan(wish, catalogueOfOne);
        const other = plan({ ...wish, swapGiB }, catalogueOfOne);
        expect({ ...other.memory, swapMiB: 0 }).toEqual({ ...a, swapMiB: 0 });
        expect({ ...other.limits, swapMaxMiB: 0 }).toEqual({ ...limits, swapMaxMiB: 0 });
        expect(other.local).toEqual(local);
      }),
    );
  });
});

describe("models that hermes proposes by itself", () => {
  it("call tools, may be used for anything, and are ranked without a tie", () => {
    const ranks = proposedModels().map(({ rank }) => rank);
    expect(ranks).toEqual(ranks.map((_, i) => i + 1));
    for (const { tools, nonCommercial, nativeContext } of proposedModels()) {
      expect([tools, nonCommercial]).toEqual([true, false]);
      expect(nativeContext).toBeGreaterThanOrEqual(65_536);
    }
  });
});
