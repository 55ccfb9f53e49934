import { grouped } from "./budget";
import type { Plan } from "./index";

/** The plan in a few lines, for whoever reads a preview. */
export function summary({ size, memory, local, cost }: Pick<Plan, "size" | "memory" | "local" | "cost">): string[] {
  const { totalMiB, memTotalMiB } = memory;
  const source = cost.prices === "live" ? "prices asked just now" : `not checked live: prices ${cost.prices}`;
  return [
    `${size.slug}: ${grouped(totalMiB)} of ${grouped(memTotalMiB)} MiB of memory planned, $${cost.monthlyUsd.toFixed(2)} a month (${source}).`,
    [local.why, ...(local.fix === undefined ? [] : [local.fix])].join(" "),
  ];
}
