import { isDeepStrictEqual } from "node:util";
import type { MemoryPlan } from "../planner";
import { grouped } from "../planner/budget";
import { bundlesOf } from "./bundle";
import { contentDiffs, contentSections } from "./content";
import { driftOf, driftSection } from "./drift";
import { fateOf, type Fate } from "./droplet";
import { exposureOf, type ExposureChange } from "./exposure";
import { saidBy, type Said } from "./failure";
import { fitted, headOf, whole, type Section } from "./fit";
import { costOf, type CostChange } from "./money";
import { counts, resourceTable, who } from "./resources";
import { find, stackOf, textOf, TYPE, type Stack } from "./stack";
import { block, clip, code, folded, prose, table } from "./text";
import { topology } from "./topology";
import type { Level, Report, ReportInput, Verdict } from "./types";
import { verdictOf } from "./verdict";

/** Both forges take about 65,000 characters in a comment; whoever posts adds a few. */
const LIMIT = 60_000;

/** How both forges set a quote off: blue, purple, orange, red. */
const ALERT: Readonly<Record<Level, string>> = {
  safe: "NOTE",
  restarts: "IMPORTANT",
  replaces: "WARNING",
  "loses-state": "CAUTION",
  exposes: "CAUTION",
  policy: "CAUTION",
  error: "CAUTION",
};

/** What a reviewer reads of a change before it is made. Pure: the same text for the same preview. */
export function renderReport(input: ReportInput): Report {
  const stack = stackOf(input);
  const bundles = bundlesOf(stack);
  const fate = fateOf(stack, bundles);
  const exposure = exposureOf(stack);
  const said = saidBy(input);
  const failed = said.errors.length > 0;
  const drift = input.drift === undefined ? undefined : driftOf(input.drift);
  const violations = input.violations ?? [];
  const verdict = verdictOf({
    ...{ fate, exposure, failed },
    unchanged: stack.changes.length === 0,
    broken: [...new Set([...violations.map(({ rule }) => rule), ...brokenIn(said.errors)])],
    drifted: drift === undefined ? undefined : new Set(drift.rows.map(({ urn }) => urn)).size,
    openNow: drift?.openNow ?? [],
  });
  const picture = failed ? undefined : topology(stack, exposure, bundles);
  const sections: Section[] = [
    whole(headline(input, verdict, stack)),
    ...said.errors.map((text) => errorSection(text)),
    ...(violations.length === 0
      ? []
      : [whole(violations.map(({ resource, message }) => `- ${who(resource)}: ${prose(message)}`).join("\n"))]),
    ...(failed
      ? []
      : [whole(glance({ stack, fate, exposure, cost: costOf(stack, input.catalogue), memory: input.memory }))]),
    ...(failed ? [] : meaning(fate, said)),
    ...(drift === undefined ? [] : [whole(driftSection(drift))]),
    ...(failed ? [] : contentSections(contentDiffs(bundles))),
    ...(stack.changes.length === 0 ? [] : [resourcesSection(stack, failed)]),
    ...(picture === undefined
      ? []
      : [{ versions: [folded("Picture: what stands where, and who reaches it", picture), ""], rank: 5 }]),
    ...(said.notes.length === 0 ? [] : [saidSection(said)]),
  ];
  return { verdict, markdown: fitted(sections, input.limit ?? LIMIT) };
}

function headline({ stack: name }: ReportInput, { level, line }: Verdict, stack: Stack): string {
  const early = level === "error" || level === "policy";
  const what = stack.changes.length > 0 ? counts(stack) : early ? "the preview ended early" : "nothing to do";
  return `> [!${ALERT[level]}]\n> ${line}\n\nStack ${code(name)}: ${what}.`;
}

/** Rules by their name in what the program said when it stopped: "policy closed-ports: …". */
function brokenIn(errors: readonly string[]): string[] {
  return errors.flatMap((text) => [...text.matchAll(/^\s*policy ([a-z][a-z-]+):/gm)].map(([, rule = ""]) => rule));
}

function errorSection(text: string): Section {
  const lines = text.split("\n").map((line) => clip(line, 2000));
  const version = (most: number) => {
    const head = headOf(lines, most);
    return `${block("", head.lines)}${head.cut === undefined ? "" : `\n\n${head.cut}`}`;
  };
  return { versions: [version(Infinity), version(60), version(8)], rank: 1 };
}

interface Glance {
  stack: Stack;
  fate: Fate;
  exposure: ExposureChange;
  cost: CostChange;
  memory: ReportInput["memory"];
}

