import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imagesOfFiles, listText, pruneText } from "../../cli/image";
import { CommandError, EXIT } from "../../lib/output";
import type { BakedImage, Contents } from "../../operations/images";
import { bake, bakedText, bakeFile, bakeSize, type BakeParts } from "../../operations/images/bake";
import { shippedCatalogue } from "../../planner/catalogue";

const CONTENTS: Contents = {
  base: "debian-13-x64",
  openclaw: "2026.9.6",
  before: "2026-09-25",
  node: "24.21.0",
  recipe: "0123456789ab",
};
const NAME = "hermes_debian-13-x64_openclaw-2026.9.6_before-2026-09-25_node-24.21.0_tailscale-1.102.3_0123456789ab";

describe("a bake", () => {
  const done: string[] = [];
  beforeEach(() => void done.splice(0));

  const parts = (changes: Partial<BakeParts> = {}): BakeParts => {
    const step =
      <T>(name: string, result: T) =>
      (): Promise<T> => {
        done.push(name);
        return Promise.resolve(result);
      };
    return {
      clear: step("clear", undefined),
      create: step("create", undefined),
      up: step("up", undefined),
      clean: step("clean", { dropletId: "7", tailscale: "1.102.3" }),
      snapshot: step("snapshot", "4711"),
      remove: step("remove", undefined),
      ...changes,
    };
  };
  const failing = (message: string) => () => Promise.reject(new CommandError(message, EXIT.unhealthy));
  const never = new AbortController().signal;

  it("makes the image of a cleaned sandbox, names it by what is in it, and removes the sandbox", async () => {
    expect(await bake(parts(), CONTENTS, never)).toEqual({ id: "4711", name: NAME });
    expect(done).toEqual(["clear", "create", "up", "clean", "snapshot", "remove"]);
  });

  it("makes no image of a droplet that is not known to be clean, and removes the sandbox", async () => {
    await expect(bake(parts({ clean: failing("not clean") }), CONTENTS, never)).rejects.toThrow("not clean");
    expect(done).toEqual(["clear", "create", "up", "remove"]);
  });

  it("removes the sandbox when it was interrupted, and says so", async () => {
    const controller = new AbortController();
    const up = (): Promise<void> => {
      controller.abort();
      return Promise.resolve();
    };
    const ended = bake(parts({ up }), CONTENTS, controller.signal);
    await expect(ended).rejects.toMatchObject({ code: EXIT.interrupted });
    expect(done).toEqual(["clear", "create", "remove"]);
  });

  it("says both when the sandbox could not be removed either", async () => {
    const ended = bake(parts({ up: failing("no droplet"), remove: failing("still there") }), CONTENTS, never);
    await expect(ended).rejects.toThrow("no droplet\nstill there");
  });
});

describe("the sandbox that is baked", () => {
  it("is of the cheapest size that the region sells, on no larger disk than the stack's", () => {
    const catalogue = shippedCatalogue();
    const wanted = { contents: CONTENTS, region: "fra1", diskGiB: 320 };
    expect(bakeSize(catalogue, wanted)).toBe("s-1vcpu-2gb");
    expect(bakeSize(catalogue, { ...wanted, diskGiB: 25 })).toBe("c-2");
    const sizes = catalogue.sizes.map((size) => ({ ...size, regions: size.slug === "s-2vcpu-4gb" ? ["fra1"] : [] }));
    expect(bakeSize({ ...catalogue, sizes }, wanted)).toBe("s-2vcpu-4gb");
    expect(bakeSize({ ...catalogue, sizes }, { ...wanted, region: "ams3" })).toBeUndefined();
    const file = { config: { "hermes:size": "s-8vcpu-16gb" }, secretsprovider: "x" };
    expect(bakeFile(file, "c-2")).toEqual({ ...file, config: { "hermes:size": "c-2" } });
    expect(bakeFile(file, undefined)).toEqual(file);
  });
});

describe("images in use", () => {
  it("are those that a stack's file names, up or not", () => {
    const folder = mkdtempSync(join(tmpdir(), "hermes-files-"));
    try {
      writeFileSync(join(folder, "Pulumi.yaml"), "name: hermes\n");
      writeFileSync(join(folder, "Pulumi.hermes.yaml"), "config:\n  hermes:image: debian-13-x64\n");
      writeFileSync(join(folder, "Pulumi.a.yaml"), 'config:\n  hermes:image: "4711"\n');
      writeFileSync(join(folder, "Pulumi.b.yaml"), "config:\n  hermes:image: 4712\n");
      expect(imagesOfFiles(folder)).toEqual(["4711", "4712"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("what a person reads", () => {
  const image: BakedImage = {
    ...{ id: "4711", name: NAME, createdAt: "2026-11-26T14:00:00Z", minDiskGiB: 50, regions: ["nyc3"] },
    ...{ sizeGiB: 1.23, tags: ["hermes-image"] },
  };
  const words =
    "4711  2026-11-26 14:00  1.2 GB  nyc3  OpenClaw 2026.9.6 (before 2026-09-25), Node 24.21.0, " +
    "Tailscale 1.102.3 on debian-13-x64, recipe 0123456789ab, disk from 50 GB";

  it("is one line for each image, with why it stays", () => {
    expect(listText([image, { ...image, kept: "in use" }])).toBe(`${words}\n${words}, in use\n`);
    expect(listText([{ ...image, name: "renamed" }])).toBe("4711  2026-11-26 14:00  1.2 GB  nyc3  renamed\n");
    expect(listText([])).toContain("hermes image bake");
  });

  it("says of each what becomes of it, and how to go on", () => {
    const kept = { ...image, id: "4712", kept: "one of the newest" };
    expect(pruneText({ found: [image], removed: [], kept: [kept] })).toBe(
      `${words.replace("4711", "4712")}: one of the newest\n${words}: not removed\nremove them: ./hermes image prune --yes\n`,
    );
    expect(pruneText({ found: [image], removed: [image], kept: [] })).toBe(`${words}: removed\n`);
    expect(pruneText({ found: [], removed: [], kept: [] })).toBe("there is no baked image\n");
  });

  it("says after a bake what takes the image, and what does not", () => {
    expect(bakedText({ id: "4711", name: NAME, baked: true, seconds: 90 })).toMatch(
      /hermes +uses it after: pulumi config set hermes:image 4711/,
    );
    expect(bakedText({ id: "4711", name: NAME, baked: false, seconds: 0 })).toContain("--force");
  });
});
