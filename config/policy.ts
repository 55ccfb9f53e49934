import { findSize, type Catalogue } from "../planner/catalogue";
import { cost } from "../planner/cost";
import { isAbsent, type Reader } from "./reader";
import type { HermesConfig, PolicyConfig } from "./types";

const KEY = "hermes:policy";

export function readPolicy(reader: Reader, value: unknown): PolicyConfig {
  const map = reader.map(KEY, value, ["maxMonthlyUsd"]);
  if (isAbsent(map["maxMonthlyUsd"])) return {};
  const maxMonthlyUsd = reader.integer(`${KEY}.maxMonthlyUsd`, map["maxMonthlyUsd"], {
    min: 1,
    max: 1_000_000,
    allowed: "Whole US dollars a month, at least 1, for everything that the stack has at DigitalOcean.",
    fix: "Write 20, or leave the key out: then there is no limit.",
  });
  return maxMonthlyUsd === undefined ? {} : { maxMonthlyUsd };
}

/** What is known of the cost before anything is made; the policy adds up what is made, whoever makes it. */
export function checkBudget(reader: Reader, { policy, ...config }: HermesConfig, catalogue: Catalogue): void {
  const { maxMonthlyUsd } = policy;
  const size = findSize(catalogue, config.size);
  if (maxMonthlyUsd === undefined || size === undefined) return;
  const { monthlyUsd, lines } = cost(size, config.volumeGiB, catalogue);
  if (monthlyUsd <= maxMonthlyUsd) return;
  const parts = lines.map((line) => `${line.what} $${line.monthlyUsd.toFixed(2)}`).join(", ");
  reader.reject(
    `${KEY}.maxMonthlyUsd`,
    maxMonthlyUsd,
    `the stack costs $${monthlyUsd.toFixed(2)} a month`,
    `At least its cost: ${parts}.`,
    "Choose a smaller hermes:size or hermes:volumeGiB, or raise the limit.",
  );
}
