import { grouped } from "../../planner/budget";
import type { Budget } from "../../planner/types";
import { barOf, letterOf, type Bar, type Kind } from "./bar";
import { dollars, wrap } from "./format";
import { headline, otherBudget, otherTitle, plannedBudget, pricesText, swapText, type PlanView } from "./text";

/** Measures in px; the text's width is estimated, for nothing measures it here. */
const WIDTH = 760;
const MARGIN = 28;
const INNER = WIDTH - 2 * MARGIN;
const BAR_HEIGHT = 44;
const ROW = 22;
const CHARACTERS = 98;

const CLASS: Readonly<Record<Kind, string>> = {
  system: "system",
  gateway: "gateway",
  "local model": "model",
  free: "free",
  headroom: "headroom",
};

/** Readable on light and dark pages: it has a ground of its own, which follows the reader's scheme. */
const STYLE = `
  text { font: 14px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
  .head { font-size: 16px; font-weight: 600 } .part { font-weight: 600 }
  .small { font-size: 13px; fill: #59636e } .number { text-anchor: end; font-variant-numeric: tabular-nums }
  .letter { text-anchor: middle; font-weight: 600; fill: #fff }
  .ground { fill: #fff } .edge { stroke: #fff } .mark { stroke: #1f2328; stroke-width: 2 }
  .system { fill: #8a5a00 } .gateway { fill: #0b6e74 } .model { fill: #7a3fb0 } .model.odd { fill: #9b62d1 }
  .free { fill: #e4e8ec } .headroom { fill: #8ccb9a } .beyond { fill: url(#stripes) } .stripe { stroke: #fff; stroke-opacity: .5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9aa4ae } .letter { fill: #fff }
    .ground { fill: #0d1117 } .edge { stroke: #0d1117 } .mark { stroke: #e6edf3 }
    .system { fill: #9a6700 } .gateway { fill: #0e7f86 } .model { fill: #8250c4 } .model.odd { fill: #6a3da6 }
    .free { fill: #2a313a } .headroom { fill: #2c7a46 } .stripe { stroke: #0d1117 }
  }
`;

const STRIPES =
  '<defs><pattern id="stripes" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">' +
  '<line class="stripe" x1="1" y1="0" x2="1" y2="8" stroke-width="2"/></pattern></defs>';

/** The memory of one size as a picture that needs nothing beside itself. */
export function planSvg(view: PlanView): string {
  const { plan } = view;
  const page = new Page();
  page.lines(headline(view), "head", 76);
  panel(page, "memory, MiB", plannedBudget(plan));
  const other = otherBudget(plan);
  if (other !== undefined) panel(page, `${otherTitle(plan)}, MiB`, other);
  page.gap(8);
  for (const text of notes(view)) {
    page.gap(4);
    page.lines(text, "small", CHARACTERS);
  }
  return document(page, `Memory of ${plan.size.slug}`, description(view));
}

function notes({ plan, catalogue }: PlanView): string[] {
  const { cost, local } = plan;
  const price = `${dollars(cost.monthlyUsd)} a month; prices ${pricesText(catalogue)}.`;
  return [`Swap: ${swapText(plan)}`, local.why, ...(local.fix === undefined ? [] : [local.fix]), price];
}

/** The same for those who do not see it. */
function description(view: PlanView): string {
  const { lines, totalMiB, memTotalMiB } = plannedBudget(view.plan);
  const parts = lines.map(({ what, mib }) => `${what} ${grouped(mib)}`).join(", ");
  return (
    `${headline(view)}. MiB: ${parts}; in all ${grouped(totalMiB)} of ${grouped(memTotalMiB)}. ` + view.plan.local.why
  );
}

/** Shapes from top to bottom. */
class Page {
  readonly shapes: string[] = [];
  y = MARGIN;

  gap(height: number): void {
    this.y += height;
  }

  lines(text: string, style: string, characters: number): void {
    for (const line of wrap(text, characters)) {
      this.y += ROW;
      this.shapes.push(words(MARGIN, this.y - 6, style, line));
    }
  }
}

