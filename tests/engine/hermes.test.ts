import { expectFailure, expectSuccess } from "../support/engine";
import { encrypted, SECRETS } from "../support/stack-file";
import { COMMITTED, mutations, PROGRAM, startBench, type EngineBench } from "./harness";

jest.setTimeout(1_200_000);

let bench: EngineBench;

/** The committed stack with changes, and encrypted secrets. */
const configure = (changes: Record<string, unknown> = {}): void =>
  bench.configure({ ...COMMITTED, ...changes, "hermes:secrets": encrypted(SECRETS) });

beforeAll(async () => {
  bench = await startBench({ stack: "hermes", program: PROGRAM });
});
afterAll(() => bench.stop());

describe("the hermes stack, before anything is built", () => {
  it("previews its first create, with every secret hidden and the configuration readable", async () => {
    configure();
    const preview = await bench.preview("--diff");
    expect(preview.changeSummary).toEqual({ create: 22 });
    for (const value of Object.values(SECRETS)) expect(preview.raw).not.toContain(JSON.stringify(value).slice(1, 60));
    expect(preview.raw).toContain("google/gemma-4-31b-it:free");
    expect(mutations(bench.digitalocean)).toEqual([]);
  });

  it("refuses every wrong key at once, without a stack trace, and touches nothing", async () => {
    configure({
      "hermes:size": "s-9vcpu-9gb",
      "hermes:region": "mars1",
      "hermes:access": "ssh",
      "hermes:adminCidrs": ["0.0.0.0/1", "128.0.0.0/1"],
      "hermes:agents": { main: { workspace: "./no-such-folder", bindings: [{ channel: "telegram" }] } },
    });
    const refused = await bench.pulumi(["preview"]);
    expectFailure(refused);
    for (const key of ["size", "region", "adminCidrs", "agents.main.workspace", "agents.main.bindings"]) {
      expect(refused.output).toContain(`hermes:${key}`);
    }
    expect(mutations(bench.digitalocean)).toEqual([]);
  });

  it("says what to do about a token that DigitalOcean refuses", async () => {
    configure();
    const refused = await bench.pulumi(["up", "--yes", "--skip-preview"], {
      env: { DIGITALOCEAN_TOKEN: "dop_v1_wrong" },
    });
    expectFailure(refused);
    expect(refused.output).toContain("DigitalOcean refused the token");
    expect(refused.output).not.toContain("dop_v1_wrong");
  });

  it("previews without a token, against the catalogue that came with it", async () => {
    configure();
    const env = { DIGITALOCEAN_TOKEN: "", DIGITALOCEAN_ACCESS_TOKEN: "" };
    const preview = await bench.pulumi(["preview"], { env });
    expectSuccess(preview);
    expect(preview.stdout).toContain("shipped");
  });
});

describe("a droplet that never becomes active", () => {
  it("fails the update with one clear error, and destroy removes all that was made", async () => {
    bench.digitalocean.timings.activeMs = 3_600_000;
    configure({ "hermes:volumeGiB": 0 });
    const up = await bench.pulumi(["up", "--yes", "--skip-preview"], { env: { HERMES_TEST_PATIENCE: "2s" } });
    expect(up.code).not.toBe(0);
    expect(up.output).toMatch(/digitalocean:index:Droplet[\s\S]*(timeout|timed out|did not become|active)/i);
    const made = mutations(bench.digitalocean).filter((deed) => deed.startsWith("POST"));
    expect(made.indexOf("POST /v2/firewalls")).toBeLessThan(made.indexOf("POST /v2/droplets"));
    bench.digitalocean.timings.activeMs = 0;
    expectSuccess(await bench.pulumi(["destroy", "--yes", "--skip-preview"]));
    const { droplets, firewalls, volumes, tags } = bench.digitalocean.state;
    expect([droplets, firewalls, volumes].map((each) => Object.keys(each).length)).toEqual([0, 0, 0]);
    expect(tags).toEqual([]);
  });
});
