import { nearest } from "../lib/nearest";
import { plan, type Budget, type LocalDecision } from "../planner";
import { budget, fit, grouped } from "../planner/budget";
import { cheapest, findSize, soldIn, type Catalogue, type Size } from "../planner/catalogue";
import { findLocalModel, localModels, tagsNear } from "../planner/local-models";
import { gatewaySwapMiB } from "../planner/memory";
import type { CacheType, LocalModelRequest, OllamaMode, PlanInput } from "../planner/types";
import { DEFAULTS } from "./keys";
import { MEMORY_MIN_MIB } from "./machine";
import { isNegative, type Reader } from "./reader";
import type { HermesConfig } from "./types";

const MODES = ["auto", "required", "off"];
const CACHE_TYPES = ["f16", "q8_0", "q4_0"];

/** Ollama's tags: `model:tag`, `namespace/model:tag`, `hf.co/OWNER/REPOSITORY:QUANTISATION`. */
export const OLLAMA_TAG = /^[a-zA-Z0-9][\w.-]*(\/[\w.-]+){0,2}:[\w.-]+$/;

/** @param namesLocal the chain or an agent names a local model, which goes with `auto` or `required` */
export function readOllama(reader: Reader, value: unknown, namesLocal: boolean): OllamaMode {
  // YAML 1.1 readers take a bare off for false.
  const text = value === false || value === "false" ? "off" : value;
  const mode = reader.text("hermes:ollama", text, {
    default: DEFAULTS.ollama,
    pattern: new RegExp(`^(${MODES.join("|")})$`),
    allowed: "auto (a model where one fits; on 8 GB only one asked for by name), required, or off.",
    fix: isNegative(text) && !namesLocal ? "Write off." : "Write auto.",
  });
  return (mode ?? DEFAULTS.ollama) as OllamaMode;
}

/**
 * @param chain every model that the chain or an agent names: an `ollama/TAG` among them is a model asked for by name
 */
export function readLocalModel(reader: Reader, value: unknown, chain: readonly string[]): LocalModelRequest {
  const key = "hermes:localModel";
  const map = reader.map(key, value, ["model", "contextTokens", "cacheType"]);
  const model = reader.text(`${key}.model`, map["model"], {
    default: "",
    pattern: OLLAMA_TAG,
    allowed: "A tag of Ollama's library with its variant, such as qwen3.5:9b.",
    fix: "Write qwen3.5:9b, or leave the key out: the best that fits is taken.",
  });
  const contextTokens = reader.integer(`${key}.contextTokens`, map["contextTokens"], {
    default: DEFAULTS.contextTokens,
    min: 16_384,
    max: 1_048_576,
    allowed: "16384 to what the model was trained for; an agent's first turn alone is about 14,000 tokens.",
    fix: `Write ${DEFAULTS.contextTokens}.`,
  });
  const cacheType = reader.text(`${key}.cacheType`, map["cacheType"], {
    default: DEFAULTS.cacheType,
    pattern: new RegExp(`^(${CACHE_TYPES.join("|")})$`),
    allowed: "f16, q8_0 (half of it, hardly worse) or q4_0 (a quarter, worse at long contexts).",
    fix: `Write ${DEFAULTS.cacheType}.`,
  });
  const tag = oneTag(reader, model ?? "", chain);
  return {
    ...(tag === "" ? {} : { model: tag }),
    contextTokens: contextTokens ?? DEFAULTS.contextTokens,
    cacheType: (cacheType ?? DEFAULTS.cacheType) as CacheType,
  };
}

/** One local model at a time: memory is for one. */
function oneTag(reader: Reader, named: string, chain: readonly string[]): string {
  const tags = new Set(chain.filter((model) => model.startsWith("ollama/")).map((model) => model.slice(7)));
  if (named !== "") tags.add(named);
  const [first = "", second] = [...tags];
  if (second !== undefined)
    reader.reject(
      "hermes:localModel.model",
      [...tags].join(", "),
      "the droplet runs one local model, and several are named",
      "One tag, in hermes:localModel.model; ollama/<that tag> in hermes:models and hermes:agents.",
      `Name one of them everywhere, for example ${first}.`,
    );
  return named === "" ? first : named;
}

/** A model that must run has to fit, and a chain may name only one that will be there. */
export function checkLocalModel(reader: Reader, config: HermesConfig, catalogue: Catalogue): void {
  // A size that nobody sells has been told.
  if (findSize(catalogue, config.size) === undefined) return;
  checkRequest(reader, config);
  const named = chainOf(config).filter(([, model]) => model.startsWith("ollama/"));
  if (config.ollama !== "required" && named.length === 0) return;
  const { local } = plan(planInput(config), catalogue);
  if (local.install) return;
  if (local.mode === "required") rejectRequired(reader, local, config.size);
  for (const [key, model] of named) rejectNamed(reader, key, model, local);
}

