/** What editors and systems leave beside the files that people mean; docs/configuration.md lists it. */
const LEFTOVERS = [
  ...[".DS_Store", "._*", ".AppleDouble", "Thumbs.db", "desktop.ini", ".directory"],
  ...["*~", ".*.sw?", ".*.un~", ".#*", "#*#", ".~lock.*#", ".netrwhist"],
  ...[".idea/", ".vscode/", ".hermesignore"],
];

/** A workspace's own list, in its folder: patterns as in .gitignore. */
export const IGNORE_FILE = ".hermesignore";

type Rule = (path: string, isFolder: boolean) => boolean | undefined;

/**
 * Which files of a workspace do not travel.
 *
 * @param list text of its .hermesignore
 */
export function ignoredIn(list = ""): (path: string, isFolder: boolean) => boolean {
  const lines = list.split(/\r?\n/).map((line) => line.trim());
  const rules = [...LEFTOVERS, ...lines.filter((line) => line !== "" && !line.startsWith("#"))].map(ruleOf);
  return (path, isFolder) => rules.map((rule) => rule(path, isFolder)).findLast((said) => said !== undefined) ?? false;
}

/** As in .gitignore: the last line that matches counts, `!` takes back, a slash inside binds to the workspace's folder. */
function ruleOf(line: string): Rule {
  const ignores = !line.startsWith("!");
  const pattern = line.replace(/^!/, "").replace(/\/$/, "");
  const foldersOnly = line.endsWith("/");
  const parts = pattern.replace(/^\//, "").match(/\*\*\/?|[^]/gu) ?? [];
  const whole = pattern.includes("/");
  return (path, isFolder) => {
    const text = whole ? path : path.slice(path.lastIndexOf("/") + 1);
    return (isFolder || !foldersOnly) && matches(parts, [...text]) ? ignores : undefined;
  };
}

/**
 * Whether a pattern's parts (`**`, `**` with a slash, `*`, `?` and single characters) make up the whole text. By a table
 * and not by a regular expression, which takes minutes for a pattern with many stars.
 */
function matches(parts: readonly string[], text: readonly string[]): boolean {
  // Whether the parts so far make up the first n characters.
  let made = [true, ...text.map(() => false)];
  for (const part of parts) {
    const next = made.map(() => false);
    let isOpen = false;
    for (let n = 0; n <= text.length; n++) {
      const [last, before] = [text[n - 1], n > 0 && made[n - 1] === true];
      if (part === "**") next[n] = isOpen ||= made[n] === true;
      else if (part === "**/") {
        next[n] = made[n] === true || (isOpen && last === "/");
        isOpen ||= made[n] === true;
      } else if (part === "*") next[n] = isOpen = made[n] === true || (isOpen && last !== "/");
      else next[n] = before && (part === "?" ? last !== "/" : part === last);
    }
    made = next;
  }
  return made.at(-1) === true;
}
