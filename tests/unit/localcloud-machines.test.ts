import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parseCgroupMounts } from "../../localcloud/droplets/cgroups";
import { linkName, nspawnArguments } from "../../localcloud/droplets/container";
import { applyDifferences, DIFFERENCES, renderSeed } from "../../localcloud/droplets/differences";
import { renderMeminfo } from "../../localcloud/droplets/meminfo";
import { answerMetadata } from "../../localcloud/droplets/metadata";
import { dropletSwaps, parseSwaps, renderSwaps } from "../../localcloud/droplets/swap";
import { mountPointsOf } from "../../localcloud/droplets/volumes";
import { imageRecipe, parseAptSources, recipeHash, sourcesForRelease } from "../../localcloud/image";
import { labOf } from "../../localcloud/lab";
import { inNamespace, networkPlan } from "../../localcloud/network";
import type { DropletSpec } from "../../localcloud/substrate";

const spec: DropletSpec = {
  ...{ id: 4711, name: "hermes", memoryMiB: 2048, vcpus: 1, diskGiB: 50, region: "fra1", image: "debian-13-x64" },
  ...{ userData: "#cloud-config\n{}\n", sshKeys: ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"] },
  ...{ ipv4: "198.51.100.10", ipv6: "2001:db8:77::10", volumeIds: [], tags: ["hermes"] },
};

describe("the lab's network", () => {
  it("is made like this", () => {
    const lab = { ...labOf("/project"), ns: { lab: "L", outside: "O", operator: "P" } };
    expect(networkPlan(lab)).toMatchSnapshot();
  });

  const project = join(__dirname, "..", "..");
  const apart = (...command: string[]) =>
    spawnSync("unshare", ["--mount", "--propagation=private", ...command], { cwd: project, encoding: "utf8" });
  const asRoot = apart("unshare", "--net", "true").status === 0 ? it : it.skip;

  asRoot("is removed whole also when another program has made /run/netns a mount of its own", () => {
    const script = [process.execPath, "-r", "./scripts/typescript.js", "tests/fixtures/network-process.ts"];
    const { status, stdout, stderr } = apart(...script);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "0\n", stderr: "" });
  });

  it("enters a namespace without remounting anything", () => {
    expect(inNamespace("hermes-1-lab", ["true"])).toEqual([
      "nsenter",
      "--net=/run/hermes-netns/hermes-1-lab",
      "--",
      "true",
    ]);
  });
});

