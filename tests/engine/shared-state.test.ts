import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { builtPath, RECIPES } from "../../localcloud/engine";
import { labOf } from "../../localcloud/lab";
import { waitFor } from "../../localcloud/network";
import { startObjectStore, type ObjectStore } from "../../localcloud/services/object-store";
import { expectSuccess } from "../support/engine";
import { killAll } from "../torture/world";
import { mutations, startBench, type EngineBench, type Ended } from "./harness";

/** docs/state.md: one stack whose state is in a bucket, two engines. */
const PROGRAM = join(__dirname, "..", "fixtures", "engine-program");
const UP = ["up", "--yes", "--skip-preview"];
const DESTROY = ["destroy", "--yes", "--skip-preview"];
const NEVER_MS = 3_600_000;

jest.setTimeout(1_200_000);

let dir: string;
let store: ObjectStore;
let bench: EngineBench;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "hermes-shared-state-"));
  const program = builtPath(labOf(join(__dirname, "..", "..")).cache, RECIPES.objectStore);
  const key = { keyId: "key-of-the-team", secret: "secret-of-the-team" };
  store = await startObjectStore({ program, dir: join(dir, "buckets"), buckets: ["state", "moved"], ...key });
  bench = await startBench({ program: PROGRAM, env: bucketEnvironment(store), timings: { activeMs: NEVER_MS } });
  await bench.keepProviders();
});

afterAll(async () => {
  await bench?.stop();
  await store?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const bucketEnvironment = ({ url, keyId, secret }: ObjectStore, bucket = "state") => ({
  PULUMI_BACKEND_URL: `s3://${bucket}?endpoint=${url}&region=us-east-1&use_path_style=true`,
  AWS_ACCESS_KEY_ID: keyId,
  AWS_SECRET_ACCESS_KEY: secret,
});

/** Its path and content, of everything in the bucket. */
const objects = (): [string, string][] =>
  readdirSync(join(dir, "buckets"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, readFileSync(path, "utf8")]);

const locks = (): string[] => objects().flatMap(([path]) => (path.includes("/locks/") ? [path] : []));

/** Starts an engine that gets the lock, and then waits for the droplet until the clock of the account is set right. */
async function startBusyEngine(until: string): Promise<{ ended: Promise<Ended> }> {
  const before = mutations(bench.digitalocean).length;
  const ended = bench.pulumi(UP);
  const waits = () => mutations(bench.digitalocean).slice(before).includes(until);
  await waitFor(`the first engine got to ${until}`, waits, { timeoutMs: 300_000 });
  return { ended };
}

const expectRefused = ({ code, output }: Ended): void => {
  expect(code).not.toBe(0);
  expect(output).toMatch(/the stack is currently locked by 1 lock\(s\)/);
  expect(output).toMatch(new RegExp(`created by ${userInfo().username}@\\S+ \\(pid \\d+\\) at `));
};

it("refuses a second engine while the first one works, and says whose turn it is", async () => {
  const { ended } = await startBusyEngine("POST /v2/droplets");
  const before = mutations(bench.digitalocean);
  expectRefused(await bench.pulumi(UP));
  expectRefused(await bench.pulumi(DESTROY));
  expect(mutations(bench.digitalocean)).toEqual(before);
  bench.digitalocean.timings.activeMs = 0;
  expectSuccess(await ended);
  expect(locks()).toEqual([]);
});

it("keeps every secret hidden in the bucket", () => {
  const [state] = objects().filter(([path]) => path.endsWith("/stacks/engine-program/test.json"));
  expect(state?.[1]).toContain("ciphertext");
  const clear = objects().filter(([, content]) => content.includes("FAKESECRET"));
  expect(clear.map(([path]) => path)).toEqual([]);
});

it("moves from one backend to the other without a change", async () => {
  const moved = `file://${dir}`;
  const file = join(dir, "exported.json");
  expectSuccess(await bench.pulumi(["stack", "export", "--file", file]));
  for (const PULUMI_BACKEND_URL of [moved, bucketEnvironment(store, "moved").PULUMI_BACKEND_URL]) {
    const options = { env: { PULUMI_BACKEND_URL } };
    expectSuccess(await bench.pulumi(["stack", "init"], options));
    expectSuccess(await bench.pulumi(["stack", "import", "--file", file], options));
    expectSuccess(await bench.pulumi(["preview", "--expect-no-changes"], options));
    expectSuccess(await bench.pulumi(["stack", "export", "--file", file], options));
  }
});

it("is previewed and exported with a key that may only read, as a pull request's job does", async () => {
  const program = builtPath(labOf(join(__dirname, "..", "..")).cache, RECIPES.objectStore);
  const { keyId, secret } = store;
  const options = { program, dir: join(dir, "buckets"), buckets: [], keyId, secret, readOnly: true };
  const readOnly = await startObjectStore(options);
  try {
    const env = bucketEnvironment(readOnly);
    const before = objects();
    expectSuccess(await bench.pulumi(["preview", "--expect-no-changes"], { env }));
    expectSuccess(await bench.pulumi(["stack", "export", "--file", join(dir, "read.json")], { env }));
    expect(objects()).toEqual(before);
    // The store does refuse writes.
    expect((await bench.pulumi(UP, { env })).code).not.toBe(0);
    expect(objects()).toEqual(before);
  } finally {
    await readOnly.stop();
  }
});

it("is free again by pulumi cancel after the first engine was killed", async () => {
  bench.dismissProviders();
  bench.digitalocean.timings.actionMs = NEVER_MS;
  bench.configure({ "engine-program:size": "s-2vcpu-4gb" });
  const { ended } = await startBusyEngine("POST /v2/droplets/ID/actions power_off");
  await killAll(bench.dir);
  await ended;
  bench.digitalocean.timings.actionMs = 0;
  expectRefused(await bench.pulumi(UP));
  expectSuccess(await bench.pulumi(["cancel", "--yes"]));
  expectSuccess(await bench.pulumi(UP));
  expectSuccess(await bench.pulumi(DESTROY));
});
