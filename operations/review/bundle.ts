import { isDeepStrictEqual } from "node:util";
import type { BundleFile } from "../../gateway/bundle";
import { OPENCLAW_CONFIG } from "../../gateway/paths";
import { isMap } from "../../lib/maps";
import { find, SECRET, TYPE, UNKNOWN, type Stack } from "./stack";

/** A file that the droplet is given. Only known: its lines, or that it is no text. */
export interface FileChange {
  /** On the droplet; in a workspace `workspace of AGENT: PATH`. */
  path: string;
  /** Absent: a file of the system. */
  agent?: string;
  before?: BundleFile;
  after?: BundleFile;
}

/** The plain bundle as far as it is read here. */
interface Bundle {
  files: Record<string, BundleFile>;
  workspaces: Record<string, Record<string, BundleFile>>;
  /** openclaw, node, ollama: what is to be installed. */
  rest: Record<string, unknown>;
}

export interface Bundles {
  before?: Bundle;
  after?: Bundle;
  /** The preview cannot know it yet. */
  unknown: boolean;
}

/** The configuration that the droplet has and the one it gets. */
export function bundlesOf(stack: Stack): Bundles {
  const stdin = (all: Stack["before"]) => find(all.values(), TYPE.command, "-config")?.inputs?.["stdin"];
  const [before, after] = [stdin(stack.before), stdin(stack.after)];
  const parsed = { before: parse(before), after: parse(after) };
  return {
    ...(parsed.before === undefined ? {} : { before: parsed.before }),
    ...(parsed.after === undefined ? {} : { after: parsed.after }),
    unknown: after === UNKNOWN || after === SECRET,
  };
}

/** Whatever it is: what cannot be read is not shown. */
function parse(stdin: unknown): Bundle | undefined {
  if (typeof stdin !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(stdin);
    if (!isMap(value) || value["kind"] !== "config") return undefined;
    const { files, workspaces, ...rest } = value;
    const agents = isMap(workspaces) ? Object.entries(workspaces) : [];
    return {
      files: filesIn(files),
      workspaces: Object.fromEntries(agents.map(([id, own]) => [id, filesIn(own)])),
      rest: Object.fromEntries(Object.entries(rest).filter(([key]) => key !== "hermes" && key !== "kind")),
    };
  } catch {
    return undefined;
  }
}

function filesIn(value: unknown): Record<string, BundleFile> {
  const entries = Object.entries(isMap(value) ? value : {}).filter(([, file]) => isFile(file));
  return Object.fromEntries(entries) as Record<string, BundleFile>;
}

const isFile = (file: unknown): boolean =>
  isMap(file) &&
  (typeof file["base64"] === "string" ||
    (Array.isArray(file["text"]) && file["text"].every((line) => typeof line === "string")));

/** Workspaces and openclaw.json first: they are what people edit. */
export function fileChanges({ before, after }: Bundles): FileChange[] {
  const agents = new Set([...Object.keys(before?.workspaces ?? {}), ...Object.keys(after?.workspaces ?? {})]);
  const own = [...agents].flatMap((agent) =>
    changed(before?.workspaces[agent] ?? {}, after?.workspaces[agent] ?? {}).map((change) => ({ ...change, agent })),
  );
  const system = changed(before?.files ?? {}, after?.files ?? {});
  const isConfig = ({ path }: FileChange) => path === OPENCLAW_CONFIG;
  return [...own, ...system.filter(isConfig), ...system.filter((change) => !isConfig(change))];
}

function changed(before: Record<string, BundleFile>, after: Record<string, BundleFile>): FileChange[] {
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return paths
    .filter((path) => !isDeepStrictEqual(before[path], after[path]))
    .map((path) => ({
      path,
      ...(before[path] === undefined ? {} : { before: before[path] }),
      ...(after[path] === undefined ? {} : { after: after[path] }),
    }));
}

export const linesOf = (file: BundleFile | undefined): string[] | undefined =>
  file === undefined ? [] : "text" in file ? file.text.join("\n").split("\n") : undefined;
