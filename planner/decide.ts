import { grouped } from "./budget";
import { cheapest, soldIn, type Catalogue, type Size } from "./catalogue";
import { findLocalModel, proposedModels } from "./local-models";
import type { Constants } from "./measured";
import { ollamaPlan } from "./ollama";
import type { LocalDecision, PlanInput, Weighing } from "./types";
import { bestModel, cheapestSize, weigh } from "./weigh";

/** From here a model is installed without being asked for by name. */
const BY_ITSELF_MIN_MIB = 16_384;

/** Whether a local model is installed, which, and why. */
export function decide(input: PlanInput, size: Size, catalogue: Catalogue, constants: Constants): LocalDecision {
  const best = bestModel(size, input, constants)?.tag;
  const tag = input.localModel.model ?? best ?? modelToGrowTo(input, catalogue, constants);
  const weighing = weigh(tag, size, input, constants);
  const larger = weighing.outcome === "fits" ? undefined : cheapestSize(tag, input.region, input, catalogue, constants);
  const model = isWanted(input, size, weighing) ? findLocalModel(tag) : undefined;
  const fix =
    model || input.ollama === "off" ? undefined : remedy(input, size, weighing, { best, larger, catalogue, constants });
  return {
    mode: input.ollama,
    ...weighing,
    why: reason(input, size, weighing),
    ...(fix === undefined ? {} : { fix }),
    ...(larger && { fittingSize: { slug: larger.slug, monthlyUsd: larger.monthlyUsd } }),
    ...(best === undefined ? {} : { bestForSize: best }),
    ...(model && { install: ollamaPlan(model, input.localModel, weighing.budget, constants) }),
  };
}

/** The best model for the cheapest size that carries one: what there is to be had where nothing fits. */
function modelToGrowTo(input: PlanInput, catalogue: Catalogue, constants: Constants): string {
  for (const size of cheapest(catalogue.sizes).filter((candidate) => soldIn(candidate, input.region))) {
    const model = bestModel(size, input, constants);
    if (model) return model.tag;
  }
  return proposedModels().at(-1)?.tag ?? "";
}

function isWanted({ ollama, localModel }: PlanInput, size: Size, { outcome }: Weighing): boolean {
  if (ollama === "required") return outcome !== "no";
  const asked = localModel.model !== undefined || size.memoryMiB >= BY_ITSELF_MIN_MIB;
  return ollama === "auto" && asked && outcome === "fits";
}

function reason(input: PlanInput, size: Size, weighing: Weighing): string {
  const { tag, outcome, objections } = weighing;
  if (input.ollama === "off") return 'No local model: hermes:ollama is "off".';
  if (isWanted(input, size, weighing))
    return [outcome === "tight" ? `${tag}, as required, though without headroom.` : room(weighing), ...objections]
      .concat(licenceNote(tag))
      .join(" ");
  if (outcome === "fits")
    return `No local model on ${size.slug}: below 16 GB only one that is asked for by name. ${room(weighing)}`;
  return ["No local model is installed.", ...objections].join(" ");
}

function room({ tag, budget: { totalMiB, headroomMiB, memTotalMiB } }: Weighing): string {
  const free = memTotalMiB - totalMiB;
  return (
    `${tag} fits: with it ${grouped(totalMiB)} of ${grouped(memTotalMiB)} MiB are taken, ` +
    `and ${grouped(free)} stay free (${grouped(headroomMiB)} at least).`
  );
}

function licenceNote(tag: string): string[] {
  const model = findLocalModel(tag);
  return model?.nonCommercial ? [`Its licence, ${model.licence}, allows no commercial use.`] : [];
}

interface Alternatives {
  best: string | undefined;
  larger: Size | undefined;
  catalogue: Catalogue;
  constants: Constants;
}

/** What to do to have a local model; each of the ways is enough. */
function remedy(
  input: PlanInput,
  size: Size,
  weighing: Weighing,
  { best, larger, catalogue, constants }: Alternatives,
): string | undefined {
  const { tag, outcome } = weighing;
  if (outcome === "fits") return `Set hermes:localModel.model to ${tag} to have it.`;
  const ways = [
    ...(larger ? [growTo(larger, tag, input)] : []),
    ...(best !== undefined && best !== tag ? [`take ${best}, the best for ${size.slug}`] : []),
    ...lesserRequests(input, size, weighing, constants),
  ];
  const text = (ways.length > 0 ? ways : bothNew(input, catalogue, constants)).join("; or ");
  return text === "" ? undefined : `${text[0]?.toUpperCase()}${text.slice(1)}.`;
}

function growTo(size: Size, tag: string, { ollama, localModel }: PlanInput): string {
  const target = `set hermes:size to ${priced(size)}, the cheapest that carries ${tag}`;
  const unasked = ollama === "auto" && localModel.model === undefined && size.memoryMiB < BY_ITSELF_MIN_MIB;
  return unasked ? `${target}, and hermes:localModel.model to ${tag} (by itself only from 16 GB)` : target;
}

/** Where no size carries the model asked for, and this size carries none. */
function bothNew(input: PlanInput, catalogue: Catalogue, constants: Constants): string[] {
  const tag = modelToGrowTo(input, catalogue, constants);
  const size = cheapestSize(tag, input.region, input, catalogue, constants);
  return size ? [`take ${tag}, and set hermes:size to ${priced(size)}, the cheapest that carries it`] : [];
}

function priced({ slug, monthlyUsd }: Size): string {
  return `${slug} ($${monthlyUsd} a month)`;
}

/** Tokens that an agent still gets work done with: its first turn takes about 14,000. */
const HALF_CONTEXT = 32_768;

/** A shorter context or a smaller cache, where that alone would do. */
function lesserRequests(input: PlanInput, size: Size, { tag }: Weighing, constants: Constants): string[] {
  const { localModel } = input;
  const native = findLocalModel(tag)?.nativeContext ?? Infinity;
  const requests = [
    { key: "contextTokens", value: native, differs: localModel.contextTokens > native },
    {
      key: "contextTokens",
      value: HALF_CONTEXT,
      differs: localModel.contextTokens > HALF_CONTEXT && native > HALF_CONTEXT,
    },
    { key: "cacheType", value: "q8_0", differs: localModel.cacheType === "f16" },
  ];
  return requests
    .filter(({ key, value, differs }) => {
      const changed = { ...input, localModel: { ...localModel, [key]: value } };
      return differs && weigh(tag, size, changed, constants).outcome === "fits";
    })
    .map(({ key, value }) => `set hermes:localModel.${key} to ${value}`);
}
