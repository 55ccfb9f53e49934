import { canonicalModel } from "../../config/models";
import type { Problem } from "../../config/problem";
import type { HermesConfig } from "../../config/types";
import {
  CONTEXT_COMFORTABLE,
  CONTEXT_MIN,
  daysLeft,
  findModel,
  isFree,
  NOTICE_DAYS,
  openrouterId,
  shippedList,
  whatBecameOf,
} from "../../planner/openrouter/list";
import type { ListedModel, ModelList, Price } from "../../planner/openrouter/list";
import { proposer, type Propose } from "./propose-model";

export interface ChainReport {
  /** What stops the run. */
  problems: Problem[];
  /** What works today and may not tomorrow, and what could not be checked. */
  warnings: string[];
  /** What should be known, without anything being wrong: prices. */
  notes: string[];
  /** Paid models by OpenRouter's id; undefined: not known. */
  prices: Record<string, Price | undefined>;
}

/** One place of the configuration that names a model of OpenRouter. */
interface Mention {
  /** For example `hermes:models.fallbacks[1]`. */
  key: string;
  model: string;
  /** OpenRouter's own. */
  id: string;
}

interface Context {
  models: HermesConfig["models"];
  list: ModelList;
  now: Date;
  propose: Propose;
}

const FREE_ONLY = "Free models only, unless hermes:models.allowPaid is true.";

/**
 * The models of OpenRouter that the chain and the agents name, held against OpenRouter's list. Pure; local models are
 * the planner's.
 */
export function checkChain(
  config: Pick<HermesConfig, "models" | "agents">,
  list: ModelList,
  now: Date = new Date(),
): ChainReport {
  const { models } = config;
  const mentions = mentionsOf(config);
  const taken = mentions.map(({ id }) => id);
  const context = { models, list, now, propose: proposer(list, taken, models.allowPaid, now) };
  const report = nothing();
  if (mentions.length > 0 && list.source === "shipped") report.warnings.push(notLive(list));
  mentions.forEach((mention, i) => {
    const found = checkMention(mention, context);
    // Every place where a model stands must be mended, but what is known of it is said once.
    add(report, taken.indexOf(mention.id) === i ? found : { ...nothing(), problems: found.problems });
  });
  return report;
}

const nothing = (): ChainReport => ({ problems: [], warnings: [], notes: [], prices: {} });

function add(report: ChainReport, more: ChainReport): void {
  report.problems.push(...more.problems);
  report.warnings.push(...more.warnings);
  report.notes.push(...more.notes);
  Object.assign(report.prices, more.prices);
}

/** In the order of the chain, then of the agents. */
function mentionsOf({ models, agents }: Pick<HermesConfig, "models" | "agents">): Mention[] {
  const places: [string, string | undefined][] = [
    ["hermes:models.primary", models.primary],
    ...models.fallbacks.map((model, i): [string, string] => [`hermes:models.fallbacks[${i}]`, model]),
    ...Object.entries(agents).map(([id, agent]): [string, string | undefined] => [
      `hermes:agents.${id}.model`,
      agent.model,
    ]),
  ];
  return places.flatMap(([key, model]) =>
    model?.startsWith("openrouter/") ? [{ key, model, id: openrouterId(canonicalModel(model)) }] : [],
  );
}

function checkMention(mention: Mention, context: Context): ChainReport {
  const report = nothing();
  const found = find(mention.id, context.list);
  if (mention.id.startsWith("anthropic/") && !context.models.allowPaid) checkAnthropic(mention, context, report);
  else if (found === undefined || hasEnded(found, context.now)) checkMissing(mention, found, context, report);
  else for (const check of [checkTools, checkContext, checkPrice, checkEnd]) check(mention, found, context, report);
  return report;
}

/** OpenRouter's routers work whether or not its list has them. */
function find(id: string, list: ModelList): ListedModel | undefined {
  const listed = findModel(list.models, id);
  return listed ?? (id.startsWith("openrouter/") ? findModel(shippedList().models, id) : undefined);
}

function hasEnded(model: ListedModel, now: Date): boolean {
  const days = daysLeft(model, now);
  return days !== undefined && days <= 0;
}

/** Whether or not the list has it: which of them exist is nothing that would help here. */
function checkAnthropic(mention: Mention, { propose }: Context, report: ChainReport): void {
  const wrong = "Anthropic's models are paid, and this stack runs without Anthropic credits";
  report.problems.push(problem(mention, wrong, FREE_ONLY, propose(mention.id)));
}

