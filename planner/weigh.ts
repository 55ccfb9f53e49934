import { budget, fit, grouped, sumMiB } from "./budget";
import { cheapest, soldIn, type Catalogue, type Size } from "./catalogue";
import { findLocalModel, proposedModels, tagsNear, type LocalModel } from "./local-models";
import { MEASURED, type Constants } from "./measured";
import type { Budget, Load, LocalModelRequest, Outcome, PlanInput, Weighing } from "./types";

/** Below this no model runs: what fits there cannot do an agent's work. */
const LOCAL_MIN_MIB = 8192;

/** What a model is weighed with. */
export type WeighInput = Load & Pick<PlanInput, "swapGiB">;

/** Any model on any size, whatever the mode. */
export function weigh(tag: string, size: Size, input: WeighInput, constants: Constants = MEASURED): Weighing {
  const model = findLocalModel(tag);
  const memory = budget(size.memoryMiB, input, model, constants);
  if (model === undefined) return { tag, outcome: "no", objections: [unknown(tag)], budget: memory };
  const barred = [
    belowMinimum(size),
    withoutTools(model),
    beyondNative(model, input.localModel),
    beyondDisk(model, size, input.swapGiB),
  ].filter((objection) => objection !== undefined);
  const room = fit(memory);
  return {
    tag,
    outcome: barred.length > 0 ? "no" : room,
    objections: [...barred, ...shortOfMemory(model, size, input.localModel, memory, room)],
    budget: memory,
  };
}

/** The most able of the models that hermes proposes by itself and that fit with headroom. */
export function bestModel(size: Size, input: WeighInput, constants: Constants = MEASURED): LocalModel | undefined {
  return proposedModels().find(({ tag }) => weigh(tag, size, input, constants).outcome === "fits");
}

/** The cheapest size for sale in the region that carries the model with headroom. */
export function cheapestSize(
  tag: string,
  region: string,
  input: WeighInput,
  catalogue: Catalogue,
  constants: Constants = MEASURED,
): Size | undefined {
  return cheapest(catalogue.sizes).find(
    (size) => soldIn(size, region) && weigh(tag, size, input, constants).outcome === "fits",
  );
}

function unknown(tag: string): string {
  const near = tagsNear(tag);
  const meant = near.length === 0 ? "" : ` The nearest that it knows: ${near.join(", ")}.`;
  return `hermes does not know the shape of ${tag}, so not what it takes.${meant}`;
}

function belowMinimum({ slug, memoryMiB }: Size): string | undefined {
  if (memoryMiB >= LOCAL_MIN_MIB) return undefined;
  return `Below 8 GB hermes runs no local model, and ${slug} has ${grouped(memoryMiB)} MiB.`;
}

function withoutTools({ tag, tools }: LocalModel): string | undefined {
  return tools ? undefined : `${tag} cannot call tools in Ollama, and agents work through tools.`;
}

function beyondNative({ tag, nativeContext }: LocalModel, { contextTokens }: LocalModelRequest): string | undefined {
  if (contextTokens <= nativeContext) return undefined;
  return (
    `${tag} was trained for ${grouped(nativeContext)} tokens: ` +
    `Ollama would cut the ${grouped(contextTokens)} wanted down to that without a word.`
  );
}

/** GiB of Ollama and the libraries that stay of it. */
const RUNTIME_GIB = 2;

/** GiB of Debian, Node, OpenClaw, logs. */
const SYSTEM_DISK_GIB = 8;

/** A pull may need the model's size twice: the old file and the new one. */
function beyondDisk({ tag, fileBytes }: LocalModel, size: Size, swapGiB: number): string | undefined {
  const files = (2 * fileBytes) / 2 ** 30;
  const needed = files + RUNTIME_GIB + SYSTEM_DISK_GIB + swapGiB;
  if (needed <= size.diskGiB) return undefined;
  return (
    `${tag} needs a disk of ${Math.ceil(needed)} GiB, and ${size.slug} has ${size.diskGiB}: twice its file ` +
    `${files.toFixed(1)}, Ollama ${RUNTIME_GIB}, swap ${swapGiB}, the system ${SYSTEM_DISK_GIB}.`
  );
}

function shortOfMemory(
  { tag }: LocalModel,
  { slug }: Size,
  request: LocalModelRequest,
  { lines, totalMiB, headroomMiB, memTotalMiB }: Budget,
  room: Outcome,
): string[] {
  if (room === "fits") return [];
  const takes =
    `${tag} at ${grouped(request.contextTokens)} tokens (${request.cacheType}) takes ` +
    `${grouped(sumMiB(lines, "local model"))} MiB, with system and gateway ${grouped(totalMiB)}`;
  const left = memTotalMiB - totalMiB;
  const has = `${slug} has ${grouped(memTotalMiB)}`;
  if (room === "tight") return [`${takes}; ${has}: ${grouped(left)} stay free, and ${grouped(headroomMiB)} should.`];
  return [`${takes}; ${has}: ${grouped(-left)} too few, and ${grouped(headroomMiB)} should stay free.`];
}
