import { findSize, shippedCatalogue, type Catalogue, type Cost } from "../planner";
import { cost } from "../planner/cost";
import { TYPE, type Stack } from "./stack";

export interface CostChange {
  before: number;
  after: number;
  lines: { what: string; before: number; after: number }[];
  prices: string;
}

export function costOf(stack: Stack, catalogue: Catalogue = shippedCatalogue()): CostChange {
  const [before, after] = [costs(stack.before, catalogue), costs(stack.after, catalogue)];
  const names = [...new Set([...before, ...after].map(({ what }) => what))];
  const of = (lines: Cost["lines"], what: string) =>
    lines.filter((line) => line.what === what).reduce((sum, line) => sum + line.monthlyUsd, 0);
  const sum = (lines: Cost["lines"]) => lines.reduce((total, { monthlyUsd }) => total + monthlyUsd, 0);
  return {
    before: sum(before),
    after: sum(after),
    lines: names.map((what) => ({ what, before: of(before, what), after: of(after, what) })),
    prices: `shipped, ${catalogue.asOf}`,
  };
}

function costs(resources: Stack["before"], catalogue: Catalogue): Cost["lines"] {
  const all = [...resources.values()];
  const size = all.find(({ type }) => type === TYPE.droplet)?.inputs?.["size"];
  const volume = all.find(({ type }) => type === TYPE.volume)?.inputs?.["size"];
  const known = typeof size === "string" ? findSize(catalogue, size) : undefined;
  const free = { slug: "none", memoryMiB: 0, vcpus: 0, diskGiB: 0, monthlyUsd: 0, hourlyUsd: 0, available: true };
  return cost(known ?? free, typeof volume === "number" ? volume : 0, catalogue).lines.filter(
    ({ monthlyUsd }) => monthlyUsd > 0,
  );
}
