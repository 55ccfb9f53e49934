import type { Plan, PlanInput } from "../../planner";
import { grouped } from "../../planner/budget";
import type { Catalogue } from "../../planner/catalogue";
import type { Budget, LocalDecision } from "../../planner/types";
import { dollars, field, wrap, WIDTH, type Ink } from "./format";
import { picture } from "./picture";

/** A plan, and what it was made of. */
export interface PlanView {
  stack: string;
  input: PlanInput;
  plan: Plan;
  catalogue: Pick<Catalogue, "source" | "asOf">;
}

/** Everything about one size, for people. */
export function planText(view: PlanView, ink: Ink): string {
  const other = otherBudget(view.plan);
  const parts = [
    wrap(headline(view), WIDTH),
    ["memory, MiB", ...picture(plannedBudget(view.plan), ink)],
    field("swap", swapText(view.plan)),
    ...(other === undefined ? [] : [[...wrap(`${otherTitle(view.plan)}, MiB`, WIDTH), ...picture(other, ink)]]),
    localModel(view.plan),
    limits(view.plan),
    money(view),
  ];
  return parts.map((lines) => `${lines.join("\n")}\n`).join("\n");
}

export function headline({ stack, input, plan: { size } }: PlanView): string {
  const { slug, vcpus, memoryMiB, diskGiB } = size;
  return `${stack} on ${slug} in ${input.region}: ${vcpus} vCPU, ${gib(memoryMiB)} GiB of memory, ${diskGiB} GiB of disk`;
}

/** 1.5, 2 */
export const gib = (mib: number): string => String(Number((mib / 1024).toFixed(1)));

/** What will be on the droplet. */
export function plannedBudget({ memory, local }: Plan): Budget {
  const { lines, totalMiB, memTotalMiB } = memory;
  return { lines, totalMiB, memTotalMiB, headroomMiB: local.install ? local.budget.headroomMiB : 0 };
}

/** With the model that was weighed and will not be there; undefined where that says nothing new. */
export function otherBudget({ local }: Plan): Budget | undefined {
  const known = local.budget.lines.some(({ part }) => part === "local model");
  return local.install || local.mode === "off" || !known ? undefined : local.budget;
}

export const otherTitle = ({ local: { tag } }: Plan): string => `the same with ${tag}, which is not installed`;

export const swapText = ({ memory: { swapMiB } }: Plan): string =>
  swapMiB === 0
    ? "none"
    : `${grouped(swapMiB)} MiB of disk besides, for what installs and agents' commands need at their peak. ` +
      "It counts for nothing above: weights and cache are touched at every token.";

function localModel({ local }: Plan): string[] {
  const { install, bestForSize, budget, tag } = local;
  const known = budget.lines.some(({ part }) => part === "local model");
  return [
    ...field(
      "local model",
      install ? `${tag}, ${grouped(install.contextTokens)} tokens, ${install.cacheType}` : "none",
    ),
    ...(known ? field("  verdict", verdict(local)) : []),
    ...field("  why", local.why),
    ...(local.fix === undefined ? [] : field("  to do", local.fix)),
    ...field("  best here", bestForSize ?? "none that can call tools fits"),
  ];
}

function verdict({ tag, outcome, fittingSize }: LocalDecision): string {
  const here = `${tag} on this size: ${outcome}`;
  if (outcome === "fits") return here;
  if (fittingSize === undefined) return `${here}; no size of this region carries it with headroom`;
  return `${here}; ${fittingSize.slug} (${dollars(fittingSize.monthlyUsd)} a month) carries it`;
}

function limits({ limits: { memoryMaxMiB, swapMaxMiB, heapMiB }, local: { install } }: Plan): string[] {
  const gateway =
    `gateway: ended at ${grouped(memoryMaxMiB)} MiB (MemoryMax) and ${grouped(swapMaxMiB)} of swap ` +
    `(MemorySwapMax), node's heap ${grouped(heapMiB)}`;
  const ollama = install && `ollama: ended at ${grouped(install.memoryMaxMiB)} MiB (MemoryMax)`;
  return [...field("limits", gateway), ...(ollama ? field("", ollama) : [])];
}

function money({ plan: { cost }, catalogue }: PlanView): string[] {
  const lines = cost.lines.map(({ what, monthlyUsd }) => `${what} ${dollars(monthlyUsd)}`).join(", ");
  return [
    ...field("cost", `${dollars(cost.monthlyUsd)} a month ($${cost.hourlyUsd.toFixed(4)} an hour): ${lines}`),
    ...field("prices", pricesText(catalogue)),
  ];
}

/** Where sizes and prices are from. */
export function pricesText({ source, asOf }: Pick<Catalogue, "source" | "asOf">): string {
  if (source === "live") return "asked live from DigitalOcean";
  return `of ${asOf}, the list that came with hermes; not checked live (that takes DIGITALOCEAN_TOKEN)`;
}
