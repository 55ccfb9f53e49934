/**
 * One jest project per kind of test: unit (pure, mocks), engine (real engine, emulated API), droplet (real boot), and the
 * long suites: ollama (the real one), vm (a virtual machine), forge (a real Gitea).
 */
const { accessSync, constants } = require("node:fs");

const support = `${__dirname}/tests/support/jest`;

/** Beside the packages: a run's temporary folder goes with it, and the machine's is everybody's. */
function cacheDirectory() {
  try {
    accessSync(`${__dirname}/node_modules`, constants.W_OK);
    return { cacheDirectory: `${__dirname}/node_modules/.cache/jest` };
  } catch {
    // Somebody else's packages: jest's own place.
    return {};
  }
}

const kind = (name, extra = {}) => ({
  displayName: name,
  rootDir: __dirname,
  testMatch: [`<rootDir>/tests/${name}/**/*.test.ts`],
  ...cacheDirectory(),
  testEnvironment: "node",
  testEnvironmentOptions: { globalsCleanup: "off" },
  globalSetup: `${support}/setup.js`,
  setupFilesAfterEnv: [`${support}/processor-time.ts`],
  transform: { "^.+\\.ts$": `${support}/transform.js` },
  moduleNameMapper: {
    // hermes-apply imports its own files with the .ts ending that Node 24 wants.
    "^(\\.{1,2}/.*)\\.ts$": "$1",
    "^@npmcli/arborist$": `${support}/lazy/arborist.js`,
    "/typescript-shim$": `${support}/lazy/typescript.js`,
  },
  ...extra,
});

module.exports = {
  projects: [
    kind("unit", { setupFiles: [`${support}/own-environment.ts`] }),
    ...["engine", "droplet", "long", "ollama", "vm", "forge"].map((name) => kind(name)),
  ],
  ...cacheDirectory(),
  testSequencer: `${support}/sequencer.js`,
  // Ends a test that hangs. Not a measure of speed: on a busy machine jest's 5 s are over before a program has started.
  testTimeout: 60_000,
};
