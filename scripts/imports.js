// imports.js [FOLDER]: no forbidden import and no import cycle in FOLDER (this project). Ends with 0, or 1 and what is
// wrong.
const { readdirSync } = require("node:fs");
const { join } = require("node:path");

const TESTS = "^(tests|scripts/bench)/";

/** The product's folders. Each imports from those below it, never from those above. */
const LAYERS = ["cli", "operations", "components", "policy", "gateway", "cloud-init", "config", "planner", "lib"];

const folders = (names) => `^(${names.join("|")})/`;

const layerRules = LAYERS.slice(1).map((layer, i) => ({
  name: "layer",
  comment: `${layer}/ imports only from folders below it: ${LAYERS.slice(i + 2).join(", ") || "none"}`,
  from: { path: `^${layer}/` },
  to: { path: folders(LAYERS.slice(0, i + 1)) },
}));

/** What may import what. A cycle counts with its imports of types, which hide a knot just as well. */
const RULES = [
  ...layerRules,
  {
    name: "embedded-cloud",
    comment: "the product does not know the embedded cloud; only `hermes local` does",
    from: { path: `${folders(LAYERS)}|^index\\.ts$`, pathNot: "^cli/local\\.ts$" },
    to: { path: "^localcloud/" },
  },
  {
    name: "wire-formats",
    comment: "the embedded cloud knows what the product says to a cloud, not how it works",
    from: { path: "^localcloud/" },
    to: { path: folders(LAYERS), pathNot: folders(["config", "planner", "lib"]) },
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

/** Each violation as `rule: file → file`, sorted, with its reason. */
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
  const found = output.summary.violations.map((violation) => [
    `${violation.rule.name}: ${textOf(violation)}`,
    violation.comment,
  ]);
  return [...new Map(found)].sort(([a], [b]) => (a < b ? -1 : 1));
}

async function main(folder) {
  const found = await violationsIn(folder);
  for (const [text, comment] of found) console.error(`${text}\n    ${comment}`);
  return found.length === 0 ? 0 : 1;
}

main(process.argv[2] ?? join(__dirname, "..")).then((code) => {
  process.exitCode = code;
});
