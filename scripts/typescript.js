/**
 * Lets node run TypeScript. Every program of hermes starts with it. It removes types and checks none: `npm run check`
 * does. What it compiled is kept in node_modules/.cache by content, so a start compiles only what changed.
 *
 * The cache is inside the checkout because the machine's temporary folder belongs to everyone: another user could put
 * code there. An account that can write here can change the sources as well.
 */
const { createHash } = require("node:crypto");
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const Module = require("node:module");
const { basename, join } = require("node:path");

require("./lazy-modules");

const { version } = require("esbuild/package.json");
const cache = join(__dirname, "..", "node_modules", ".cache", "hermes");
const folder = join(cache, `esbuild-${version}`);
const options = { loader: "ts", format: "cjs", target: "node20", sourcemap: "inline", sourcesContent: false };

/** Sources are named relative to their own folder, so that copies of the project share the cache. */
function compiled(source, filename) {
  const sourcefile = basename(filename);
  const key = createHash("sha256")
    .update(JSON.stringify([options, sourcefile, source]))
    .digest("hex");
  const path = join(folder, `${key}.js`);
  try {
    return readFileSync(path, "utf8");
  } catch {
    const { code } = require("esbuild").transformSync(source, { ...options, sourcefile });
    keep(path, code);
    return code;
  }
}

function keep(path, code) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.${process.pid}`, code, { mode: 0o600 });
    renameSync(`${path}.${process.pid}`, path);
  } catch {
    // Somebody else's checkout, or a read-only one: compiled again at the next start.
  }
}

Module._extensions[".ts"] = (module, filename) =>
  module._compile(compiled(readFileSync(filename, "utf8"), filename), filename);
process.setSourceMapsEnabled(true);
// Node's own cache of what it parsed, packages included, where it has one (22.1 and newer).
Module.enableCompileCache?.(join(cache, "node"));
