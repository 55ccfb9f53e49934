// Preloaded into the programs of engine tests: what @pulumi/pulumi needs only to serialise functions, which no program of
// ours has it do, is loaded when it is used. That is a third of a program's start.
const Module = require("node:module");

const HEAVY = new Set(["typescript", "@npmcli/arborist"]);
const load = Module._load;

Module._load = function (request, ...rest) {
  if (!HEAVY.has(request)) return load.call(this, request, ...rest);
  let loaded;
  const real = () => (loaded ??= load.call(this, request, ...rest));
  return new Proxy(
    {},
    { get: (_, key) => real()[key], has: (_, key) => key in real(), ownKeys: () => Reflect.ownKeys(real()) },
  );
};
