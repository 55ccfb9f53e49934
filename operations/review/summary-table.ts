import { isDeepStrictEqual } from "node:util";
import type { MemoryPlan } from "../../planner";
import { grouped } from "../../planner/budget";
import type { DropletOutcome } from "./droplet-outcome";
import type { ExposureChange } from "./exposure";
import type { CostChange } from "./money";
import { find, textOf, TYPE, type Stack } from "./stack";
import { code, table } from "./text";
import type { ReportInput } from "./types";

export interface SummaryInput {
  stack: Stack;
  outcome: DropletOutcome;
  exposure: ExposureChange;
  cost: CostChange;
  memory: ReportInput["memory"];
}

/** What most reviewers want to know, in one table. */
export function summaryTable({ stack, outcome, exposure, cost, memory }: SummaryInput): string {
  const rows = [exposureRow(exposure, stack), costRow(cost), ...stateRows(stack, outcome), ...memoryRows(memory)];
  return table(["", "before", "after"], rows);
}

const MOST_RULES = 8;

function exposureRow({ before, after, opened, closed, unknown }: ExposureChange, stack: Stack): string[] {
  const label = "open to the internet";
  if (unknown) return [label, "not in this preview", ""];
  const cell = (open: readonly string[], none: string): string => {
    if (open.length === 0) return none;
    const rules = open.slice(0, MOST_RULES).map((each) => (opened.includes(each) ? `**${code(each)}**` : code(each)));
    return [...rules, ...(open.length > MOST_RULES ? [`and ${open.length - MOST_RULES} more`] : [])].join("<br>");
  };
  const none = stack.before.size === 0 ? "–" : "nothing";
  return [label, cell(before.open, none), cell(after.open, closed.length > 0 ? "**nothing**" : "nothing")];
}

function costRow({ before, after }: CostChange): string[] {
  const diff = after.monthlyUsd - before.monthlyUsd;
  const words = Math.abs(diff) < 0.005 ? "" : ` (**${diff > 0 ? "+" : "−"}${Math.abs(diff).toFixed(2)}**)`;
  const prices = after.prices === "live" ? "asked just now" : `of ${after.prices.replace("shipped, ", "")}`;
  return [
    `cost a month, USD<br><sub>prices ${prices}</sub>`,
    before.monthlyUsd.toFixed(2),
    `${after.monthlyUsd.toFixed(2)}${words}`,
  ];
}

/** Address, name, state: said where the droplet is another one, or was none. */
function stateRows(stack: Stack, { effect, anotherNode, losesState }: DropletOutcome): string[][] {
  if (effect !== "new droplet" && effect !== "destroyed") return [];
  const gone = effect === "destroyed";
  const outputs = find(stack.before.values(), TYPE.stack)?.outputs ?? {};
  const droplet = find(stack.before.values(), TYPE.droplet);
  const tailnet = outputs["tailnet"] as { name?: unknown; address?: unknown } | undefined;
  const shown = (value: unknown) => (textOf(value) === undefined ? "?" : code(String(value)));
  return [
    ["public address", shown(droplet?.outputs?.["ipv4Address"]), gone ? "none" : "another one"],
    [
      "name in the tailnet",
      shown(tailnet?.name),
      gone ? "none" : anotherNode ? "a new node" : "the same node and address",
    ],
    ["sessions, memory, pairing", "there", losesState ? "**lost**" : "kept, on the volume"],
  ];
}

function memoryRows(memory: ReportInput["memory"]): string[][] {
  const { before, after } = memory ?? {};
  if (before === undefined || after === undefined || isDeepStrictEqual(before, after)) return [];
  const words = ({ totalMiB, memTotalMiB, swapMiB }: MemoryPlan) =>
    `${grouped(totalMiB)} of ${grouped(memTotalMiB)} MiB<br><sub>and ${grouped(swapMiB)} of swap</sub>`;
  return [["memory planned", words(before), words(after)]];
}
