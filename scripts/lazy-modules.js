/**
 * Loads the TypeScript compiler and npm's dependency resolver when they are first used. @pulumi/pulumi requires both at
 * its start, only to serialise functions, which hermes never does: half of the time that a `hermes` command takes.
 */
const Module = require("node:module");

const HEAVY = new Set(["typescript", "@npmcli/arborist"]);
const load = Module._load;

Module._load = function (request, ...rest) {
  if (!HEAVY.has(request)) return load.call(this, request, ...rest);
  let loaded;
  const real = () => (loaded ??= load.call(this, request, ...rest));
  // As a module of its own kind: "import * as" would copy, hence load, one of another.
  const own = { __esModule: () => true, default: real };
  return new Proxy({}, { get: (_, key) => (Object.hasOwn(own, key) ? own[key]() : real()[key]) });
};
