import { isMap, asMap } from "../../lib/maps";
import { baseName } from "../../lib/names";
import { stackFile } from "../stack/project";
import { stackOutputs, type StackOutputs } from "../stack/reach";
import { bringFile } from "../stack/sandbox-copy";
import { shown, verdicts, type Inventory, type SandboxStack, type Verdict } from "../sweep/sandboxes";
import { text } from "../sweep/things";
import { COMMIT, MODELS_KEY, PHASE, SANDBOX_OF } from "./file";
import { stackOf } from "./names";
import { originOf } from "./origin";
import { inventory, type Outside } from "./outside";
import { sandboxStacks } from "./stack";

/** A sandbox as `list` shows it. */
export interface Listed {
  name: string;
  stack: string;
  /** What its droplet is; `none` before and after it. */
  droplet: string;
  /** What it is otherwise: on the way, over, somebody else's. */
  state: string;
  /** RFC 3339; absent where nothing says it. */
  expires?: string;
  size?: string;
  monthlyUsd?: number;
  /** Its stack is in the backend here. */
  here: boolean;
}

export interface SandboxInventory {
  seen: Inventory;
  stacks: SandboxStack[];
  verdicts: Verdict[];
}

/** Things first, then leases, then stacks: see {@link verdicts}. */
export async function takeInventory(outside: Outside, now: Date = new Date()): Promise<SandboxInventory> {
  const seen = await inventory(outside);
  const stacks = await sandboxStacks();
  return { seen, stacks, verdicts: verdicts(seen, { now, origin: await originOf(), stacks }) };
}

export function listed({ seen, stacks, verdicts: all }: SandboxInventory): Listed[] {
  return all.map((verdict) => {
    const { name } = verdict;
    const droplet = seen.things.find((one) => one.kind === "droplet" && one.sandbox === name);
    const stack = stacks.find((one) => one.name === name);
    const expires = [...seen.leases.filter((lease) => lease.name === name), ...(stack === undefined ? [] : [stack])]
      .flatMap((one) => (one.expires === undefined ? [] : [one.expires.getTime()]))
      .reduce((last, time) => Math.max(last, time), 0);
    const price = isMap(droplet?.entry?.["size"]) ? droplet.entry["size"]["price_monthly"] : undefined;
    return {
      name,
      stack: stackOf(name),
      droplet: droplet?.entry === undefined ? "none" : text(droplet.entry, "status"),
      state: stateOf(verdict, stack),
      ...(expires === 0 ? {} : { expires: new Date(expires).toISOString() }),
      ...(droplet?.entry === undefined ? {} : { size: text(droplet.entry, "size_slug") }),
      ...(typeof price === "number" ? { monthlyUsd: price } : {}),
      here: stack !== undefined,
    };
  });
}

function stateOf({ name, act, why }: Verdict, stack: SandboxStack | undefined): string {
  if (act === "remove") return why;
  if (stack === undefined) return "of another engine";
  const phase = stackFile(stackOf(name))?.config?.[PHASE];
  return typeof phase === "string" ? phase : "no file";
}

const COLUMNS = ["name", "state", "droplet", "size", "until", "a month"];

export function listText(all: readonly Listed[]): string {
  if (all.length === 0) return "no sandbox is there; make one: ./hermes sandbox create NAME\n";
  const rows = all.map(({ name, state, droplet, size, expires, monthlyUsd }) => [
    name,
    state,
    droplet,
    size ?? "-",
    expires === undefined ? "-" : shown(new Date(expires)),
    monthlyUsd === undefined ? "-" : `$${monthlyUsd}`,
  ]);
  return grid([COLUMNS, ...rows]);
}

/** Aligned columns. */
export function grid(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

/** Everything that is known of one. */
export interface Shown extends Listed {
  of?: string;
  commit?: string;
  /** Whether its key for models is the stack's. */
  modelsKey?: string;
  telegram: boolean;
  idle?: string;
  outputs?: StackOutputs;
  /** Everything outside that is its own. */
  things: { kind: string; id: string; name: string }[];
}

export async function shownOf(name: string, outside: Outside): Promise<Shown | undefined> {
  await bringFile(stackOf(name));
  const scene = await takeInventory(outside);
  const one = listed(scene).find((each) => each.name === name);
  if (one === undefined) return undefined;
  const config = stackFile(one.stack)?.config ?? {};
  const outputs = one.here ? await stackOutputs({ stack: one.stack }).catch(() => undefined) : undefined;
  const word = (key: string): string | undefined => (typeof config[key] === "string" ? config[key] : undefined);
  const idle = asMap(config["hermes:sandbox"])["idle"];
  return {
    ...one,
    ...given("of", word(SANDBOX_OF)),
    ...given("commit", word(COMMIT)),
    ...given("modelsKey", word(MODELS_KEY)),
    telegram: Object.keys(asMap(config["hermes:telegram"])).length > 0,
    ...given("idle", typeof idle === "string" ? idle : undefined),
    ...given("outputs", outputs),
    things: scene.seen.things
      .filter((each) => each.sandbox === name)
      .map(({ kind, id, name: called }) => ({ kind, id, name: called })),
  };
}

const given = <K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> =>
  value === undefined ? {} : ({ [key]: value } as Record<K, V>);

/** Rows of `show`. */
export function shownRows(one: Shown): [string, string][] {
  const { name, stack, outputs } = one;
  const models =
    one.modelsKey === "own"
      ? "its own"
      : `shared with ${one.of ?? "the stack"}, on purpose: what it spends, that one spends`;
  return [
    ["sandbox", `${name}, ${one.state}; droplet ${one.droplet}${one.size === undefined ? "" : `, ${one.size}`}`],
    ["until", one.expires === undefined ? "nothing says it" : shown(new Date(one.expires))],
    ["tailnet", `${outputs?.tailnet.name ?? baseName(stack)}, ephemeral: after a long silence it does not come back`],
    ["program", one.commit === undefined ? "as it is in this folder" : `commit ${one.commit}`],
    ["models", `key ${models}`],
    ["telegram", one.telegram ? "a bot of its own" : "none"],
    [
      "ends",
      one.idle === undefined
        ? "at its time only"
        : `or after ${one.idle} without an agent's work: switches itself off, and goes with the next sweep`,
    ],
    ...(outputs === undefined
      ? ([["things", one.things.map(({ kind, name: called }) => `${kind} ${called}`).join(", ") || "none"]] as [
          string,
          string,
        ][])
      : accessRows(name, stack)),
  ];
}

export const accessRows = (name: string, stack: string): [string, string][] => [
  ["tunnel", `./hermes tunnel --stack ${stack}`],
  ["token", `pulumi stack output gatewayToken --show-secrets --stack ${stack}`],
  ["shell", `./hermes ssh --stack ${stack}`],
  ["longer", `./hermes sandbox extend ${name} --ttl 4h`],
  ["over", `./hermes sandbox destroy ${name}`],
];
