/**
 * One jest project per kind of test: unit (pure, mocks), engine (real engine, emulated API), droplet (real boot), ollama
 * (the real one).
 */
const kind = (name, extra = {}) => ({
  displayName: name,
  rootDir: __dirname,
  testMatch: [`<rootDir>/tests/${name}/**/*.test.ts`],
  testEnvironment: "node",
  testEnvironmentOptions: { globalsCleanup: "off" },
  transform: { "^.+\\.ts$": ["ts-jest", { tsconfig: `${__dirname}/tsconfig.json` }] },
  // hermes-apply imports its own files with the .ts ending that Node 24 wants.
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.ts$": "$1" },
  ...extra,
});

module.exports = {
  projects: [kind("unit"), kind("engine"), kind("droplet"), kind("ollama"), kind("vm"), kind("forge")],
};