/** A model asked for by name that no size could run as it is asked for. */
function checkRequest(reader: Reader, { ollama, localModel: { model: tag, contextTokens } }: HermesConfig): void {
  if (ollama === "off" || tag === undefined) return;
  const key = "hermes:localModel";
  const model = findLocalModel(tag);
  if (model === undefined) {
    const known = localModels().map((each) => each.tag);
    const meant = nearest(tag, tagsNear(tag));
    const fix = "Remove it: the best that fits is taken.";
    const wrong = "hermes does not know how much memory it needs";
    reader.reject(
      `${key}.model`,
      tag,
      wrong,
      `Known: ${known.join(", ")}.`,
      meant === undefined ? fix : `Write ${meant}.`,
    );
  } else if (contextTokens > model.nativeContext)
    reader.reject(
      `${key}.contextTokens`,
      contextTokens,
      `${tag} was trained for ${grouped(model.nativeContext)} tokens, and Ollama cuts off the rest`,
      `16384 to ${model.nativeContext}.`,
      `Write ${Math.min(DEFAULTS.contextTokens, model.nativeContext)}.`,
    );
}

/**
 * Refuses more agents and MCP servers than memory and the gateway's part of the swap can hold. Below that, what is beyond
 * memory runs in swap, slower: the plan's summary says so. A local model that does not fit is not installed.
 */
export function checkMemory(reader: Reader, config: HermesConfig, catalogue: Catalogue): void {
  const size = findSize(catalogue, config.size);
  if (size === undefined || size.memoryMiB < MEMORY_MIN_MIB) return;
  const input = planInput(config);
  const needed = (nominalMiB: number): Budget => budget(nominalMiB, input);
  const { lines, totalMiB, memTotalMiB } = needed(size.memoryMiB);
  const swapMiB = gatewaySwapMiB(config.swapGiB * 1024);
  if (totalMiB <= memTotalMiB + swapMiB) return;
  const carries = (other: Size): boolean => soldIn(other, config.region) && fit(needed(other.memoryMiB)) !== "no";
  const larger = cheapest(catalogue.sizes).find(carries);
  const fewer = "configure fewer agents or fewer MCP servers with a command (each agent starts each of them)";
  reader.reject(
    "hermes:size",
    size.slug,
    `the stack needs ${grouped(totalMiB)} MiB of memory; this size has ${grouped(memTotalMiB)} MiB`,
    [
      `Agents and MCP servers may also use a quarter of the swap, here ${grouped(swapMiB)} MiB:`,
      ...sumRows(lines, totalMiB).map((line) => `    ${line}`),
    ].join("\n"),
    larger === undefined
      ? `No size in ${config.region} has enough memory: ${fewer}.`
      : `Write ${larger.slug} ($${larger.monthlyUsd} a month), or ${fewer}.`,
  );
}

function rejectRequired(reader: Reader, { tag, objections, budget, fix }: LocalDecision, size: string): void {
  const ways = [fix, 'Or set hermes:ollama to "auto": then one is installed only where it fits.'];
  reader.reject(
    "hermes:ollama",
    "required",
    `${tag} cannot run on ${size}`,
    [objections.join(" "), ...arithmetic(budget).map((line) => `    ${line}`)].join("\n"),
    ways.filter((way) => way !== undefined).join("\n  "),
  );
}

function rejectNamed(reader: Reader, key: string, model: string, { mode, why, fix }: LocalDecision): void {
  const turnOn = mode === "off" ? 'Set hermes:ollama to "auto"' : fix?.replace(/\.$/, "");
  reader.reject(
    key,
    model,
    "no local model will be there",
    why,
    turnOn ? `${turnOn}; or remove the model here.` : "Remove the model here.",
  );
}

/** Every model that the configuration names, by its key. */
function chainOf({ models, agents }: HermesConfig): [key: string, model: string][] {
  return [
    ["hermes:models.primary", models.primary],
    ...models.fallbacks.map((model, i): [string, string] => [`hermes:models.fallbacks[${i}]`, model]),
    ...Object.entries(agents).map(([id, { model = "" }]): [string, string] => [`hermes:agents.${id}.model`, model]),
  ];
}

/** The budget as a sum on paper. */
function arithmetic({ lines, totalMiB, headroomMiB, memTotalMiB }: Budget): string[] {
  return [
    ...sumRows(lines, totalMiB),
    ...(headroomMiB > 0 ? [row(headroomMiB, "should stay free")] : []),
    row(memTotalMiB, "available, without swap"),
  ];
}

const sumRows = (lines: Budget["lines"], totalMiB: number): string[] => [
  ...lines.map(({ mib, what }) => row(mib, what)),
  row(totalMiB, "in all"),
];

const row = (mib: number, what: string): string => `${grouped(mib).padStart(7)} MiB  ${what}`;

/** What of the configuration the planner wants to know. */
export function planInput(config: HermesConfig): PlanInput {
  const { size, region, swapGiB, volumeGiB, ollama, localModel } = config;
  return {
    ...{ size, region, swapGiB, volumeGiB, ollama, localModel },
    agents: Object.keys(config.agents).length,
    stdioMcpServers: Object.values(config.mcpServers).filter((server) => "command" in server).length,
  };
}
