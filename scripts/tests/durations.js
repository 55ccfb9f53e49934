// npm run test:durations: writes tests/durations.json, by which test files are put in order, from the last run's times.
// Files that the run did not have keep theirs; files that no longer exist go.
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { project } = require("./run");
const { TIMES } = require("./times");

const TABLE = join(project, "tests", "durations.json");

const { files } = JSON.parse(readFileSync(TIMES, "utf8"));
const measured = Object.fromEntries(files.map(({ file, seconds }) => [file, seconds]));
const known = { ...JSON.parse(readFileSync(TABLE, "utf8")), ...measured };
const kept = Object.entries(known).filter(([file]) => existsSync(join(project, file)));
writeFileSync(TABLE, `${JSON.stringify(Object.fromEntries(kept.sort()), null, 2)}\n`);
console.log(`tests/durations.json: ${files.length} of ${kept.length} files measured`);
