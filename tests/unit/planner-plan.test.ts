import { cheapest, findSize, hourly, shippedCatalogue } from "../../planner/catalogue";
import { plan } from "../../planner";
import { memTotalMiB } from "../../planner/memory";

const catalogue = shippedCatalogue();

describe("the plan", () => {
  it("is this for the hermes stack", () => {
    expect(plan({ size: "s-1vcpu-2gb", swapGiB: 4, volumeGiB: 10 }, catalogue)).toMatchInlineSnapshot(`
      {
        "cost": {
          "hourlyUsd": 0.01935,
          "lines": [
            {
              "monthlyUsd": 12,
              "what": "droplet s-1vcpu-2gb",
            },
            {
              "monthlyUsd": 1,
              "what": "volume 10 GiB",
            },
          ],
          "monthlyUsd": 13,
          "prices": "shipped, 2025-09",
        },
        "limits": {
          "heapMiB": 768,
          "memoryHighMiB": 1593,
          "memoryMaxMiB": 1695,
        },
        "memory": {
          "headroomMiB": 425,
          "lines": [
            {
              "mib": 250,
              "what": "system",
            },
            {
              "mib": 1270,
              "what": "gateway at its peak",
            },
          ],
          "memTotalMiB": 1945,
          "swapMiB": 4096,
        },
        "size": {
          "available": true,
          "diskGiB": 50,
          "hourlyUsd": 0.01786,
          "memoryMiB": 2048,
          "monthlyUsd": 12,
          "slug": "s-1vcpu-2gb",
          "vcpus": 1,
        },
      }
    `);
  });

  it("leaves room at the gateway's peak on every size of 2 GB or more, without counting swap", () => {
    for (const size of catalogue.sizes.filter(({ memoryMiB }) => memoryMiB >= 2048)) {
      const { memory, limits } = plan({ size: size.slug, swapGiB: 0, volumeGiB: 0 }, catalogue);
      expect(memory.headroomMiB).toBeGreaterThan(400);
      expect(limits.heapMiB).toBeLessThan(limits.memoryHighMiB);
      expect(limits.memoryHighMiB).toBeLessThan(limits.memoryMaxMiB);
      expect(limits.memoryMaxMiB).toBeLessThan(memory.memTotalMiB);
    }
  });

  it("has lines that add up to the total, to the cent", () => {
    for (const volumeGiB of [0, 1, 10, 33, 16384]) {
      const { cost } = plan({ size: "s-2vcpu-4gb", swapGiB: 4, volumeGiB }, catalogue);
      expect(cost.lines.reduce((sum, line) => sum + line.monthlyUsd, 0)).toBeCloseTo(cost.monthlyUsd, 6);
      expect(cost.lines).toHaveLength(volumeGiB === 0 ? 1 : 2);
    }
  });

  it("says where the prices are from", () => {
    const input = { size: "s-1vcpu-2gb", swapGiB: 4, volumeGiB: 10 };
    expect(plan(input, catalogue).cost.prices).toMatch(/^shipped, \d{4}-\d\d$/);
    expect(plan(input, { ...catalogue, source: "live", asOf: "this run" }).cost.prices).toBe("live");
  });

  it("refuses a size that nobody sells", () => {
    expect(() => plan({ size: "s-9vcpu-9gb", swapGiB: 0, volumeGiB: 0 }, catalogue)).toThrow("not in the catalogue");
  });
});

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
