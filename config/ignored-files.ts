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
  const expression = new RegExp(
    `^${pattern
      .replace(/^\//, "")
      .split(/(\*\*\/?|\*|\?)/)
      .map(partOf)
      .join("")}$`,
    "u",
  );
  const whole = pattern.includes("/");
  return (path, isFolder) => {
    const text = whole ? path : path.slice(path.lastIndexOf("/") + 1);
    return expression.test(text) && (isFolder || !foldersOnly) ? ignores : undefined;
  };
}

function partOf(text: string): string {
  if (text === "*") return "[^/]*";
  if (text === "?") return "[^/]";
  if (text.startsWith("**")) return text.endsWith("/") ? "(?:.*/)?" : ".*";
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
