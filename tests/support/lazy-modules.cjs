// Preloaded into the programs of engine tests. What @pulumi/pulumi has for programs that serialise functions (a TypeScript
// compiler, npm's resolver, a debugger of its own process) is loaded when it is used. Our programs serialise none, and
// start in half the time.
const Module = require("node:module");

const HEAVY = new Set(["typescript", "@npmcli/arborist"]);
const DEBUGGER = /\/closure\/v8Hooks$/;
const load = Module._load;

Module._load = function (request, ...rest) {
  if (DEBUGGER.test(request))
    return { ...load.call(this, request, ...rest), isInitializedAsync: async () => undefined };
  if (!HEAVY.has(request)) return load.call(this, request, ...rest);
  let loaded;
  const real = () => (loaded ??= load.call(this, request, ...rest));
  // As a module of its own kind: "import * as" would copy, hence load, one of another.
  const own = { __esModule: () => true, default: real };
  return new Proxy({}, { get: (_, key) => (Object.hasOwn(own, key) ? own[key]() : real()[key]) });
};
