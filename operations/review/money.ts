import { shippedCatalogue, stackCost, type Catalogue, type Cost } from "../../planner";
import type { Stack } from "./stack";

export interface CostChange {
  before: Cost;
  after: Cost;
}

/** What the stack costs before and after, by the prices of one list. */
export function costOf({ before, after }: Stack, catalogue: Catalogue = shippedCatalogue()): CostChange {
  // What is wanted counts; what only a made resource tells, such as a snapshot's size, is added.
  const of = (resources: Stack["before"]): Cost =>
    stackCost(
      [...resources.values()].map(({ type, inputs, outputs }) => ({ type, props: { ...outputs, ...inputs } })),
      catalogue,
    );
  return { before: of(before), after: of(after) };
}
