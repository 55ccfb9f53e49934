import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openclawLock } from "../../cloud-init/files";
import { OPENCLAW_DIGESTS } from "../../config/keys";
import { SHIPPED } from "../../operations/preflight/release-list";
import { PROJECT } from "./config-fixture";

const { slim } = jest.requireActual<{ slim: (lock: object) => object }>("../../scripts/lock-openclaw.js");

interface Lock {
  packages: Record<string, { version?: string; dependencies?: Record<string, string>; inBundle?: boolean }>;
}

const FOLDER = join(PROJECT, "cloud-init", "locks");
const VERSIONS = Object.keys(OPENCLAW_DIGESTS).sort();

it("has a lock for each version whose digest hermes knows, and those are the versions that it knows at all", () => {
  expect(readdirSync(FOLDER).sort()).toEqual(VERSIONS.map((version) => `openclaw-${version}.json`));
  expect(SHIPPED.map(({ version }) => version).sort()).toEqual(VERSIONS);
});

describe.each(VERSIONS)("the lock of OpenClaw %s", (version) => {
  const { packages } = JSON.parse(readFileSync(join(FOLDER, `openclaw-${version}.json`), "utf8")) as Lock;

  it("is of that version alone, and names one exact version of each package", () => {
    expect(packages[""]?.dependencies).toEqual({ openclaw: version });
    expect(packages["node_modules/openclaw"]?.version).toBe(version);
    const others = Object.entries(packages).filter(([path]) => path !== "");
    expect(others.length).toBeGreaterThan(300);
    expect(others.filter(([, each]) => !/^\d+\.\d+\.\d+/.test(each.version ?? ""))).toEqual([]);
  });

  it("nests all dependencies in the package, as `npm install --global` does", () => {
    const outside = Object.keys(packages).filter((path) => !/^(node_modules\/openclaw(\/.*)?)?$/.test(path));
    expect(outside).toEqual([]);
  });

  it("names no registry", () => {
    expect(JSON.stringify(packages)).not.toMatch(/https?:|"resolved"/);
  });

  it("is given to the droplet only if the stack wants that very tree", () => {
    expect(openclawLock(version, OPENCLAW_DIGESTS[version] ?? "")).toContain(`"openclaw":"${version}"`);
    expect(openclawLock(version, "first-install")).toBeUndefined();
  });
});

it("keeps of npm's lock what npm needs to put the same tree together", () => {
  const entry = { version: "1.0.0", resolved: "https://registry.example/a.tgz", integrity: "sha512-x", os: ["linux"] };
  const lock = { name: "x", lockfileVersion: 3, requires: true, packages: { "node_modules/a": entry } };
  expect(slim(lock)).toEqual({
    lockfileVersion: 3,
    requires: true,
    packages: { "node_modules/a": { version: "1.0.0", os: ["linux"] } },
  });
});
