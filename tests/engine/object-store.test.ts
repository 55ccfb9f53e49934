import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getFile, list, putFile, remove, sizeOf, type Bucket } from "../../gateway/apply/s3";
import { builtPath, RECIPES } from "../../localcloud/engine";
import { labOf } from "../../localcloud/lab";
import { startObjectStore, type ObjectStore } from "../../localcloud/services/object-store";

const CONTENT = "a backup\n".repeat(20_000);
const KEY = "hermes/a b+c(1)/2026.tar.age";

let dir: string;
let store: ObjectStore;
let bucket: Bucket;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "hermes-object-store-"));
  const program = builtPath(labOf(join(__dirname, "..", "..")).cache, RECIPES.objectStore);
  const credentials = { keyId: "key-of-the-test", secret: "secret-of-the-test" };
  store = await startObjectStore({ program, dir: join(dir, "buckets"), buckets: ["backups"], ...credentials });
  bucket = { endpoint: store.url, region: "nyc3", bucket: "backups", ...credentials };
});

afterAll(async () => {
  await store.stop();
  rmSync(dir, { recursive: true, force: true });
});

const upload = (into = bucket, key = KEY, sha256 = createHash("sha256").update(CONTENT).digest("hex")) => {
  writeFileSync(join(dir, "file"), CONTENT);
  return putFile(into, key, join(dir, "file"), { sha256 });
};

describe("a bucket of a real S3 server", () => {
  it("gives back what was put there", async () => {
    await upload();
    expect(await sizeOf(bucket, KEY)).toBe(CONTENT.length);
    await getFile(bucket, KEY, join(dir, "back"));
    expect(readFileSync(join(dir, "back"), "utf8")).toBe(CONTENT);
  });

  it("lists what is below a prefix, page by page, and forgets what was removed", async () => {
    await upload(bucket, "hermes/one & two.age");
    await upload(bucket, "other/three.age");
    expect((await list(bucket, "hermes/")).map(({ key }) => key)).toEqual([KEY, "hermes/one & two.age"]);
    await remove(bucket, "hermes/one & two.age");
    expect(await list(bucket, "hermes/")).toEqual([{ key: KEY, bytes: CONTENT.length }]);
  });

  it("is closed to another key, and to a wrong secret", async () => {
    await expect(upload({ ...bucket, secret: "guessed" })).rejects.toThrow(/403 SignatureDoesNotMatch/);
    await expect(list({ ...bucket, keyId: "nobody" }, "")).rejects.toThrow(/403 InvalidAccessKeyId/);
  });

  it("says which object it does not have", async () => {
    await expect(sizeOf(bucket, "hermes/none")).rejects.toThrow(/HEAD http.*\/backups\/hermes\/none: 404/);
  });

  it("says where nobody answers", async () => {
    await expect(list({ ...bucket, endpoint: "http://127.0.0.1:9" }, "")).rejects.toThrow(/127\.0\.0\.1:9\/backups: /);
  });
});
