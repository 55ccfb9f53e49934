import { stackCost, unpriced } from "../planner";
import { stackUrn, type Rule } from "./types";

export const monthlyBudget: Rule = {
  name: "monthly-budget",
  says: "All resources together cost at most hermes:policy.maxMonthlyUsd a month.",
  one: ({ type, props }, { maxMonthlyUsd, catalogue }) => {
    const why = maxMonthlyUsd === undefined ? undefined : unpriced(type, props, catalogue);
    if (why === undefined) return [];
    const fix = "Leave it out, or remove hermes:policy.maxMonthlyUsd.";
    return [{ found: `${why}, so hermes can't say that the stack stays below its limit`, fix }];
  },
  all: (resources, { maxMonthlyUsd, catalogue }) => {
    const [first] = resources;
    const { monthlyUsd, lines, prices } = stackCost(resources, catalogue);
    if (first === undefined || maxMonthlyUsd === undefined || monthlyUsd <= maxMonthlyUsd) return [];
    const parts = lines.map((line) => `${line.what} ${usd(line.monthlyUsd)}`).join(", ");
    return [
      {
        resource: stackUrn(first.urn),
        found: `it costs at least ${usd(monthlyUsd)} a month (${parts}; prices ${prices}), and may cost ${usd(maxMonthlyUsd)}`,
        fix: "Choose a smaller hermes:size or hermes:volumeGiB, or raise hermes:policy.maxMonthlyUsd.",
      },
    ];
  },
};

const usd = (amount: number): string => `$${amount.toFixed(2)}`;
