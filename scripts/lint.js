// lint.js CACHE: ESLint on what may read differently than last time. What a rule that knows types says of a file follows
// from the file and all that it imports, near or far: while none of that changes, the file stays clean. (ESLint's own
// cache looks at the file alone.) Ends with 0, or 1 and the findings.
const { execFileSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
// Reads each file once, as the command eslint does; else it would be ready for edits, at twice the cost.
process.env.TSESTREE_SINGLE_RUN = "true";
const { ESLint } = require("eslint");
const ts = require("typescript");

const project = join(__dirname, "..");
const SETTINGS = ["eslint.config.js", "tsconfig.json", "gateway/apply/tsconfig.json", "package-lock.json"];
const ENDINGS = ["", ".ts", ".js", "/index.ts"];

const read = (file) => readFileSync(join(project, file), "utf8");
const isFile = (file) => lstatSync(join(project, file), { throwIfNoEntry: false })?.isFile() === true;
const hash = (parts) => createHash("sha256").update(JSON.stringify(parts)).digest("hex");

function sources() {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.js", "*.mjs"];
  return execFileSync("git", args, { cwd: project, encoding: "utf8" }).split("\n").filter(Boolean).filter(isFile);
}

function importsOf(file) {
  const { importedFiles } = ts.preProcessFile(read(file), true, true);
  return importedFiles
    .filter(({ fileName }) => fileName.startsWith("."))
    .flatMap(({ fileName }) => ENDINGS.map((ending) => join(dirname(file), fileName + ending)).find(isFile) ?? []);
}

/** For each file a hash of all that its findings depend on. */
function keys(files) {
  const imports = new Map();
  const reach = (file, seen = new Set()) => {
    if (seen.has(file)) return seen;
    seen.add(file);
    if (!imports.has(file)) imports.set(file, { digest: hash(read(file)), files: importsOf(file) });
    for (const next of imports.get(file).files) reach(next, seen);
    return seen;
  };
  const settings = hash([process.version, ...SETTINGS.map(read)]);
  const digests = (file) => [...reach(file)].sort().map((each) => [each, imports.get(each).digest]);
  return new Map(files.map((file) => [file, hash([settings, digests(file)])]));
}

async function main(cache) {
  const clean = existsSync(cache) ? JSON.parse(readFileSync(cache, "utf8")) : {};
  const now = keys(sources());
  const due = [...now.keys()].filter((file) => clean[file] !== now.get(file));
  const eslint = new ESLint({ cwd: project });
  const results = due.length === 0 ? [] : await eslint.lintFiles(due);
  const bad = results.filter(({ messages }) => messages.length > 0).map(({ filePath }) => filePath);
  for (const file of bad) now.delete(file.slice(project.length + 1));
  mkdirSync(dirname(cache), { recursive: true });
  writeFileSync(cache, JSON.stringify(Object.fromEntries(now)));
  const formatter = await eslint.loadFormatter("stylish");
  process.stdout.write(await formatter.format(results));
  return bad.length === 0 ? 0 : 1;
}

main(process.argv[2]).then((code) => {
  process.exitCode = code;
});
