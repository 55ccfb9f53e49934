import { isUtf8 } from "node:buffer";
import { existsSync, lstatSync, readFileSync, readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { secretForms } from "../lib/secret-forms";
import { IGNORE_FILE, ignoredIn } from "./ignored-files";
import type { Reader } from "./reader";

/** What stands at a workspace's path. */
export type Workspace =
  | { kind: "folder"; entries: WorkspaceEntry[]; complete: boolean; ignored?: readonly string[] }
  | { kind: "missing" | "file" | "outside" };

interface WorkspaceEntry {
  /** Path in the workspace, with `/`, composed (NFC): Git on macOS composes names, the disk there does not. */
  path: string;
  /** The same as the disk has it, where that is another spelling. */
  source?: string;
  /** `link`: a symbolic link to a file in the workspace; `leaving`: a link to anything else. */
  kind: "file" | "link" | "leaving" | "other" | "failed";
  /** Of one that cannot be read: the system's code. */
  failure?: string;
  bytes: number;
  /** Length as text, for files that OpenClaw puts into the prompt. */
  characters?: number;
  /** Of such a file: it is no UTF-8. */
  unreadable?: string;
  /** Names of the stack's secrets whose value it holds. */
  secrets?: string[];
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

/** Lists a workspace folder of the project. Reads no link, only where it leads. @param secrets looked for in its files */
export function readWorkspace(project: string, folder: string, secrets: Record<string, unknown> = {}): Workspace {
  const root = realpathSync(project);
  let real: string;
  try {
    real = realpathSync(join(root, folder));
  } catch {
    return { kind: "missing" };
  }
  if (!isInside(root, real)) return { kind: "outside" };
  if (!statSync(real).isDirectory()) return { kind: "file" };
  const walked: Walk = { root: real, ignored: () => false, secrets: searchable(secrets), entries: [], left: [] };
  try {
    walked.ignored = ignoredIn(ignoreList(real));
  } catch (error) {
    walked.entries.push(failed(IGNORE_FILE, error));
  }
  const complete = walk(walked, "");
  const { entries, left } = walked;
  return { kind: "folder", entries, complete, ...(left.length === 0 ? {} : { ignored: left }) };
}

function ignoreList(folder: string): string {
  const path = join(folder, IGNORE_FILE);
  return existsSync(path) && statSync(path).isFile() ? readFileSync(path, "utf8") : "";
}

const failed = (path: string, error: unknown): WorkspaceEntry => ({
  ...{ path, kind: "failed", bytes: 0 },
  failure: (error as NodeJS.ErrnoException).code ?? (error as Error).message,
});

interface Walk {
  root: string;
  ignored: (path: string, isFolder: boolean) => boolean;
  /** By name, each in every form that it may stand in. */
  secrets: [name: string, forms: string[]][];
  entries: WorkspaceEntry[];
  /** Prompt files that the list of ignored files leaves out. */
  left: string[];
}

/** Shorter ones stand in many a text. */
const SECRET_MIN = 8;

const searchable = (secrets: Record<string, unknown>): Walk["secrets"] =>
  Object.entries(secrets).map(([name, value]) => [
    name,
    typeof value === "string" ? secretForms(value).filter((form) => form.length >= SECRET_MIN) : [],
  ]);

function walk(walked: Walk, folder: string): boolean {
  let names: string[];
  try {
    names = readdirSync(join(walked.root, folder)).sort();
  } catch (error) {
    walked.entries.push(failed(folder === "" ? "." : folder, error));
    return true;
  }
  for (const name of names) {
    if (walked.entries.length >= FILES_MAX) return false;
    if (!visit(walked, folder === "" ? name : `${folder}/${name}`)) return false;
  }
  return true;
}

function visit(walked: Walk, path: string): boolean {
  try {
    const isFolder = lstatSync(join(walked.root, path)).isDirectory();
    if (walked.ignored(path, isFolder)) {
      if (path in PROMPT_FILES) walked.left.push(path);
      return true;
    }
    if (isFolder) return walk(walked, path);
    walked.entries.push(describe(walked, path));
  } catch (error) {
    // Also a name that is not UTF-8: decoded, it is another one, which is not there.
    walked.entries.push(failed(path, error));
  }
  return true;
}

function describe({ root, secrets }: Walk, source: string): WorkspaceEntry {
  const full = join(root, source);
  const stat = lstatSync(full);
  const path = source.normalize("NFC");
  const named = { path, ...(path === source ? {} : { source }) };
  if (stat.isSymbolicLink() && !leadsToFileIn(root, full)) return { ...named, kind: "leaving", bytes: 0 };
  if (!stat.isSymbolicLink() && !stat.isFile()) return { ...named, kind: "other", bytes: 0 };
  const bytes = statSync(full).size;
  const entry: WorkspaceEntry = { ...named, kind: stat.isSymbolicLink() ? "link" : "file", bytes };
  return bytes > FILE_MAX_BYTES ? entry : { ...entry, ...contentOf(readFileSync(full), path, secrets) };
}

function contentOf(content: Buffer, path: string, secrets: Walk["secrets"]): Partial<WorkspaceEntry> {
  const text = content.toString("utf8");
  const held = secrets.filter(([, forms]) => forms.some((form) => text.includes(form))).map(([name]) => name);
  const unreadable = path in PROMPT_FILES ? encodingFault(content) : undefined;
  return {
    ...(path in PROMPT_FILES ? { characters: text.length } : {}),
    ...(unreadable === undefined ? {} : { unreadable }),
    ...(held.length === 0 ? {} : { secrets: held }),
  };
}

function encodingFault(content: Buffer): string | undefined {
  const mark = content.subarray(0, 2).toString("hex");
  if (mark === "fffe" || mark === "feff" || content.includes(0)) return "is saved as UTF-16";
  return isUtf8(content) ? undefined : "is not UTF-8";
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

const FOLDER_ALLOWED =
  "A folder in the project with SOUL.md or AGENTS.md, and the other files that the agent starts with.";

/** A workspace's path as configuration has it: relative, in the project, without `..`. */
export function readFolder(reader: Reader, key: string, value: unknown): string | undefined {
  const such = "Write a path relative to the project, such as ./workspace/main.";
  const folder = reader.text(key, value, { allowed: FOLDER_ALLOWED, fix: such });
  if (folder === undefined) return undefined;
  const segments = folder.replace(/\/+$/, "").split("/");
  const plain = segments.filter((segment, i) => !(i === 0 && segment === "."));
  // No shell replaces ~ here.
  const leadsOut = isAbsolute(folder) || /^(~|[A-Za-z]:)/.test(folder) || plain.includes("..");
  if (leadsOut || plain.length === 0 || folder.includes("\\")) {
    const slashed = folder.replace(/\\+/g, "/");
    const isRight = !/^(~|[A-Za-z]:|\/)|(^|\/)\.\.(\/|$)/.test(slashed) && slashed !== ".";
    const fix = folder.includes("\\") && isRight ? `Write ${slashed}.` : such;
    reader.reject(key, folder, "it is not a folder below the project's own", FOLDER_ALLOWED, fix);
    return undefined;
  }
  return folder;
}

/** Everything that would keep a workspace from arriving whole. Returns the bytes that it adds to the bundle. */
export function checkWorkspace(reader: Reader, key: string, folder: string, workspace: Workspace): number {
  if (workspace.kind !== "folder") {
    const wrong = { missing: "there is no such folder", file: "it is a file", outside: "it leads out of the project" };
    const parent = dirname(folder);
    const fix =
      workspace.kind === "file" && parent !== "." ? `Write ${parent}.` : `Create ${folder} with a SOUL.md in it.`;
    reader.reject(key, folder, wrong[workspace.kind], FOLDER_ALLOWED, fix);
    return 0;
  }
  const { entries, complete } = workspace;
  if (!complete)
    reader.reject(
      key,
      folder,
      `it holds more than ${FILES_MAX} files`,
      `At most ${FILES_MAX} files travel with the configuration.`,
      `Remove what the agent does not start with, such as node_modules, or name it in ${folder}/${IGNORE_FILE}.`,
    );
  checkPromptFiles(reader, key, folder, workspace);
  checkEntries(reader, key, folder, entries);
  checkPromptTotal(reader, key, folder, entries);
  return entries.reduce((sum, entry) => sum + entry.bytes, 0);
}

/** An agent needs a file that says who it is or what it does. */
function checkPromptFiles(
  reader: Reader,
  key: string,
  folder: string,
  workspace: Workspace & { kind: "folder" },
): void {
  const { entries, ignored = [] } = workspace;
  const isNeeded = (path: string): boolean => path === "SOUL.md" || path === "AGENTS.md" || path === ".";
  if (entries.some(({ path }) => isNeeded(path))) return;
  const left = ignored.find(isNeeded);
  if (left !== undefined)
    return reader.reject(
      key,
      folder,
      `its ${IGNORE_FILE} leaves out ${left}`,
      FOLDER_ALLOWED,
      `Add a last line to ${folder.replace(/\/+$/, "")}/${IGNORE_FILE}: !${left}`,
    );
  const meant = entries.find(({ path }) => /^(soul|agents)(\.?(md|txt|markdown)){0,2}$/i.test(path))?.path;
  const fix =
    meant === undefined
      ? `Create ${folder.replace(/\/+$/, "")}/SOUL.md: it says who the agent is.`
      : `Rename ${meant} to ${/^soul/i.test(meant) ? "SOUL.md" : "AGENTS.md"}.`;
  reader.reject(key, folder, "it has neither SOUL.md nor AGENTS.md", FOLDER_ALLOWED, fix);
}

/** Problems listed for one folder: one such as node_modules can have hundreds. */
const LISTED_MAX = 10;

function checkEntries(reader: Reader, key: string, folder: string, entries: readonly WorkspaceEntry[]): void {
  const before = reader.problems.length;
  const paths = new Set<string>();
  for (const entry of entries) {
    checkEntry(reader, key, folder, entry);
    if (paths.has(entry.path))
      reader.reject(
        key,
        folder,
        `two files in it are called ${JSON.stringify(entry.path)}; their names differ only in how accents are encoded`,
        "Each file needs a name of its own.",
        "Remove one of the two.",
      );
    paths.add(entry.path);
  }
  const more = reader.problems.splice(before + LISTED_MAX).length;
  if (more === 0) return;
  const allowed = `The first ${LISTED_MAX} of ${LISTED_MAX + more} problems are listed.`;
  const fix = `Remove what the agent does not start with, or name it in ${folder}/${IGNORE_FILE}.`;
  reader.reject(key, folder, `its files have ${more} more problems`, allowed, fix);
}

function checkEntry(reader: Reader, key: string, folder: string, entry: WorkspaceEntry): void {
  const name = JSON.stringify(entry.path);
  const reject = (wrong: string, allowed: string, fix: string) => reader.reject(key, folder, wrong, allowed, fix);
  const limit = PROMPT_FILES[entry.path];
  const odd = entry.path.split("/").flatMap((segment) => nameFault(segment) ?? [])[0];
  if (odd !== undefined)
    reject(
      `the name ${name} in it ${odd}`,
      "File names without control characters, backslashes, a dash at the start and blanks at an end.",
      "Rename the file.",
    );
  if (entry.kind === "failed" && entry.path.includes("\ufffd"))
    return reject(
      `the name ${name} in it is not UTF-8`,
      "File names in UTF-8. A ZIP file made on Windows often has others.",
      "Rename the file.",
    );
  if (entry.kind === "failed")
    return reject(
      `${name} in it cannot be read (${entry.failure})`,
      "Files and folders that you may read.",
      `Give yourself the right to read it: chmod u+rX '${folder.replace(/\/+$/, "")}/${entry.path}'`,
    );
  if (entry.unreadable !== undefined)
    reject(
      `${name} in it ${entry.unreadable}`,
      "OpenClaw reads the files of the prompt as UTF-8.",
      "Save it as UTF-8 (in PowerShell: Set-Content -Encoding utf8 in the place of >).",
    );
  for (const secret of entry.secrets ?? [])
    reject(
      `${name} in it holds the value of hermes:secrets.${secret} in plain text`,
      "Workspace files stand in previews and in the state as they are.",
      "Remove the value from the file; and make a new one if the file was ever shared.",
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

/** What a shell, another system or a person would misread. */
function nameFault(segment: string): string | undefined {
  if (/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u.test(segment)) return "holds a control character";
  if (segment.includes("\\")) return "holds a backslash";
  if (segment.startsWith("-")) return "begins with a dash";
  return segment === segment.trim() ? undefined : "begins or ends with a blank";
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