function panel(page: Page, title: string, budget: Budget): void {
  page.gap(12);
  page.lines(title, "part", CHARACTERS);
  page.gap(4);
  bar(page, barOf(budget), budget);
  legend(page, budget);
}

function bar(page: Page, { segments, wholeMiB }: Bar, budget: Budget): void {
  const px = INNER / wholeMiB;
  const top = page.y;
  const letters: string[] = [];
  let x = MARGIN;
  for (const [index, { kind, letter = "", mib }] of segments.entries()) {
    const width = mib * px;
    if (mib > 0) page.shapes.push(box(x, top, width, BAR_HEIGHT, `${shade(kind, index)} edge`));
    if (width >= 14 && letter !== "") letters.push(words(x + width / 2, top + 27, "letter", letter));
    x += width;
  }
  page.shapes.push(...limit(budget, MARGIN + budget.memTotalMiB * px, top), ...letters);
  page.y = top + BAR_HEIGHT + 28;
}

/** Where MemTotal ends, and what is beyond it. */
function limit({ memTotalMiB, totalMiB }: Budget, x: number, top: number): string[] {
  const bottom = top + BAR_HEIGHT;
  const mark = `<line class="mark" x1="${at(x)}" x2="${at(x)}" y1="${at(top - 5)}" y2="${at(bottom + 5)}"/>`;
  const label = `MemTotal ${grouped(memTotalMiB)}`;
  const shapes = [mark, words(x, bottom + 19, "small", label, x > WIDTH / 2 ? "end" : "start")];
  if (totalMiB <= memTotalMiB) return shapes;
  const end = WIDTH - MARGIN;
  const sum = words(end, bottom + 19, "small", `sum ${grouped(totalMiB)}`, "end");
  return [box(x, top, end - x, BAR_HEIGHT, "beyond"), ...shapes, ...(x < end - 130 ? [sum] : [])];
}

function legend(page: Page, { lines, totalMiB, memTotalMiB, headroomMiB }: Budget): void {
  const spare = memTotalMiB - totalMiB;
  for (const [index, { what, mib, part }] of lines.entries()) row(page, what, mib, shade(part, index), letterOf(index));
  row(page, "sum", totalMiB);
  row(page, spare < 0 ? "missing" : "spare", Math.abs(spare), spare < 0 ? undefined : "free");
  if (headroomMiB > 0) row(page, "headroom that has to stay spare", headroomMiB, "headroom");
}

function row(page: Page, what: string, mib: number, style?: string, letter = ""): void {
  page.y += ROW;
  const base = page.y - 6;
  if (style !== undefined) page.shapes.push(box(MARGIN, base - 13, 18, 18, style));
  if (letter !== "") page.shapes.push(words(MARGIN + 9, base + 1, "letter", letter));
  page.shapes.push(words(MARGIN + 30, base, "", what), words(MARGIN + 440, base, "number", grouped(mib)));
}

/** Neighbours of the same kind in turns. */
const shade = (kind: Kind, index: number): string =>
  kind === "local model" && index % 2 === 1 ? "model odd" : CLASS[kind];

function document(page: Page, title: string, description: string): string {
  const height = Math.ceil(page.y + MARGIN - 8);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
      'role="img" aria-labelledby="title description">',
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="description">${escaped(description)}</desc>`,
    `<style>${STYLE}</style>`,
    STRIPES,
    `<rect class="ground" width="${WIDTH}" height="${height}" rx="8"/>`,
    ...page.shapes,
    "</svg>",
    "",
  ].join("\n");
}

const at = (px: number): string => String(Number(px.toFixed(1)));

const box = (x: number, y: number, width: number, height: number, style: string): string =>
  `<rect class="${style}" x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}"/>`;

function words(x: number, y: number, style: string, text: string, anchor?: "start" | "end"): string {
  const attributes = `${style === "" ? "" : ` class="${style}"`}${anchor === undefined ? "" : ` text-anchor="${anchor}"`}`;
  return `<text${attributes} x="${at(x)}" y="${at(y)}">${escaped(text)}</text>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Control characters may stand in no XML, not even escaped. */
export function escaped(text: string): string {
  return text.replace(/\p{Cc}/gu, " ").replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
