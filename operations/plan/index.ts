import { accountFrom } from "../../lib/digitalocean/account";
import { stackName } from "../../lib/names";
import { CommandError, EXIT } from "../../lib/output";
import { plan, shippedCatalogue, type Catalogue } from "../../planner";
import { fileToWrite, writeWhole } from "../stack/input";
import { projectFolder } from "../stack/project";
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
