import { join } from "node:path";
import { mutations, startBench, type EngineBench, type PreviewStep } from "./harness";

jest.setTimeout(1_200_000);

/**
 * The real engine, the provider plugins that this machine has, the emulated account: what hermes relies on of them.
 * One stack lives through the whole file, each test from where the one before left it.
 */
const PROGRAM = join(__dirname, "..", "fixtures", "engine-program");
const ORDER = ["POST /v2/tags", "POST /v2/firewalls", "POST /v2/droplets"];

let bench: EngineBench;

beforeAll(async () => {
  bench = await startBench({ program: PROGRAM });
});

afterAll(async () => {
  await bench?.stop();
});

const config = (values: Record<string, unknown>): void =>
  bench.configure(Object.fromEntries(Object.entries(values).map(([key, value]) => [`engine-program:${key}`, value])));

const typeOf = (step: PreviewStep): string => step.urn.split("::")[2]?.split(":").pop() ?? "";
const changing = (steps: PreviewStep[]): string[] =>
  steps.filter((step) => step.op !== "same").map((step) => `${step.op} ${typeOf(step)}`);

/** The text of every tailnet key that was made. */
const secretsMade = (): string[] => Array.from({ length: 9 }, (_, n) => `FAKESECRET${n + 1}`);

function mustHideSecrets(text: string): void {
  for (const secret of secretsMade()) expect(text).not.toContain(secret);
}

const dropletInState = () => bench.deployment().resources?.find(({ type }) => type.endsWith(":Droplet"));
const idOfDroplet = (): string | undefined => dropletInState()?.id;