describe("the droplets' image", () => {
  const mirror = "http://mirror.example/debian";

  it("takes its mirror from the machine's apt, whatever style its sources are written in", () => {
    const list = `# comment\ndeb-src ${mirror} one main\ndeb [arch=amd64 signed-by=/k.gpg] ${mirror}/ one main contrib # x\n`;
    const stanzas = `# c\nTypes: deb deb-src\nURIs: ${mirror}\nSuites: one one-updates\nComponents: main\n\nTypes: deb\nEnabled: no\nURIs: http://off.example\nSuites: one\nComponents: main\n`;
    expect(parseAptSources(list, "list")).toEqual([{ uri: mirror, suite: "one", components: ["main", "contrib"] }]);
    expect(parseAptSources(stanzas, "sources")).toEqual([
      { uri: mirror, suite: "one", components: ["main"] },
      { uri: mirror, suite: "one-updates", components: ["main"] },
    ]);
  });

  it("is built from the same mirrors for its own release, security updates included", () => {
    const machine = ["one", "one-security"].map((suite) => ({ uri: mirror, suite, components: ["main"] }));
    expect(sourcesForRelease(machine, "one", "two").map(({ suite }) => suite)).toEqual(["two", "two-security"]);
  });

  it("says what to do on a machine without a Debian mirror", () => {
    expect(() => sourcesForRelease([], "noble", "trixie")).toThrow("add a Debian source to /etc/apt/sources.list.d");
  });

  it("refuses an image that it cannot boot, naming those it can", () => {
    expect(() => imageRecipe("ubuntu-24-04-x64")).toThrow(
      'no image "ubuntu-24-04-x64" in the embedded cloud; it has: debian-13-x64',
    );
  });

  it("is built anew when anything in its recipe changes", () => {
    const recipe = { release: "a", packages: ["b"], sources: "c", certificates: {}, revision: 1 };
    const changed = [{ packages: ["x"] }, { sources: "x" }, { certificates: { x: "y" } }, { revision: 2 }];
    const hashes = [{}, ...changed].map((change) => recipeHash({ ...recipe, ...change }));
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe("a container droplet", () => {
  it("is given the user data as it is, in a seed that reads like this", () => {
    fc.assert(
      fc.property(fc.string(), (userData) => {
        expect(renderSeed({ ...spec, userData })["user-data"]).toBe(userData);
      }),
    );
    expect(renderSeed(spec)).toMatchSnapshot();
  });

  it("has no IPv6 address and route when it was ordered without", () => {
    const without: DropletSpec = { ...spec };
    delete without.ipv6;
    expect(renderSeed(without)["network-config"]).not.toContain("::");
  });

  it("differs from DigitalOcean's in just these ways", () => {
    expect(DIFFERENCES.map(({ what }) => what)).toMatchSnapshot();
  });

  it("gets a machine-id of its own, and a seed that only root can read", async () => {
    const roots = [0, 1].map(() => mkdtempSync(join(tmpdir(), "hermes-root-")));
    for (const root of roots) await applyDifferences(root, { spec, inRoot: () => Promise.resolve() });
    const ids = roots.map((root) => readFileSync(join(root, "etc/machine-id"), "utf8"));
    for (const root of roots) rmSync(root, { recursive: true });
    expect(ids[0]).toMatch(/^[0-9a-f]{32}\n$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it("is started like this", () => {
    const lab = { ...labOf("/project"), id: "abcdef" };
    const devices = [{ source: "/dev/loop9", target: "/dev/sda" }];
    expect(
      nspawnArguments(lab, { spec, volumes: [{ id: "v", index: 0 }] }, { devices, overlays: [] }),
    ).toMatchSnapshot();
  });

  it("has a link name that the kernel takes, up to the largest id", () => {
    expect(linkName(99_999_999_999_999).length).toBeLessThanOrEqual(15);
  });

  it("sees 1,945 MiB of its 2 GiB, in a text whose length never changes", () => {
    const figures = { sizeMiB: 2048, used: 0, cache: 0, swapTotal: 0, swapUsed: 0 };
    const length = renderMeminfo(figures).length;
    const bytes = fc.integer({ min: 0, max: 2 ** 45 });
    fc.assert(
      fc.property(bytes, bytes, bytes, bytes, (used, cache, swapTotal, swapUsed) => {
        const text = renderMeminfo({ sizeMiB: 2048, used, cache, swapTotal, swapUsed });
        expect(text).toHaveLength(length);
        expect(text).not.toContain("-");
        expect(Number(/MemTotal: +(\d+) kB/.exec(text)?.[1]) / 1024).toBe(1945);
      }),
    );
  });

  it("answers the metadata paths that scripts ask", () => {
    const ask = (path: string) => answerMetadata(path, spec);
    expect(ask("/metadata/v1/id")).toBe("4711");
    expect(ask("/metadata/v1/user-data")).toBe(spec.userData);
    expect(ask("/metadata/v1/public-keys")).toBe(spec.sshKeys.join("\n"));
    expect(ask("/metadata/v1/interfaces/public/0/ipv4/address")).toBe("198.51.100.10");
    expect(ask("/metadata/v1/tags")).toBe("hermes");
    expect(ask("/metadata/v1/")?.split("\n")).toEqual(expect.arrayContaining(["id", "hostname", "interfaces/"]));
    expect(ask("/metadata/v1/nothing")).toBeUndefined();
    expect(ask("/metadata/v10")).toBeUndefined();
    expect(JSON.parse(ask("/metadata/v1.json") ?? "")).toMatchObject({ droplet_id: 4711 });
  });
});

describe("what the kernel tells", () => {
  it("is read for cgroup mounts of both versions", () => {
    const line = (point: string, type: string, options: string) =>
      `1 2 0:3 / ${point} rw - ${type} ${type} rw,${options}`;
    const both = [
      line("/c/mem", "cgroup", "memory"),
      line("/c/cpu", "cgroup", "cpu,cpuacct"),
      line("/c/2", "cgroup2", "x"),
    ];
    expect(parseCgroupMounts(both.join("\n"))).toEqual({ memoryV1: "/c/mem", cpuV1: "/c/cpu", v2: "/c/2" });
  });

  it("is read for where a device is mounted, spaces and all", () => {
    const info = "1 2 7:3 / /srv/my\\040data rw - ext4 /dev/sda rw\n2 2 7:4 / /other rw - ext4 /dev/sdb rw";
    expect(mountPointsOf(info, "7:3")).toEqual(["/srv/my data"]);
  });

  it("is not taken for a droplet's own swap when the file of that name is not on", () => {
    const head = "Filename\tType\tSize\tUsed\tPriority\n";
    const size = Math.floor(statSync(__filename).size / 4096 - 1) * 4;
    expect(
      dropletSwaps("/", `${head}${__filename} file ${size} 7 -2\n/nowhere file 1 1 -3\n/dev/sdz partition 1 0 -4\n`),
    ).toEqual([]);
  });

  it("is written for the droplet as it was read, its swap only", () => {
    const swaps = [{ path: "/swapfile", sizeKiB: 100, usedKiB: 7, priority: -2 }];
    expect(parseSwaps(renderSwaps(swaps))).toEqual(swaps);
  });
});
