/**
 * One jest project per kind of test: unit (pure, mocks), engine (real engine, emulated API), droplet (real boot), and the
 * long suites: ollama (the real one), vm (a virtual machine), forge (a real Gitea).
 */
const support = `${__dirname}/tests/support/jest`;

const kind = (name) => ({
  displayName: name,
  rootDir: __dirname,
  testMatch: [`<rootDir>/tests/${name}/**/*.test.ts`],
  testEnvironment: "node",
  testEnvironmentOptions: { globalsCleanup: "off" },
  transform: { "^.+\\.ts$": `${support}/transform.js` },
  moduleNameMapper: {
    // hermes-apply imports its own files with the .ts ending that Node 24 wants.
    "^(\\.{1,2}/.*)\\.ts$": "$1",
    "^@npmcli/arborist$": `${support}/lazy/arborist.js`,
    "/typescript-shim$": `${support}/lazy/typescript.js`,
  },
});

module.exports = {
  projects: ["unit", "engine", "droplet", "ollama", "vm", "forge"].map((name) => kind(name)),
  // Ends a test that hangs. Not a measure of speed: on a busy machine jest's 5 s are over before a program has started.
  testTimeout: 60_000,
};