describe("one stack, from nothing to nothing", () => {
  it("creates tag, firewall and droplet in that order, and the firewall covers the machine before it starts", async () => {
    const { output } = await bench.up();

    expect(output).toMatch(/\+ 8 created/);
    expect(mutations(bench.digitalocean).filter((deed) => ORDER.includes(deed))).toEqual(ORDER);
    const created = bench.substrate.record.findIndex((entry) => entry.call === "createDroplet");
    const before = bench.substrate.record.slice(0, created).filter((entry) => entry.call === "applyFirewalls");
    expect(before.at(-1)?.args[0]).toMatchObject([{ covered: true, inbound: [] }]);
    expect(output).toContain("hello");
    mustHideSecrets(output);
    // The engine has started them; from here on it finds them running.
    await bench.keepProviders();
  });

  it("gives the machine the tailnet key in its user data, and keeps it out of the state and the preview", async () => {
    const spec = bench.substrate.record.find((entry) => entry.call === "createDroplet")?.args[0];
    expect(spec).toMatchObject({ userData: expect.stringContaining("FAKESECRET1") as string });
    mustHideSecrets(bench.stateText());
  });

  it("changes nothing when nothing changed", async () => {
    const from = bench.digitalocean.calls.length;
    const { steps, changeSummary, raw } = await bench.preview();
    expect(changing(steps)).toEqual([]);
    expect(changeSummary).toEqual({ same: 8 });
    expect(mutations(bench.digitalocean, from)).toEqual([]);
    mustHideSecrets(raw);
  });

  it("finds no drift, keeps secrets secret through a refresh, and puts back what drifted", async () => {
    const quiet = await bench.pulumi(["refresh", "--yes", "--skip-preview", "--expect-no-changes"]);
    expect([quiet.code, quiet.output]).toEqual([0, expect.stringContaining("8 unchanged")]);
    mustHideSecrets(bench.stateText());

    const firewall = Object.values(bench.digitalocean.state.firewalls)[0]!;
    firewall.outbound[0]!.ports = "22";
    const drifted = await bench.preview("--refresh");
    expect(changing(drifted.steps).filter((step) => !step.startsWith("refresh"))).toEqual(["update Firewall"]);
    mustHideSecrets(drifted.raw);
    firewall.outbound[0]!.ports = "443";
  });

  it("edits a firewall in place, and leaves the droplet alone when its user data changed", async () => {
    const droplet = idOfDroplet();
    config({ ports: "80", text: "second" });
    const { steps } = await bench.preview();
    expect(changing(steps)).toEqual(["update Firewall", "update Command"]);
    const firewall = steps.find((step) => typeOf(step) === "Firewall");
    expect(firewall?.detailedDiff).toMatchObject({ "outboundRules[0].portRange": { kind: "update" } });

    const from = bench.digitalocean.calls.length;
    const { output } = await bench.up();
    expect(mutations(bench.digitalocean, from)).toEqual(["PUT /v2/firewalls/ID"]);
    expect(idOfDroplet()).toBe(droplet);
    expect(output).toContain("second");
  });

  it("shows a new droplet size as an update, and a volume that would shrink as an error", async () => {
    config({ ports: "80", text: "second", size: "s-2vcpu-4gb" });
    const { steps } = await bench.preview();
    expect(steps.find((step) => typeOf(step) === "Droplet")).toMatchObject({ op: "update", diffReasons: ["size"] });
    config({ ports: "80", text: "second", volumeGiB: 5 });
    const refused = await bench.pulumi(["preview"]);
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain("can only be expanded and not shrunk");
  });

  it("replaces key and droplet by the trigger: old one down first, volume kept, new key in the new user data", async () => {
    config({ ports: "80", text: "third", revision: 2 });
    const droplet = idOfDroplet();
    const volume = Object.keys(bench.digitalocean.state.volumes);
    const preview = await bench.preview();
    expect(changing(preview.steps)).toEqual(["replace TailnetKey", "replace Droplet", "replace Command"]);
    mustHideSecrets(preview.raw);

    const from = bench.digitalocean.calls.length;
    await bench.up();
    expect(mutations(bench.digitalocean, from)).toEqual([
      "POST /v2/droplets/ID/actions shutdown",
      "POST /v2/volumes/ID/actions detach",
      "DELETE /v2/droplets/ID",
      "POST /v2/droplets",
    ]);
    expect(idOfDroplet()).not.toBe(droplet);
    expect(Object.keys(bench.digitalocean.state.volumes)).toEqual(volume);
    const specs = bench.substrate.record
      .filter((entry) => entry.call === "createDroplet")
      .map((entry) => entry.args[0]);
    expect(specs.at(-1)).toMatchObject({
      userData: expect.stringMatching(/third .*FAKESECRET2/) as string,
      volumeIds: volume,
    });
    mustHideSecrets(bench.stateText());
  });

  it("keeps a droplet that never became active in the state, and destroys it with all the rest", async () => {
    config({ ports: "80", text: "fourth", revision: 3, createTimeout: "3s" });
    bench.digitalocean.timings.activeMs = 3_600_000;
    const failed = await bench.pulumi(["up", "--yes", "--skip-preview"]);
    expect(failed.code).not.toBe(0);
    expect(failed.output).toMatch(/Error waiting for droplet \(\d+\) to become ready: timeout/);
    expect(dropletInState()?.initErrors).toHaveLength(1);
    mustHideSecrets(failed.output);

    bench.digitalocean.timings.activeMs = 0;
    const destroyed = await bench.pulumi(["destroy", "--yes", "--skip-preview"]);
    expect(destroyed.code).toBe(0);
    expect(bench.deployment().resources ?? []).toEqual([]);
    expect(bench.digitalocean.state).toMatchObject({ droplets: {}, volumes: {}, firewalls: {}, keys: {}, tags: [] });
    expect(bench.tailscale.keys.size).toBe(0);
    await bench.digitalocean.idle();
    expect(bench.digitalocean.state.problems).toEqual([]);
  });

  it("says what the API said when the token is wrong, and makes nothing", async () => {
    // Those that run have the right one.
    bench.dismissProviders();
    config({});
    const from = bench.digitalocean.calls.length;
    const refused = await bench.pulumi(["up", "--yes", "--skip-preview"], { env: { DIGITALOCEAN_TOKEN: "wrong" } });
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain("401");
    expect(refused.output).toContain("Unable to authenticate you");
    expect(bench.digitalocean.calls.slice(from).every((call) => call.status === 401)).toBe(true);
    await bench.pulumi(["destroy", "--yes", "--skip-preview"]);
    expect(bench.digitalocean.state.droplets).toEqual({});
  });
});
