/**
 * Stands in for a module until a test uses something of it.
 *
 * @pulumi/pulumi requires npm's dependency tree and the TypeScript compiler, only to serialize closures. jest loads every
 * module anew for every test file, so these two were half of the processor time of the unit tests.
 */
module.exports = (load) =>
  new Proxy({}, { get: (_, key) => (key === "__esModule" ? true : load()[key]), has: (_, key) => key in load() });
