import { CommandError, EXIT } from "../../lib/output";

export interface Caps {
  maxCount: number;
  maxMonthlyUsd: number;
}

/** A sandbox, and what it costs by the month. */
export interface Priced {
  name: string;
  monthlyUsd: number;
}

const usd = (value: number): string => `$${value.toFixed(2).replace(/\.00$/, "")}`;

/** @throws CommandError with the sum, where those that are there and those that are wanted are more than is allowed */
export function refuseBeyond(caps: Caps, there: readonly Priced[], wanted: readonly Priced[]): void {
  const all = [...there, ...wanted];
  const sum = all.reduce((total, { monthlyUsd }) => total + monthlyUsd, 0);
  const problems = [
    ...(all.length > caps.maxCount
      ? [`${there.length} are there, ${wanted.length} more make ${all.length}; sandbox.maxCount is ${caps.maxCount}`]
      : []),
    ...(sum > caps.maxMonthlyUsd
      ? [`${sumText(there, wanted)} = ${usd(sum)} a month; sandbox.maxMonthlyUsd is ${caps.maxMonthlyUsd}`]
      : []),
  ];
  if (problems.length === 0) return;
  throw new CommandError(
    `too many sandboxes, and nothing was made: ${problems.join("\n  ")}\n` +
      "  Remove one (./hermes sandbox list, ./hermes sandbox destroy NAME), or raise it in Pulumi.sandbox.yaml.",
    EXIT.refused,
  );
}

const sumText = (there: readonly Priced[], wanted: readonly Priced[]): string =>
  [...there, ...wanted].map(({ name, monthlyUsd }) => `${name} ${usd(monthlyUsd)}`).join(" + ");