/** What most reviewers want to know, in one table. */
function glance({ stack, fate, exposure, cost, memory }: Glance): string {
  const rows = [
    [
      "open to the internet",
      exposure.unknown ? "not in this preview" : open(exposure.before.open, stack),
      exposure.unknown ? "" : openAfter(exposure),
    ],
    costRow(cost),
    ...stateRows(stack, fate),
    ...memoryRows(memory),
  ];
  return table(["", "before", "after"], rows);
}

const open = (list: readonly string[], stack: Stack): string =>
  list.length > 0
    ? list
        .slice(0, 8)
        .map((each) => code(each))
        .join("<br>")
    : stack.before.size === 0
      ? "–"
      : "nothing";

const openAfter = ({ after, opened, closed }: ExposureChange): string => {
  if (after.open.length === 0) return closed.length > 0 ? "**nothing**" : "nothing";
  return after.open
    .slice(0, 8)
    .map((each) => (opened.includes(each) ? `**${code(each)}**` : code(each)))
    .join("<br>");
};

function costRow({ before, after }: CostChange): string[] {
  const diff = after.monthlyUsd - before.monthlyUsd;
  const words = Math.abs(diff) < 0.005 ? "" : ` (**${diff > 0 ? "+" : "−"}${Math.abs(diff).toFixed(2)}**)`;
  const prices = after.prices === "live" ? "asked just now" : `of ${after.prices.replace("shipped, ", "")}`;
  return [
    `cost a month, USD<br><sub>prices ${prices}</sub>`,
    before.monthlyUsd.toFixed(2),
    `${after.monthlyUsd.toFixed(2)}${words}`,
  ];
}

/** Address, name, state: said where the droplet is another one, or was none. */
function stateRows(stack: Stack, { effect, anotherNode, losesState }: Fate): string[][] {
  if (effect !== "new droplet" && effect !== "destroyed") return [];
  const gone = effect === "destroyed";
  const outputs = find(stack.before.values(), TYPE.stack)?.outputs ?? {};
  const droplet = find(stack.before.values(), TYPE.droplet);
  const tailnet = outputs["tailnet"] as { name?: unknown; address?: unknown } | undefined;
  const shown = (value: unknown) => (textOf(value) === undefined ? "?" : code(String(value)));
  return [
    ["public address", shown(droplet?.outputs?.["ipv4Address"]), gone ? "none" : "another one"],
    [
      "name in the tailnet",
      shown(tailnet?.name),
      gone ? "none" : anotherNode ? "a new node" : "the same node and address",
    ],
    ["sessions, memory, pairing", "there", losesState ? "**lost**" : "kept, on the volume"],
  ];
}

function memoryRows(memory: ReportInput["memory"]): string[][] {
  const { before, after } = memory ?? {};
  if (before === undefined || after === undefined || isDeepStrictEqual(before, after)) return [];
  const words = ({ totalMiB, memTotalMiB, swapMiB }: MemoryPlan) =>
    `${grouped(totalMiB)} of ${grouped(memTotalMiB)} MiB<br><sub>and ${grouped(swapMiB)} of swap</sub>`;
  return [["memory planned", words(before), words(after)]];
}

function meaning({ words }: Fate, { warnings }: Said): Section[] {
  const flat = (text: string): string => text.replaceAll("`", "").replace(/\s+/g, " ");
  // The program may have said the same, and more.
  const own = words.filter((each) => !warnings.some((text) => flat(text).includes(flat(each))));
  const all = [...warnings.map((text) => prose(clip(text, 1000))), ...own];
  return all.length === 0 ? [] : [whole(all.map((each) => `- ${each}`).join("\n"))];
}

function resourcesSection(stack: Stack, failed: boolean): Section {
  const title = `Resources: ${counts(stack)}${failed ? ", as far as the preview came" : ""}`;
  return {
    versions: [
      folded(title, resourceTable(stack, 200)),
      folded(title, resourceTable(stack, 15)),
      `${title}. The table is cut here.`,
    ],
    rank: 3,
  };
}

function saidSection({ notes }: Said): Section {
  const bullets = notes.map((text) => `- ${prose(clip(text, 2000))}`);
  const version = (most: number): string => {
    const { lines, cut } = headOf(bullets, most);
    return folded("What the program says", [lines.join("\n"), ...(cut === undefined ? [] : [cut])].join("\n\n"));
  };
  return { versions: [version(50), version(8), ""], rank: 6 };
}
