/** Memory over time as an SVG picture: areas by role stacked, the whole group's line over them, and what happened. */
import { ROLES, type Role, type Sample } from "./memory-sample";

export interface Plot {
  title: string;
  samples: Sample[];
  /** What happened when; milliseconds since the first reading. */
  events: { at: number; what: string }[];
  /** Horizontal lines, MiB: the limit, the planner's budget. */
  marks: { mib: number; what: string }[];
}

const WIDTH = 1000;
const HEIGHT = 480;
const MARGIN = { left: 64, right: 24, top: 56, bottom: 100 };
const BOX = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };

/** Bottom to top. */
const STACK: readonly Role[] = [...ROLES].reverse();

const COLOURS: Readonly<Record<Role, string>> = {
  gateway: "#3b6ea5",
  "gateway helpers": "#7fa8d1",
  "MCP servers": "#e0913a",
  "agents' account": "#8a6bb1",
  commands: "#c9c04b",
  tailscaled: "#5f9e6e",
  sshd: "#9cc9a6",
  journald: "#b8b8b8",
  "other system": "#8c8c8c",
};

export function memoryPlot({ title, samples, events, marks }: Plot): string {
  const until = Math.max(1, samples.at(-1)?.at ?? 1);
  const top = Math.max(...marks.map(({ mib }) => mib), ...samples.map(({ rss, swap }) => rss + swap)) * 1.05;
  const x = (at: number): number => round(MARGIN.left + (at / until) * BOX.width);
  const y = (mib: number): number => round(MARGIN.top + BOX.height * (1 - mib / top));
  const parts = [
    `<text x="${MARGIN.left}" y="22" class="title">${escape(title)}</text>`,
    `<text x="${MARGIN.left - 8}" y="${MARGIN.top - 12}" text-anchor="end">MiB</text>`,
    ...gridLines(top, y),
    ...timeAxis(until, x),
    ...areas(samples, x, y),
    line(
      samples.map(({ at, rss, swap }) => [x(at), y(rss + swap)]),
      "total",
    ),
    line(
      samples.map(({ at, swap }) => [x(at), y(swap)]),
      "swap",
    ),
    ...eventLabels(events, x),
    ...[...marks].sort((a, b) => b.mib - a.mib).map(({ mib, what }, rank) => mark(y(mib), what, mib, rank === 0)),
    ...legend(),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<style>${STYLE}</style>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

const STYLE = [
  ".title{font-size:16px;font-weight:bold}",
  ".grid{stroke:#e4e4e4}",
  ".total{fill:none;stroke:#000;stroke-width:1.5}",
  ".swap{fill:none;stroke:#c0392b;stroke-width:1.5;stroke-dasharray:4 2}",
  ".mark{stroke:#c0392b;stroke-dasharray:8 4}",
  ".event{stroke:#555;stroke-dasharray:2 3}",
  ".small{font-size:11px;fill:#444;paint-order:stroke;stroke:#fff;stroke-width:3px}",
].join("");

function gridLines(top: number, y: (mib: number) => number): string[] {
  const steps = Array.from({ length: Math.floor(top / 256) + 1 }, (_, index) => index * 256);
  return steps.flatMap((mib) => [
    `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(mib)}" y2="${y(mib)}"/>`,
    `<text x="${MARGIN.left - 8}" y="${y(mib) + 4}" text-anchor="end">${mib.toLocaleString("en")}</text>`,
  ]);
}

function timeAxis(until: number, x: (at: number) => number): string[] {
  const minutes = Array.from({ length: Math.floor(until / 60_000) + 1 }, (_, index) => index);
  const bottom = MARGIN.top + BOX.height;
  return minutes.map(
    (minute) => `<text x="${x(minute * 60_000)}" y="${bottom + 18}" text-anchor="middle">${minute} min</text>`,
  );
}

/** Between two readings of the roles the last one stands. */
function areas(samples: Sample[], x: (at: number) => number, y: (mib: number) => number): string[] {
  const known = samples.flatMap(({ at, roles }) => (roles === undefined ? [] : [{ at, roles }]));
  const below = known.map(() => 0);
  return STACK.map((role) => {
    const floor = known.map(({ at }, index) => `${x(at)},${y(below[index] ?? 0)}`);
    known.forEach(({ roles }, index) => (below[index] = (below[index] ?? 0) + (roles[role] ?? 0)));
    const ceiling = known.map(({ at }, index) => `${x(at)},${y(below[index] ?? 0)}`);
    return `<polygon fill="${COLOURS[role]}" points="${[...ceiling, ...floor.reverse()].join(" ")}"/>`;
  });
}

function line(points: [number, number][], kind: string): string {
  return `<polyline class="${kind}" points="${points.map((point) => point.join(",")).join(" ")}"/>`;
}

/** The highest has its words above it, the others below, so that two close ones can be read. */
function mark(height: number, what: string, mib: number, above: boolean): string {
  const end = WIDTH - MARGIN.right;
  return (
    `<line class="mark" x1="${MARGIN.left}" x2="${end}" y1="${height}" y2="${height}"/>` +
    `<text class="small" x="${end}" y="${height + (above ? -4 : 13)}" text-anchor="end">` +
    `${escape(what)}, ${mib.toLocaleString("en")} MiB</text>`
  );
}

function eventLabels(events: Plot["events"], x: (at: number) => number): string[] {
  const bottom = MARGIN.top + BOX.height;
  return events.map(
    ({ at, what }) =>
      `<line class="event" x1="${x(at)}" x2="${x(at)}" y1="${MARGIN.top - 6}" y2="${bottom}"/>` +
      `<text class="small" x="${x(at) + 3}" y="${MARGIN.top - 8}">${escape(what)}</text>`,
  );
}

function legend(): string[] {
  const entries: [string, string][] = [
    ...ROLES.map((role): [string, string] => [role, COLOURS[role]]),
    ["all (rss + swap)", "#000"],
    ["of it in swap", "#c0392b"],
  ];
  const [perRow, width] = [6, BOX.width / 6];
  return entries.map(([what, colour], index) => {
    const left = MARGIN.left + (index % perRow) * width;
    const height = HEIGHT - 52 + Math.floor(index / perRow) * 20;
    return (
      `<rect x="${left}" y="${height}" width="12" height="12" fill="${colour}"/>` +
      `<text x="${left + 17}" y="${height + 10}">${escape(what)}</text>`
    );
  });
}

const round = (value: number): number => Math.round(value * 10) / 10;

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