/** A problem, unless the id may be right all the same: unknown ones are allowed, or the list at hand is only a part. */
function checkMissing(mention: Mention, ended: ListedModel | undefined, context: Context, report: ChainReport): void {
  const { list, models, propose } = context;
  const became = ended === undefined ? whatBecameOf(mention.id) : `it went away on ${ended.expires}`;
  const absent =
    list.source === "live" ? "OpenRouter does not list it" : `the list of ${list.asOf} that came with hermes lacks it`;
  const wrong = became === undefined ? absent : `${absent}: ${became}`;
  if (models.allowUnknown)
    report.warnings.push(`${named(mention)}: ${wrong}; hermes:models.allowUnknown lets it pass.`);
  else if (list.source === "shipped" && became === undefined)
    report.warnings.push(`${named(mention)}: ${wrong}. Whether it exists, calls tools and is free was not checked.`);
  else {
    const allowed = "A model that OpenRouter lists; with hermes:models.allowUnknown true any other, with a warning.";
    report.problems.push(problem(mention, wrong, allowed, propose(mention.id)));
  }
}

function checkTools(mention: Mention, { tools }: ListedModel, { propose }: Context, report: ChainReport): void {
  if (tools === undefined) report.warnings.push(`${named(mention)}: OpenRouter does not say whether it calls tools.`);
  if (tools !== false) return;
  const wrong = "it cannot call tools, and the agent would lose them without a word";
  report.problems.push(
    problem(mention, wrong, 'A model whose supported_parameters have "tools".', propose(mention.id)),
  );
}

function checkContext(mention: Mention, found: ListedModel, { propose }: Context, report: ChainReport): void {
  const { contextLength: length } = found;
  const comfortable = `from ${tokens(CONTEXT_COMFORTABLE)} an agent has room`;
  if (length === undefined) report.warnings.push(`${named(mention)}: OpenRouter does not say how long its context is.`);
  else if (length < CONTEXT_MIN) {
    const wrong = `a context of ${tokens(length)} is too short: a first turn takes about 14,000, and 20,000 are kept free`;
    report.problems.push(
      problem(mention, wrong, `At least ${tokens(CONTEXT_MIN)}; ${comfortable}.`, propose(mention.id)),
    );
  } else if (length < CONTEXT_COMFORTABLE)
    report.warnings.push(`${named(mention)}: a context of ${tokens(length)} is short; ${comfortable}.`);
}

function checkPrice(mention: Mention, found: ListedModel, context: Context, report: ChainReport): void {
  if (isFree(found)) return;
  const { price } = found;
  report.prices[mention.id] = price;
  const cost =
    price === undefined ? undefined : `costs ${usd(price.input)} per million tokens in, ${usd(price.output)} out`;
  if (context.models.allowPaid) {
    const when = context.list.source === "live" ? "today" : `on ${context.list.asOf}`;
    report.notes.push(`${named(mention)} ${cost ?? "is paid, at a price that OpenRouter does not tell"} (${when}).`);
    return;
  }
  const wrong = cost === undefined ? "what it costs is not known, so it counts as paid" : `it ${cost}`;
  report.problems.push(problem(mention, wrong, FREE_ONLY, context.propose(mention.id)));
}

function checkEnd(mention: Mention, found: ListedModel, { now, propose }: Context, report: ChainReport): void {
  const days = daysLeft(found, now);
  if (days !== undefined && days <= NOTICE_DAYS)
    report.warnings.push(`${named(mention)}: it goes away on ${found.expires}. ${propose(mention.id)}`);
}

function notLive({ asOf, failure }: ModelList): string {
  const why = failure === undefined ? "" : ` (${failure})`;
  return `Model ids were not checked live: OpenRouter's list could not be read${why}. The list of ${asOf} that came with hermes was used.`;
}

function problem({ key, model }: Mention, wrong: string, allowed: string, fix: string): Problem {
  return { key, found: JSON.stringify(model), wrong, allowed, fix };
}

const named = ({ key, model }: Mention): string => `${key} "${model}"`;
const tokens = (count: number): string => `${count.toLocaleString("en-US")} tokens`;

/** Cents, and more digits only where there are any. */
const usd = (value: number): string => `$${Number.isInteger(Math.round(value * 1e6) / 1e4) ? value.toFixed(2) : value}`;
