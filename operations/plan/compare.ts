import { MEMORY_MIN_MIB } from "../../config/machine";
import {
  cheapest,
  localModels,
  MODELS_AS_OF,
  plan,
  soldIn,
  weigh,
  type Catalogue,
  type LocalModel,
  type PlanInput,
  type Size,
} from "../../planner";
import { grouped } from "../../planner/budget";
import { findSize } from "../../planner/catalogue";
import type { Outcome } from "../../planner/types";
import { columns, WIDTH, wrap } from "./format";
import { gib, pricesText } from "./text";

/** One size of the region, with the same agents and wishes on it. */
export interface SizeRow {
  slug: string;
  memoryMiB: number;
  vcpus: number;
  diskGiB: number;
  /** USD, the droplet alone. */
  monthlyUsd: number;
  /** MemTotal less system and gateway, MiB. */
  spareAfterGatewayMiB: number;
  /** The model asked for; absent when none was. */
  model?: { tag: string; outcome: Outcome };
  /** The best tool-capable model that fits. */
  best?: string;
  /** The model that would be installed there. */
  installed?: string;
  /** It is the size that was asked about. */
  chosen: boolean;
}

/** Sizes that carry the gateway and are sold in the region, the cheapest first. */
export function compareSizes(input: PlanInput, catalogue: Catalogue): SizeRow[] {
  const carrying = catalogue.sizes.filter((size) => size.memoryMiB >= MEMORY_MIN_MIB && soldIn(size, input.region));
  return cheapest(carrying).map((size) => sizeRow(size, input, catalogue));
}

function sizeRow(size: Size, input: PlanInput, catalogue: Catalogue): SizeRow {
  const { slug, memoryMiB, vcpus, diskGiB, monthlyUsd } = size;
  const { local } = plan({ ...input, size: slug }, catalogue);
  const without = plan({ ...input, size: slug, ollama: "off" }, catalogue);
  const wanted = input.localModel.model;
  return {
    ...{ slug, memoryMiB, vcpus, diskGiB, monthlyUsd },
    spareAfterGatewayMiB: without.memory.spareMiB,
    ...(wanted === undefined ? {} : { model: { tag: wanted, outcome: local.outcome } }),
    ...(local.bestForSize === undefined ? {} : { best: local.bestForSize }),
    ...(local.install === undefined ? {} : { installed: local.install.tag }),
    chosen: slug === input.size,
  };
}

export function sizesText(rows: readonly SizeRow[], input: PlanInput, catalogue: Catalogue): string {
  const { model, contextTokens, cacheType } = input.localModel;
  const head = ["", "size", "GiB", "vCPU", "disk", "$/month", "spare", model === undefined ? "best model" : "verdict"];
  const body = rows.map((row) => [
    row.chosen ? "*" : "",
    row.slug,
    gib(row.memoryMiB),
    String(row.vcpus),
    String(row.diskGiB),
    row.monthlyUsd.toFixed(2),
    grouped(row.spareAfterGatewayMiB),
    row.model?.outcome ?? row.best ?? "none",
  ]);
  const title = `sizes in ${input.region} that carry the gateway; ${model ?? "local model"} at ${grouped(contextTokens)} tokens, ${cacheType}`;
  const notes = [
    "spare: MiB that system and gateway leave. By itself hermes installs a model from 16 GB on, on 8 GB one that is " +
      "asked for by name. * is this stack's size.",
    `Prices ${pricesText(catalogue)}.`,
  ];
  return page(title, columns([head, ...body], [2, 3, 4, 5, 6]), notes);
}

/** One model on the size that was asked about. */
export interface ModelRow {
  tag: string;
  fileBytes: number;
  nativeContext: number;
  tools: boolean;
  /** Everything on the droplet, MiB. */
  totalMiB: number;
  memTotalMiB: number;
  headroomMiB: number;
  outcome: Outcome;
  objections: string[];
  /** Place among those that hermes proposes, 1 the most able. */
  rank?: number;
  licence: string;
}

const ORDER: Readonly<Record<Outcome, number>> = { fits: 0, tight: 1, no: 2 };

/** Every known model, those that fit first, the most able of them before the others. */
export function compareModels(input: PlanInput, catalogue: Catalogue): ModelRow[] {
  const size = findSize(catalogue, input.size);
  if (size === undefined) throw new Error(`size ${input.size} is not in the catalogue`);
  const place = ({ rank = Infinity }: ModelRow): number => rank;
  return localModels()
    .map((model) => modelRow(model, size, input))
    .sort((a, b) => ORDER[a.outcome] - ORDER[b.outcome] || Math.sign(place(a) - place(b)) || a.totalMiB - b.totalMiB);
}

function modelRow(model: LocalModel, size: Size, input: PlanInput): ModelRow {
  const { tag, fileBytes, nativeContext, tools, rank, licence } = model;
  const { outcome, objections, budget } = weigh(tag, size, input);
  const { totalMiB, memTotalMiB, headroomMiB } = budget;
  return {
    ...{ tag, fileBytes, nativeContext, tools, totalMiB, memTotalMiB, headroomMiB, outcome, objections, licence },
    ...(rank === undefined ? {} : { rank }),
  };
}

const TAG_WIDTH = 24;

export function modelsText(rows: readonly ModelRow[], input: PlanInput): string {
  const { contextTokens, cacheType } = input.localModel;
  const head = ["model", "file GB", "context", "MiB", "spare", "verdict", "but"];
  const body = rows.map((row) => [
    shortened(row.tag),
    (row.fileBytes / 1e9).toFixed(1),
    grouped(row.nativeContext),
    grouped(row.totalMiB),
    grouped(row.memTotalMiB - row.totalMiB),
    row.outcome,
    remark(row, contextTokens),
  ]);
  const title = `local models on ${input.size} at ${grouped(contextTokens)} tokens, ${cacheType}`;
  const notes = [
    "MiB: everything on the droplet, system and gateway too. spare: what that leaves of MemTotal; " +
      `${grouped(rows[0]?.headroomMiB ?? 0)} should. The most able first among those that fit.`,
    "but: context, it was trained for less than is wanted; no tools, agents work through them; size, below 8 GB or " +
      `its disk. Models as of ${MODELS_AS_OF}.`,
  ];
  return page(title, columns([head, ...body], [1, 2, 3, 4]), notes);
}

/** The middle goes: the end is the variant. */
function shortened(tag: string): string {
  if (tag.length <= TAG_WIDTH) return tag;
  return `${tag.slice(0, 6)}…${tag.slice(-(TAG_WIDTH - 7))}`;
}

/** Why not, in a word; `objections` has the sentences. */
function remark({ tools, nativeContext, totalMiB, memTotalMiB, outcome }: ModelRow, contextTokens: number): string {
  if (!tools) return "no tools";
  if (nativeContext < contextTokens) return "context";
  if (totalMiB > memTotalMiB) return "memory";
  return { fits: "", tight: "headroom", no: "size" }[outcome];
}

function page(title: string, body: string[], notes: string[]): string {
  return [wrap(title, WIDTH), body, notes.flatMap((note) => wrap(note, WIDTH))]
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}
