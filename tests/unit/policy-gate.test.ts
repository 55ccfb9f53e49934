import * as pulumi from "@pulumi/pulumi";
import { shippedCatalogue } from "../../planner";
import { shippedList } from "../../planner/openrouter/list";
import { closedGate, policyOf } from "../../policy/gate";
import { hermesConfig } from "../fixtures/gateway-config";
import { mockEngine, settled, type Registration } from "../fixtures/mock-engine";
import { DROPLET, FIREWALL, SETTINGS, VOLUME } from "../fixtures/policy";

class Anything extends pulumi.CustomResource {}

let sent: Registration[];
let told: string[];
let ended: jest.SpyInstance;

/** An engine with the gate before it, which stays closed. */
async function start(preview: boolean): Promise<ReturnType<typeof closedGate>> {
  sent = await mockEngine(() => ({}), { preview });
  return closedGate();
}

beforeEach(() => {
  told = [];
  jest.spyOn(pulumi.log, "error").mockImplementation((text) => Promise.resolve(void told.push(text)));
  ended = jest.spyOn(process, "exit").mockImplementation(() => undefined as never);
});

afterEach(() => {
  process.exitCode = undefined;
  jest.restoreAllMocks();
});

const openings = [{ protocol: "tcp", portRange: pulumi.secret("all"), sourceAddresses: ["198.51.100.7/32"] }];
const firewall = (name = "hermes") => new Anything(FIREWALL, name, { tags: ["hermes"], inboundRules: openings });
const volume = (name: string) => new Anything(VOLUME, name, { size: 100 }, { protect: true });

describe("the gate", () => {
  it("lets nothing through before it is open", async () => {
    const open = await start(true);
    new Anything(VOLUME, "hermes", { size: 10 }, { protect: true });
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual([]);
    open(SETTINGS);
    await settled();
    expect(sent.map(({ name }) => name)).toEqual(["hermes"]);
    expect(told).toEqual([]);
    expect(process.exitCode).toBeUndefined();
  });

  it("tells all that is wrong in a preview, sees through secrets, and has it fail", async () => {
    (await start(true))(SETTINGS);
    firewall();
    new Anything(VOLUME, "bare", { size: 10 });
    await settled();
    expect(told.sort()).toEqual([
      expect.stringMatching(/^Firewall hermes: inboundRules\[0\] opens tcp all .*\(policy closed-ports\)$/),
      expect.stringMatching(/^Volume bare: it is not protected.*\(policy protected-volume\)$/),
    ]);
    expect(sent).toHaveLength(2);
    expect(ended).not.toHaveBeenCalled();
    expect(process.exitCode).toBe(32);
  });

  it("ends an update at the first resource that is wrong", async () => {
    (await start(false))(SETTINGS);
    const over = new Promise<void>((resolve) => ended.mockImplementation(() => resolve() as never));
    firewall();
    await over;
    expect(sent).toEqual([]);
    expect(told).toHaveLength(1);
  });

  it("says each thing once, and of the cost that it is too high, not how it grows", async () => {
    (await start(true))({ ...SETTINGS, maxMonthlyUsd: 15 });
    for (const name of ["a", "b", "c", "d"]) volume(name);
    await settled();
    expect(told).toEqual([expect.stringMatching(/^Stack hermes-hermes: it costs at least \$20\.00 a month/)]);
  });

  it("judges what transformations made of a resource", async () => {
    (await start(true))(SETTINGS);
    const opts = { transformations: [() => ({ props: { size: 10 }, opts: { protect: false } })] };
    new Anything(VOLUME, "hermes", { size: 10 }, { protect: true, ...opts });
    await settled();
    expect(told).toEqual([expect.stringMatching(/^Volume hermes: it is not protected/)]);
  });

  it("knows the resource by the name that the engine gives it", async () => {
    (await start(true))(SETTINGS);
    const parent = new pulumi.ComponentResource("hermes:index:Host", "hermes");
    new Anything(DROPLET, "hermes", { tags: [] }, { parent });
    await settled();
    expect(told[0]).toMatch(/^Droplet hermes: its tags lack hermes\./);
  });
});

describe("what the gate holds a stack against", () => {
  it("is its configuration, its secrets, and whether it is a sandbox", async () => {
    await mockEngine(() => ({}));
    const known = { catalogue: shippedCatalogue(), models: shippedList() };
    const secrets = { gatewayToken: pulumi.secret("token of the stack") };
    const config = { ...hermesConfig, policy: { maxMonthlyUsd: 20 } };
    await expect(policyOf(config, { ...known, secrets })).resolves.toMatchObject({
      ...{ maxMonthlyUsd: 20, allowPaidModels: false, sandbox: false },
      secrets: { gatewayToken: "token of the stack" },
    });
    pulumi.runtime.setConfig("hermes-sandbox:of", "hermes");
    await expect(policyOf(config, { ...known, secrets })).resolves.toMatchObject({ sandbox: true });
  });
});
