import { grouped } from "./budget";
import type { Plan } from "./plan";

/** The plan in a few lines, for whoever reads a preview. */
export function summary({ size, memory, local, cost }: Pick<Plan, "size" | "memory" | "local" | "cost">): string[] {
  const { totalMiB, memTotalMiB, spareMiB } = memory;
  const source = cost.prices === "live" ? "prices asked just now" : `not checked live: prices ${cost.prices}`;
  return [
    `${size.slug}: ${grouped(totalMiB)} of ${grouped(memTotalMiB)} MiB of memory planned, $${cost.monthlyUsd.toFixed(2)} a month (${source}).`,
    ...(spareMiB < 0 ? [inSwap(size.slug, -spareMiB)] : []),
    [local.why, ...(local.fix === undefined ? [] : [local.fix])].join(" "),
  ];
}

const inSwap = (size: string, mib: number): string =>
  `Warning: ${grouped(mib)} MiB more than the memory of ${size}. Agents and MCP servers will use swap and be slower. ` +
  "Set hermes:size to a larger size, or configure fewer agents or MCP servers with a command.";
