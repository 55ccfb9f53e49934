import type { Command } from "commander";
import { runPlan, type PlanOptions } from "../operations/plan";
import { DEFAULT_STACK } from "../operations/plan/input";

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
