/**
 * Compiles TypeScript for jest with esbuild, as scripts/typescript.js does for every program of hermes. It checks no types;
 * `npm run check` does. Loading this is cheap, which counts: each worker does it even when every file is in jest's cache.
 */
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { version } = require("esbuild/package.json");

const OPTIONS = { loader: "ts", format: "cjs", target: "node20", sourcemap: "external", sourcesContent: false };
const SELF = readFileSync(join(__dirname, "transform.js"));

module.exports = {
  getCacheKey: (source, path) =>
    createHash("sha256").update(SELF).update(version).update(path).update("\0").update(source).digest("hex"),
  process(source, path) {
    // esbuild, unlike Babel, does not move the call before the imports: the mock would silently do nothing.
    if (/^jest\.mock\(/m.test(source))
      throw new Error(`${path}: use jest.doMock, and load what it is for with jest.requireActual after it`);
    const { code, map } = require("esbuild").transformSync(source, { ...OPTIONS, sourcefile: path });
    return { code, map };
  },
};
