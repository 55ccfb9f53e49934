import { newKey } from "../../cli/init";
import { COMMITTED, deeds, PROGRAM, startBench, type EngineBench } from "./harness";

jest.setTimeout(240_000);

const SECRETS = {
  openrouterApiKey: "sk-or-v1-engine-test-secret",
  gatewayToken: "engine-test-gateway-token-of-more-than-32-characters",
  deployKey: newKey("test"),
};

let bench: EngineBench;

/** The committed stack with changes, and secrets that the engine encrypts. */
async function configure(changes: Record<string, unknown> = {}): Promise<void> {
  bench.configure({ ...COMMITTED, ...changes });
  for (const [name, value] of Object.entries(SECRETS)) {
    const path = `hermes:secrets.${name}`;
    const set = await bench.pulumi(["config", "set", path, "--secret", "--path"], { stdin: value });
    expect({ code: set.code, said: set.code === 0 ? "" : set.output }).toEqual({ code: 0, said: "" });
  }
}

afterEach(() => bench.stop());

describe("the hermes stack, before anything is built", () => {
  beforeEach(async () => {
    bench = await startBench({ stack: "hermes", program: PROGRAM });
  });

  it("previews its first create, with every secret hidden and the configuration readable", async () => {
    await configure();
    const preview = await bench.preview("--diff");
    expect(preview.changeSummary).toEqual({ create: 20 });
    for (const value of Object.values(SECRETS)) expect(preview.raw).not.toContain(JSON.stringify(value).slice(1, 60));
    expect(preview.raw).toContain("google/gemma-4-31b-it:free");
    expect(deeds(bench.digitalocean)).toEqual([]);
  });

  it("refuses every wrong key at once, without a stack trace, and touches nothing", async () => {
    await configure({
      "hermes:size": "s-9vcpu-9gb",
      "hermes:region": "mars1",
      "hermes:access": "ssh",
      "hermes:adminCidrs": ["0.0.0.0/1", "128.0.0.0/1"],
      "hermes:agents": { main: { workspace: "./no-such-folder", bindings: [{ channel: "telegram" }] } },
    });
    const refused = await bench.pulumi(["preview"]);
    expect(refused.code).not.toBe(0);
    for (const key of ["size", "region", "adminCidrs", "agents.main.workspace", "agents.main.bindings"]) {
      expect(refused.output).toContain(`hermes:${key}`);
    }
    expect(refused.output).not.toMatch(/\n\s+at .*:\d+:\d+/);
    expect(deeds(bench.digitalocean)).toEqual([]);
  });

  it("says what to do about a token that DigitalOcean refuses", async () => {
    await configure();
    const refused = await bench.pulumi(["up", "--yes", "--skip-preview"], {
      env: { DIGITALOCEAN_TOKEN: "dop_v1_wrong" },
    });
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain("DigitalOcean refused the token");
    expect(refused.output).not.toMatch(/\n\s+at .*:\d+:\d+/);
    expect(refused.output).not.toContain("dop_v1_wrong");
  });

  it("previews without a token, against the catalogue that came with it", async () => {
    await configure();
    const env = { DIGITALOCEAN_TOKEN: "", DIGITALOCEAN_ACCESS_TOKEN: "" };
    const preview = await bench.pulumi(["preview"], { env });
    expect({ code: preview.code, said: preview.code === 0 ? "" : preview.output }).toEqual({ code: 0, said: "" });
    expect(preview.stdout).toContain("shipped");
  });
});

describe("a droplet that never becomes active", () => {
  it("fails the update with one clear error, and destroy removes all that was made", async () => {
    bench = await startBench({
      stack: "hermes",
      program: PROGRAM,
      timings: { activeMs: 3_600_000 },
    });
    await configure({ "hermes:volumeGiB": 0 });
    const up = await bench.pulumi(["up", "--yes", "--skip-preview"]);
    expect(up.code).not.toBe(0);
    expect(up.output).toMatch(/digitalocean:index:Droplet[\s\S]*(timeout|timed out|did not become|active)/i);
    const made = deeds(bench.digitalocean).filter((deed) => deed.startsWith("POST"));
    expect(made.indexOf("POST /v2/firewalls")).toBeLessThan(made.indexOf("POST /v2/droplets"));
    bench.digitalocean.timings.activeMs = 0;
    const destroy = await bench.pulumi(["destroy", "--yes", "--skip-preview"]);
    expect({ code: destroy.code, said: destroy.code === 0 ? "" : destroy.output }).toEqual({ code: 0, said: "" });
    const { droplets, firewalls, volumes, tags } = bench.digitalocean.state;
    expect([droplets, firewalls, volumes].map((each) => Object.keys(each).length)).toEqual([0, 0, 0]);
    expect(tags).toEqual([]);
  });
});
