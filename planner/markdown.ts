import { budget, fit, grouped } from "./budget";
import { localModels, type LocalModel } from "./local-models";
import { FIGURES, FIRST_ESTIMATE, MEASURED, type Constants } from "./measured";
import type { CacheType, Load, Outcome } from "./types";

const CONTEXT = 65_536;
const CACHE_TYPES: readonly CacheType[] = ["f16", "q8_0", "q4_0"];
const GB = [4, 8, 16, 32];
const WORDS: Readonly<Record<Outcome, string>> = { fits: "yes", tight: "tight", no: "—" };

/** The tables of docs/memory.md by the name of their marker, so that the page says what the code does. */
export function memoryTables(constants: Constants = MEASURED): Record<string, string> {
  const nine = localModels().find(({ tag }) => tag === "qwen3.5:9b");
  return {
    constants: constantsTable(),
    "2 GB": budgetTable(2, undefined, constants),
    "16 GB": budgetTable(16, nine, constants),
    fits: fitsTable(constants),
  };
}

/** The text with each table between its markers, `<!-- planner: NAME -->` and `<!-- planner: end -->`. */
export function withTables(text: string, tables: Record<string, string>): string {
  return Object.entries(tables).reduce((page, [name, rows]) => {
    const [before, rest] = page.split(`<!-- planner: ${name} -->`);
    const end = rest?.indexOf("<!-- planner: end -->") ?? -1;
    if (before === undefined || rest === undefined || end === -1) throw new Error(`no place for the table ${name}`);
    // The markers are in the middle of Prettier's: it would widen the columns.
    return `${before}<!-- planner: ${name} -->\n<!-- prettier-ignore-start -->\n${rows}\n<!-- prettier-ignore-end -->\n${rest.slice(end)}`;
  }, text);
}

function constantsTable(): string {
  const rows = Object.entries(FIGURES).map(([name, { value, mark, source }]) => [`\`${name}\``, value, mark, source]);
  return table(["constant", "value", "mark", "source"], rows);
}

/** Two agents and two stdio MCP servers, with and without a model. */
function budgetTable(gb: number, model: LocalModel | undefined, constants: Constants): string {
  const load = { ...loadWith("q8_0"), agents: 2, stdioMcpServers: 2 };
  const { lines, totalMiB, headroomMiB, memTotalMiB } = budget(gb * 1024, load, model, constants);
  const rows = [
    ...lines.map(({ what, mib }) => [what, grouped(mib)]),
    ["**in all**", `**${grouped(totalMiB)}**`],
    ...(headroomMiB > 0 ? [["headroom", grouped(headroomMiB)]] : []),
    ["MemTotal", grouped(memTotalMiB)],
  ];
  return table(["what", "MiB"], rows);
}

function fitsTable(constants: Constants): string {
  const rows = localModels().map((model) => [
    `\`${model.tag}\``,
    remark(model),
    CACHE_TYPES.map((cacheType) => grouped(budget(0, loadWith(cacheType), model, constants).totalMiB)).join(" / "),
    ...GB.map((gb) => CACHE_TYPES.map((cacheType) => cell(gb, model, cacheType, constants)).join(" / ")),
  ]);
  return table(["tag", "64K?", "MiB in all", ...GB.map((gb) => `${gb} GB`)], rows);
}

function remark({ nativeContext, tools }: LocalModel): string {
  if (!tools) return "no tools";
  return nativeContext < CONTEXT ? `no: ${grouped(nativeContext)}` : "yes";
}

/** What it is with the shipped constants; where the first estimate said otherwise, that too. */
function cell(gb: number, model: LocalModel, cacheType: CacheType, constants: Constants): string {
  const [now, first] = [constants, FIRST_ESTIMATE].map(
    (figures) => WORDS[fit(budget(gb * 1024, loadWith(cacheType), model, figures))],
  );
  return now === first ? `${now}` : `**${now}** (was ${first})`;
}

function loadWith(cacheType: CacheType): Load {
  return { agents: 1, stdioMcpServers: 0, localModel: { contextTokens: CONTEXT, cacheType } };
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
