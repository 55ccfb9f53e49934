import { readLocalModel, readOllama } from "../../config/local-model";
import { readMachine } from "../../config/machine";
import { formatProblems, type Problem } from "../../config/problem";
import { Reader } from "../../config/reader";
import { asMap } from "../../lib/maps";
import { stackName } from "../../lib/names";
import { CommandError, EXIT } from "../../lib/output";
import type { Catalogue } from "../../planner/catalogue";
import { findLocalModel, tagsNear } from "../../planner/local-models";
import type { PlanInput } from "../../planner/types";
import { missingStackFile } from "../stack/project";
import { stackValues } from "./stack-values";

/** What `hermes plan` was asked; each stands for a value of the stack's file. */
export interface InputOptions {
  stack?: string;
  size?: string;
  region?: string;
  model?: string;
  context?: string;
  cache?: string;
  ollama?: string;
  swap?: string;
}

export const DEFAULT_STACK = "hermes";

/** Keys of the stack's file that an option stands for. */
const OPTION_OF = {
  "hermes:size": "size",
  "hermes:region": "region",
  "hermes:swapGiB": "swap",
  "hermes:ollama": "ollama",
  "hermes:localModel.model": "model",
  "hermes:localModel.contextTokens": "context",
  "hermes:localModel.cacheType": "cache",
} as const satisfies Record<string, keyof InputOptions>;

/**
 * What to plan: the stack's values with the options in their place. Nothing else of the stack is judged.
 * @param project folder of the stack's file
 * @throws CommandError with everything that is wrong.
 */
export function readInput(options: InputOptions, catalogue: Catalogue, project: string): PlanInput {
  const stack = options.stack ?? DEFAULT_STACK;
  const values = stackValues(project, stack);
  if (values === undefined && options.stack !== undefined) throw missingStackFile("--stack", stack, project);
  const { input, problems } = checkInput(values ?? {}, options, catalogue);
  if (problems.length === 0) return input;
  const told = problems.map((problem) => asOption(problem, options, values !== undefined));
  const noFile =
    values === undefined ? `\n\nThere is no Pulumi.${stackName(stack)}.yaml in ${project} to take values from.` : "";
  throw new CommandError(formatProblems(stack, told) + noFile, EXIT.input);
}

/** Every rule, none of which stops at the first fault; the rules are those of the configuration. */
export function checkInput(
  values: Record<string, unknown>,
  options: InputOptions,
  catalogue: Catalogue,
): { input: PlanInput; problems: Problem[] } {
  const reader = new Reader();
  const { volumeGiB } = values;
  const place = { size: options.size ?? values["size"], region: options.region ?? values["region"] };
  const machine = readMachine(reader, { ...place, volumeGiB, swapGiB: options.swap ?? values["swapGiB"] }, catalogue);
  const chain = options.model === undefined ? namedModels(values) : [];
  const namesLocal = chain.some((model) => model.startsWith("ollama/"));
  const ollama = readOllama(reader, options.ollama ?? values["ollama"], namesLocal);
  const localModel = readLocalModel(reader, localModelValue(values["localModel"], options), chain);
  if (options.model !== undefined && localModel.model !== undefined) checkModel(reader, localModel.model);
  const input: PlanInput = {
    ...{ size: machine.size, region: machine.region, swapGiB: machine.swapGiB, volumeGiB: machine.volumeGiB },
    agents: Math.max(1, Object.keys(asMap(values["agents"])).length),
    stdioMcpServers: Object.values(asMap(values["mcpServers"])).filter((server) => "command" in asMap(server)).length,
    ollama,
    localModel,
  };
  return { input, problems: reader.problems };
}

function localModelValue(value: unknown, { model, context, cache }: InputOptions): unknown {
  const given = { model, contextTokens: context, cacheType: cache };
  const set = Object.entries(given).filter(([, option]) => option !== undefined);
  return set.length === 0 ? value : { ...asMap(value), ...Object.fromEntries(set) };
}

/** Models of the chain and the agents: an `ollama/TAG` among them asks for a local one. */
function namedModels(values: Record<string, unknown>): string[] {
  const { primary, fallbacks } = asMap(values["models"]);
  const own = Object.values(asMap(values["agents"])).map((agent) => asMap(agent)["model"]);
  const all = [primary, ...(Array.isArray(fallbacks) ? (fallbacks as unknown[]) : []), ...own];
  return all.filter((model) => typeof model === "string");
}

function checkModel(reader: Reader, tag: string): void {
  if (findLocalModel(tag) !== undefined) return;
  const near = tagsNear(tag);
  reader.reject(
    "hermes:localModel.model",
    tag,
    "hermes does not know what memory it takes",
    "A model of hermes' own table: ./hermes plan --models.",
    `Write ${near.length === 0 ? "qwen3.5:9b" : near.join(" or ")}.`,
  );
}

/** Names the option where it was given, or where there is no file that could hold the key. */
function asOption(problem: Problem, options: InputOptions, file: boolean): Problem {
  const option = (OPTION_OF as Record<string, keyof InputOptions>)[problem.key];
  if (option === undefined || (file && options[option] === undefined)) return problem;
  return { ...problem, key: `--${option}` };
}
