import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeOnce } from "../../localcloud/make-once";

let cache: string;

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "make-once-"));
});

afterEach(() => rmSync(cache, { recursive: true }));

/** As the cache's builders do it: a folder that is not empty, put together elsewhere and renamed. */
async function build(path: string): Promise<void> {
  const work = mkdtempSync(join(cache, "build-"));
  writeFileSync(join(work, "content"), "");
  await new Promise((resolve) => setImmediate(resolve));
  renameSync(work, path);
}

it("makes a thing once for all that ask at the same time, and they all find it", async () => {
  const path = join(cache, "thing");
  let made = 0;
  const ask = () => makeOnce(path, () => ((made += 1), build(path)));
  await Promise.all([ask(), ask(), ask()]);
  expect({ made, found: readdirSync(path) }).toEqual({ made: 1, found: ["content"] });
  expect(existsSync(`${path}.lock`)).toBe(false);
});

it("makes nothing where the thing is", async () => {
  const path = join(cache, "thing");
  mkdirSync(path);
  await makeOnce(path, () => Promise.reject(new Error("made again")));
});

it("gives the lock back if making fails, so that the next one tries again", async () => {
  const path = join(cache, "thing");
  await expect(makeOnce(path, () => Promise.reject(new Error("no space")))).rejects.toThrow("no space");
  await makeOnce(path, () => build(path));
  expect(existsSync(path)).toBe(true);
});

it("does not count the lock of a process that died", async () => {
  const path = join(cache, "thing");
  writeFileSync(`${path}.lock`, JSON.stringify({ pid: 1, startTime: "another process's" }));
  await makeOnce(path, () => build(path));
  expect(existsSync(path)).toBe(true);
});
