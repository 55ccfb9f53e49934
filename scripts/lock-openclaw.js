// npm run lock:openclaw -- VERSION BEFORE: pins a version of OpenClaw with everything that it depends on.
// Resolves the dependencies as npm does for what was published before the day BEFORE (YYYY-MM-DD), writes them to
// cloud-init/locks, installs them into a temporary folder without running any of them, and prints the digest of the tree,
// which belongs into config/keys.ts. Needs a Node on which that version runs, and its npm.
const { execFileSync } = require("node:child_process");
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

const LOCKS = join(__dirname, "..", "cloud-init", "locks");
const INSTALL = join(__dirname, "..", "cloud-init", "files", "install-openclaw.sh");

/** What npm needs to put the same tree together. The digest of the tree takes the place of each package's own. */
const KEPT = [
  ...["version", "bin", "inBundle", "bundleDependencies", "optional", "peer", "os", "cpu", "libc"],
  ...["dependencies", "optionalDependencies", "peerDependencies", "peerDependenciesMeta"],
];

/** Pure. @param lock - package-lock.json, as npm writes it */
function slim({ lockfileVersion, requires, packages }) {
  const only = (entry) => Object.fromEntries(KEPT.filter((key) => key in entry).map((key) => [key, entry[key]]));
  return {
    lockfileVersion,
    requires,
    packages: Object.fromEntries(Object.entries(packages).map(([path, entry]) => [path, only(entry)])),
  };
}

/** As on a droplet: `-g` nests the dependencies in the package, and so does this. */
const npm = (folder, ...args) =>
  execFileSync("npm", [...args, "--install-strategy=shallow", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
  });

function main([version, before]) {
  if (!/^\d+\.\d+\.\d+/.test(version ?? "") || !/^\d{4}-\d\d-\d\d$/.test(before ?? "")) {
    console.error("usage: npm run lock:openclaw -- VERSION BEFORE, for example 2026.9.6 2026-09-25");
    return 2;
  }
  const work = mkdtempSync(join(tmpdir(), "hermes-lock-"));
  try {
    writeFileSync(join(work, "package.json"), JSON.stringify({ private: true }));
    npm(work, "install", "--package-lock-only", "--save-exact", `openclaw@${version}`, `--before=${before}`);
    const lock = slim(JSON.parse(readFileSync(join(work, "package-lock.json"), "utf8")));
    const file = join(LOCKS, `openclaw-${version}.json`);
    writeFileSync(file, `${JSON.stringify(lock, null, 1)}\n`);
    const tree = join(work, "tree");
    const digest = execFileSync("bash", [INSTALL, "digest", version, file, tree], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    console.log(
      `wrote ${file}\nThe digest for OPENCLAW_DIGESTS in config/keys.ts:\n  "${version}": "${digest.trim()}",`,
    );
    return 0;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

module.exports = { slim };
if (require.main === module) process.exitCode = main(process.argv.slice(2));
