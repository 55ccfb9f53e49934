import { lstatSync, readFileSync, readdirSync, realpathSync, statSync } from "node:fs";
import { isAbsolute, join, relative, sep } from "node:path";
import type { Reader } from "./reader";

/** What stands at a workspace's path. */
export type Workspace =
  { kind: "folder"; entries: WorkspaceEntry[]; complete: boolean } | { kind: "missing" | "file" | "outside" };

interface WorkspaceEntry {
  /** Path in the workspace, with `/`. */
  path: string;
  /** `link`: a symbolic link to a file in the workspace; `leaving`: a link to anything else. */
  kind: "file" | "link" | "leaving" | "other";
  bytes: number;
  /** Length as text, for files that OpenClaw puts into the prompt. */
  characters?: number;
}

/** Files that OpenClaw puts into every prompt, with the characters after which it cuts them (`bootstrapMaxChars`). */
const PROMPT_FILES: Readonly<Record<string, number>> = {
  "AGENTS.md": 20_000,
  "SOUL.md": 20_000,
  "TOOLS.md": 20_000,
  "IDENTITY.md": 20_000,
  "BOOTSTRAP.md": 20_000,
  "HEARTBEAT.md": 20_000,
  "MEMORY.md": 20_000,
  "USER.md": 4_000,
};

/** Characters of all prompt files of one agent (`bootstrapTotalMaxChars`). */
const PROMPT_TOTAL = 60_000;

/** Bytes of one workspace file: the bundle is read in previews and kept in the state. */
const FILE_MAX_BYTES = 256 * 1024;

/** Bytes of all workspaces together. */
export const TOTAL_MAX_BYTES = 1024 * 1024;

/** Files of one workspace; a reader stops there. */
export const FILES_MAX = 500;

const SEGMENT = /^[\p{L}\p{N}._][\p{L}\p{N}._ +@()-]*$/u;

/** Lists a workspace folder of the project. Reads no link, only where it leads. */
export function readWorkspace(project: string, folder: string): Workspace {
  const root = realpathSync(project);
  let real: string;
  try {
    real = realpathSync(join(root, folder));
  } catch {
    return { kind: "missing" };
  }
  if (!isInside(root, real)) return { kind: "outside" };
  if (!statSync(real).isDirectory()) return { kind: "file" };
  const entries: WorkspaceEntry[] = [];
  const complete = walk(real, "", entries);
  return { kind: "folder", entries, complete };
}

function walk(root: string, folder: string, entries: WorkspaceEntry[]): boolean {
  for (const name of readdirSync(join(root, folder)).sort()) {
    if (entries.length >= FILES_MAX) return false;
    const path = folder === "" ? name : `${folder}/${name}`;
    if (lstatSync(join(root, path)).isDirectory()) {
      if (!walk(root, path, entries)) return false;
    } else {
      entries.push(describe(root, path));
    }
  }
  return true;
}

function describe(root: string, path: string): WorkspaceEntry {
  const full = join(root, path);
  const stat = lstatSync(full);
  if (stat.isSymbolicLink() && !leadsToFileIn(root, full)) return { path, kind: "leaving", bytes: 0 };
  if (!stat.isSymbolicLink() && !stat.isFile()) return { path, kind: "other", bytes: 0 };
  const bytes = statSync(full).size;
  const entry: WorkspaceEntry = { path, kind: stat.isSymbolicLink() ? "link" : "file", bytes };
  if (path in PROMPT_FILES && bytes <= FILE_MAX_BYTES) entry.characters = readFileSync(full, "utf8").length;
  return entry;
}

function leadsToFileIn(root: string, link: string): boolean {
  try {
    const target = realpathSync(link);
    return isInside(root, target) && statSync(target).isFile();
  } catch {
    return false;
  }
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === "" || (!isAbsolute(way) && way !== ".." && !way.startsWith(`..${sep}`));
}

const FOLDER_ALLOWED = "A folder in the project that holds SOUL.md, AGENTS.md and what else the agent starts with.";

