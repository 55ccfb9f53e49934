// Preloaded into the programs of engine tests, beside what scripts/lazy-modules.js does for every program: @pulumi/pulumi
// attaches no debugger to its own process, which it needs to serialise functions, and takes no stack trace for each
// promise, which it would show beside one that never settles.
const Module = require("node:module");

const DEBUGGER = /\/closure\/v8Hooks$/;
const PROMISES = /\/debuggable$/;
const load = Module._load;

Module._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest);
  if (DEBUGGER.test(request)) return { ...loaded, isInitializedAsync: async () => undefined };
  return PROMISES.test(request) ? withoutTraces(loaded) : loaded;
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
