// Preloaded into the programs of engine tests, which take half the time with it. What @pulumi/pulumi has for programs that
// serialise functions (a TypeScript compiler, npm's resolver, a debugger of its own process) is loaded when it is used:
// ours serialise none. And it takes no stack trace for each promise, which it would show beside one that never settles.
const Module = require("node:module");

const HEAVY = new Set(["typescript", "@npmcli/arborist"]);
const DEBUGGER = /\/closure\/v8Hooks$/;
const PROMISES = /\/debuggable$/;
const load = Module._load;

Module._load = function (request, ...rest) {
  if (DEBUGGER.test(request))
    return { ...load.call(this, request, ...rest), isInitializedAsync: async () => undefined };
  if (PROMISES.test(request)) return withoutTraces(load.call(this, request, ...rest));
  if (!HEAVY.has(request)) return load.call(this, request, ...rest);
  let loaded;
  const real = () => (loaded ??= load.call(this, request, ...rest));
  // As a module of its own kind: "import * as" would copy, hence load, one of another.
  const own = { __esModule: () => true, default: real };
  return new Proxy({}, { get: (_, key) => (Object.hasOwn(own, key) ? own[key]() : real()[key]) });
};

function withoutTraces(promises) {
  const debuggablePromise = (...args) => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return promises.debuggablePromise(...args);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
  return { ...promises, debuggablePromise };
}
