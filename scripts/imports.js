// imports.js [FOLDER]: no forbidden import and no import cycle in FOLDER (this project), but those of known-imports.json.
// That list may only shrink: what is on it and no longer in the code fails, too. Ends with 0, or 1 and what is wrong.
const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");

const TESTS = "^(tests|bench)/";

/** What may import what. A cycle counts with its imports of types, which hide a knot just as well. */
const RULES = [
  {
    name: "embedded-cloud",
    comment: "the product does not know the embedded cloud",
    from: { pathNot: `${TESTS}|^(localcloud|scripts)/|^cli/local` },
    to: { path: "^localcloud/" },
  },
  {
    name: "cli",
    comment: "commands are on top: what they share with others belongs below",
    from: { pathNot: `${TESTS}|^cli/` },
    to: { path: "^cli/" },
  },
  {
    name: "tests",
    comment: "what is not a test imports nothing of the tests",
    from: { pathNot: TESTS },
    to: { path: "^tests/" },
  },
  {
    name: "test-file",
    comment: "what tests share is in a file that is no test",
    from: {},
    to: { path: "\\.test\\.ts$" },
  },
  {
    name: "apply",
    comment: "hermes-apply is copied to the droplet as it is, without anything around it",
    from: { path: "^gateway/apply/" },
    to: { pathNot: "^gateway/apply/", dependencyTypesNot: ["core"] },
  },
  {
    name: "development",
    comment: "packages for development are not installed where hermes runs",
    from: { pathNot: `${TESTS}|^scripts/|^[^/]*\\.js$` },
    to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
  },
  { name: "unresolved", comment: "there is no such file or package", from: {}, to: { couldNotResolve: true } },
  { name: "cycle", comment: "files that import each other are one file", from: {}, to: { circular: true } },
];

/** Begins with the file whose name is first: a cycle is the same wherever it was entered. */
function cycleText(names) {
  const first = names.indexOf([...names].sort()[0]);
  const turned = [...names.slice(first), ...names.slice(0, first)];
  return [...turned, turned[0]].join(" → ");
}

const textOf = ({ rule, from, to, cycle }) =>
  rule.name === "cycle" ? cycleText(cycle.map(({ name }) => name)) : `${from} → ${to}`;

/** Each violation as `rule: file → file`, sorted. */
async function violationsIn(folder) {
  const { cruise } = await import("dependency-cruiser");
  const ours = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith(".") && entry.name !== "node_modules")
    .filter((entry) => entry.isDirectory() || /\.[jt]s$/.test(entry.name))
    .map((entry) => entry.name);
  const options = {
    baseDir: folder,
    validate: true,
    ruleSet: { forbidden: RULES.map((rule) => ({ severity: "error", ...rule })) },
    doNotFollow: { path: "node_modules" },
    // Links, so that a program of the tests looks like this project.
    exclude: { path: "^tests/fixtures/[^/]+-program/scripts/" },
    builtInModules: { add: ["node:sqlite"] },
    tsPreCompilationDeps: true,
  };
  const { output } = await cruise(ours, options, {
    conditionNames: ["require", "import", "node"],
    exportsFields: ["exports"],
  });
  return [...new Set(output.summary.violations.map((found) => `${found.rule.name}: ${textOf(found)}`))].sort();
}

function knownIn(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, "scripts/known-imports.json"), "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

async function main(folder) {
  const [found, known] = [await violationsIn(folder), knownIn(folder)];
  const fresh = found.filter((text) => !known.includes(text));
  const gone = known.filter((text) => !found.includes(text));
  for (const text of fresh) {
    const { comment } = RULES.find(({ name }) => text.startsWith(`${name}: `));
    console.error(`${text}\n    ${comment}`);
  }
  for (const text of gone) console.error(`${text}\n    no longer there: remove it from scripts/known-imports.json`);
  return fresh.length + gone.length === 0 ? 0 : 1;
}

main(process.argv[2] ?? join(__dirname, "..")).then((code) => {
  process.exitCode = code;
});
