import type { Command } from "commander";
import { stackName } from "../../config/names";
import { accountFrom } from "../../digitalocean/account";
import { plan, shippedCatalogue, type Catalogue } from "../../planner";
import { fileToWrite, writeWhole } from "../flags";
import { CommandError, EXIT } from "../output";
import { projectFolder } from "../project";
import { compareModels, compareSizes, modelsText, sizesText } from "./compare";
import { inkFor } from "./format";
import { DEFAULT_STACK, readInput, type InputOptions } from "./input";
import { liveCatalogue } from "./live-catalogue";
import { planSvg } from "./svg";
import { planText, type PlanView } from "./text";

export interface PlanOptions extends InputOptions {
  offline?: boolean;
  json?: boolean;
  /** A file, or stdout. */
  svg?: string | true;
  sizes?: boolean;
  models?: boolean;
}

export function addPlanCommand(hermes: Command): void {
  hermes
    .command("plan")
    .description("Show how a size's memory is used, which local model fits and what it costs")
    .option("--stack <name>", `stack whose values are taken (default: ${DEFAULT_STACK})`)
    .option("--size <slug>", "another size")
    .option("--region <slug>", "another region")
    .option("--model <tag>", "a local model by name, such as qwen3.5:9b")
    .option("--context <tokens>", "tokens of prompt and answer together")
    .option("--cache <type>", "the KV cache's elements: f16, q8_0 or q4_0")
    .option("--ollama <mode>", "auto, required or off")
    .option("--swap <gib>", "swap file, GiB")
    .option("--sizes", "compare the sizes of the region")
    .option("--models", "compare the local models on this size")
    .option("--svg [file]", "the picture as SVG, to a file or to stdout")
    .option("--offline", "do not ask DigitalOcean, though there is a token")
    .option("--json", "one JSON document on stdout")
    .action((options: PlanOptions) => runPlan(options));
}

/** Where a plan is made and printed. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  /** Folder of the stack's file. */
  project: string;
  stdout: { isTTY?: boolean; write(text: string): unknown };
}

const here = (): Surroundings => ({ env: process.env, project: projectFolder(), stdout: process.stdout });

/** @throws CommandError for wrong input, a refusal of DigitalOcean, and a required model that does not fit. */
export async function runPlan(options: PlanOptions, { env, project, stdout }: Surroundings = here()): Promise<void> {
  checkOptions(options);
  const catalogue = await catalogueFor(options, env);
  const input = readInput(options, catalogue, project);
  const { source, asOf } = catalogue;
  const print = (document: object, text: () => string): void => {
    const json = { input, catalogue: { source, asOf }, ...document };
    stdout.write(options.json === true ? `${JSON.stringify(json)}\n` : text());
  };
  if (options.sizes === true) {
    const sizes = compareSizes(input, catalogue);
    return print({ sizes }, () => sizesText(sizes, input, catalogue));
  }
  if (options.models === true) {
    const models = compareModels(input, catalogue);
    return print({ models }, () => modelsText(models, input));
  }
  const view: PlanView = {
    stack: stackName(options.stack ?? DEFAULT_STACK),
    input,
    plan: plan(input, catalogue),
    catalogue,
  };
  if (typeof options.svg === "string") writeWhole("--svg", options.svg, planSvg(view));
  if (options.svg === true) stdout.write(planSvg(view));
  else print({ stack: view.stack, ...view.plan }, () => planText(view, inkFor(stdout, env)));
  refuseUnmet(view);
}

/** What cannot go together, before anything is asked. */
function checkOptions({ json, svg, sizes, models }: PlanOptions): void {
  const usage = (message: string): CommandError => new CommandError(message, EXIT.usage);
  if (sizes === true && models === true) throw usage("Use either --sizes or --models, not both.");
  if (svg !== undefined && (sizes === true || models === true))
    throw usage("--svg draws one size: leave --sizes and --models out.");
  if (svg === true && json === true) throw usage("--svg and --json both write to stdout: write a file after --svg.");
  if (typeof svg === "string") fileToWrite("--svg", svg);
}

async function catalogueFor(options: PlanOptions, env: NodeJS.ProcessEnv): Promise<Catalogue> {
  const account = options.offline === true ? undefined : accountFrom(env);
  return account === undefined ? shippedCatalogue() : await liveCatalogue(account);
}

/** As the preview: a model that is required and cannot be is an error. */
function refuseUnmet({ plan: { size, local } }: PlanView): void {
  if (local.mode !== "required" || local.install) return;
  const lines = [`a local model is required, and ${size.slug} carries none that was asked for.`, `  ${local.why}`];
  if (local.fix !== undefined) lines.push(`  ${local.fix}`);
  throw new CommandError(lines.join("\n"), EXIT.refused);
}
