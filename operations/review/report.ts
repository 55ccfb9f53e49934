import { bundlesOf, type Bundles } from "./bundle";
import { contentDiffs, contentSections } from "./content";
import { driftOf, driftSection, type Drift } from "./drift";
import { dropletOutcome, type DropletOutcome } from "./droplet-outcome";
import { exposureOf, type ExposureChange } from "./exposure";
import { saidBy, type Said } from "./failure";
import { fitted, headOf, whole, type Section } from "./fit";
import { costOf } from "./money";
import { counts, resourceTable } from "./resources";
import { stackOf, type Stack } from "./stack";
import { summaryTable } from "./summary-table";
import { block, clip, code, folded, prose, wrapped } from "./text";
import { topology } from "./topology";
import type { Level, Report, ReportInput, Verdict } from "./types";
import { verdictOf, type Judged } from "./verdict";

/** Both forges take about 65,000 characters in a comment; whoever posts adds a few. */
const LIMIT = 60_000;
const MOST_ERRORS = 10;
/** Of an error's lines: a page does not break them. */
const WIDTH = 100;

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
  const parts: Parts = {
    ...{
      input,
      stack,
      bundles,
      outcome: dropletOutcome(stack, bundles),
      exposure: exposureOf(stack),
      said: saidBy(input),
    },
    ...(input.drift === undefined ? {} : { drift: driftOf(input.drift) }),
  };
  const verdict = verdictOf(judged(parts));
  return { verdict, markdown: fitted(sectionsOf(parts, verdict), input.limit ?? LIMIT) };
}

/** What was found out, before it is put into words. */
interface Parts {
  input: ReportInput;
  stack: Stack;
  bundles: Bundles;
  outcome: DropletOutcome;
  exposure: ExposureChange;
  said: Said;
  drift?: Drift;
}

function judged({ stack, outcome, exposure, said, drift }: Parts): Judged {
  const broken = said.violations.map(({ rule }) => rule);
  return {
    ...{ outcome, exposure, broken: [...new Set(broken)] },
    failed: said.errors.length > 0,
    unchanged: stack.changes.length === 0,
    drifted: new Set(drift?.rows.map(({ urn }) => urn)).size,
    openNow: drift?.openNow ?? [],
  };
}

/** In the order in which they are read; of a preview that failed only what is sure. */
function sectionsOf(parts: Parts, verdict: Verdict): Section[] {
  const { input, stack, said, drift } = parts;
  const failed = said.errors.length > 0;
  return [
    whole(headline(input, verdict, stack)),
    ...said.errors.slice(0, MOST_ERRORS).map(errorSection),
    ...violationsSection(said),
    ...(failed ? [] : understood(parts)),
    ...(drift === undefined ? [] : [whole(driftSection(drift))]),
    ...(failed ? [] : contentSections(contentDiffs(parts.bundles))),
    ...(stack.changes.length === 0 ? [] : [resourcesSection(stack, failed)]),
    ...(failed ? [] : pictureSection(parts)),
    ...notesSection(said),
  ];
}

function headline({ stack: name }: ReportInput, { level, line }: Verdict, stack: Stack): string {
  const what = counts(stack);
  const state =
    level === "error"
      ? `the preview ended early${what === "" ? "" : `; so far ${what}`}`
      : what === ""
        ? "nothing to do"
        : what;
  return `> [!${ALERT[level]}]\n> ${line}\n\nStack ${code(name)}: ${state}.`;
}

/** At a glance, and in words. */
function understood({ input, stack, outcome, exposure, said }: Parts): Section[] {
  const cost = costOf(stack, input.catalogue);
  return [whole(summaryTable({ stack, outcome, exposure, cost, memory: input.memory })), ...meaning(outcome, said)];
}

const violationsSection = ({ violations }: Said): Section[] =>
  bulletSection(
    violations.map(({ text }) => `- ${prose(text)}`),
    1,
    (text) => text,
  );

function pictureSection({ stack, exposure, bundles }: Parts): Section[] {
  const picture = topology(stack, exposure, bundles);
  if (picture === undefined) return [];
  return [{ versions: [folded("Picture: what stands where, and who reaches it", picture), ""], rank: 5 }];
}

const notesSection = ({ notes }: Said): Section[] =>
  bulletSection(
    notes.map((text) => `- ${prose(clip(text, 2000))}`),
    6,
    (text) => folded("What the program says", text),
  );

function bulletSection(bullets: readonly string[], rank: number, wrap: (text: string) => string): Section[] {
  if (bullets.length === 0) return [];
  const version = (most: number): string => {
    const { lines, cut } = headOf(bullets, most);
    return wrap([lines.join("\n"), ...(cut === undefined ? [] : [cut])].join("\n\n"));
  };
  return [{ versions: [version(50), version(8)], rank }];
}

function errorSection(text: string): Section {
  const lines = text.split("\n").flatMap((line) => wrapped(clip(line, 2000), WIDTH));
  const version = (most: number) => {
    const head = headOf(lines, most);
    return `${block("", head.lines)}${head.cut === undefined ? "" : `\n\n${head.cut}`}`;
  };
  return { versions: [version(Infinity), version(60), version(8)], rank: 1 };
}

function meaning({ words }: DropletOutcome, { warnings }: Said): Section[] {
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