/** A workspace's path as configuration has it: relative, in the project, without `..`. */
export function readFolder(reader: Reader, key: string, value: unknown): string | undefined {
  const fix = 'Give a path relative to the project, for example "./workspace/main".';
  const folder = reader.text(key, value, { allowed: FOLDER_ALLOWED, fix });
  if (folder === undefined) return undefined;
  const segments = folder.replace(/\/+$/, "").split("/");
  const plain = segments.filter((segment, i) => !(i === 0 && segment === "."));
  if (isAbsolute(folder) || plain.length === 0 || plain.includes("..") || folder.includes("\\")) {
    reader.reject(key, folder, "it is not a folder below the project's own", FOLDER_ALLOWED, fix);
    return undefined;
  }
  return folder;
}

/** Everything that would keep a workspace from arriving whole. Returns the bytes that it adds to the bundle. */
export function checkWorkspace(reader: Reader, key: string, folder: string, workspace: Workspace): number {
  if (workspace.kind !== "folder") {
    const wrong = { missing: "there is no such folder", file: "it is a file", outside: "it leads out of the project" };
    reader.reject(key, folder, wrong[workspace.kind], FOLDER_ALLOWED, `Create ${folder} with a SOUL.md in it.`);
    return 0;
  }
  const { entries, complete } = workspace;
  if (!complete)
    reader.reject(
      key,
      folder,
      `it holds more than ${FILES_MAX} files`,
      `At most ${FILES_MAX} files travel with the configuration.`,
      "Remove what the agent does not start with, such as node_modules.",
    );
  for (const entry of entries) checkEntry(reader, key, folder, entry);
  checkPromptTotal(reader, key, folder, entries);
  return entries.reduce((sum, entry) => sum + entry.bytes, 0);
}

function checkEntry(reader: Reader, key: string, folder: string, entry: WorkspaceEntry): void {
  const name = JSON.stringify(entry.path);
  const reject = (wrong: string, allowed: string, fix: string) => reader.reject(key, folder, wrong, allowed, fix);
  const limit = PROMPT_FILES[entry.path];
  if (entry.path.split("/").some((segment) => !SEGMENT.test(segment) || segment.trimEnd() !== segment))
    reject(
      `the name ${name} in it is odd`,
      "File names of letters, digits and ._ +@()- that do not start with a dash.",
      "Rename the file.",
    );
  if (entry.path.split("/").includes(".git"))
    reject(
      `${name} is part of a Git repository`,
      "Files that the agent starts with.",
      "Point at a folder without .git.",
    );
  if (entry.kind === "leaving")
    reject(
      `the link ${name} in it leads out of the folder, to a folder or nowhere`,
      "Files, and links to files in the same workspace.",
      "Replace the link by a copy of the file.",
    );
  if (entry.kind === "other")
    reject(`${name} in it is neither file nor folder`, "Files and folders.", "Remove it from the workspace.");
  if (entry.bytes > FILE_MAX_BYTES)
    reject(
      `${name} in it has ${entry.bytes.toLocaleString("en")} bytes`,
      `A workspace file has at most ${FILE_MAX_BYTES.toLocaleString("en")} bytes.`,
      "Give the agent a URL or an MCP server for what is larger.",
    );
  if (limit !== undefined && (entry.characters ?? 0) > limit)
    reject(
      `${name} in it has ${(entry.characters ?? 0).toLocaleString("en")} characters`,
      `OpenClaw cuts ${entry.path} after ${limit.toLocaleString("en")} characters.`,
      "Shorten it, or move parts into files that it names and the agent reads when needed.",
    );
}

function checkPromptTotal(reader: Reader, key: string, folder: string, entries: readonly WorkspaceEntry[]): void {
  const total = entries.reduce((sum, entry) => sum + (entry.characters ?? 0), 0);
  if (total <= PROMPT_TOTAL) return;
  reader.reject(
    key,
    folder,
    `the files in it that go into every prompt have ${total.toLocaleString("en")} characters`,
    `OpenClaw cuts them after ${PROMPT_TOTAL.toLocaleString("en")} in all.`,
    "Shorten them, or move parts into files that they name and the agent reads when needed.",
  );
}
