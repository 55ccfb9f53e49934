// An update that DigitalOcean refuses. The official provider then keeps the wanted values in the state, and so do the stand-ins.
import { readFileSync, writeFileSync } from "node:fs";
import type { Values } from "../fixtures/edits";
import { asRoot, expectFailure, expectSuccess } from "../support/engine";
import { editStackFile } from "../support/stack-file";
import { startWorld, type World } from "../torture/world";
import { mutations, type Ended } from "./harness";

jest.setTimeout(1_200_000);

const BOT = {
  "hermes:telegram": { ownerId: "123456789" },
  "hermes:agents": { main: { bindings: [{ channel: "telegram" }] } },
};

asRoot("after an update that failed", () => {
  let world: World;
  let base = "";
  const up = (...args: string[]): Promise<Ended> => world.pulumi(["up", "--yes", "--skip-preview", ...args]);
  const edit = (values: Values, secrets?: Record<string, string>): void =>
    editStackFile(world.bench.configFile, values, secrets);
  const account = () => world.bench.digitalocean;
  const droplet = () => Object.values(account().state.droplets)[0];
  const volume = () => Object.values(account().state.volumes)[0];
  const refuse = (method: string, path: string, after = 0): void =>
    void account().faults.push({
      method,
      path,
      status: 422,
      body: { id: "unprocessable_entity", message: "not now" },
      after,
    });
  const applied = (): unknown => structuredClone([...world.droplets.applied.values()]);

  beforeAll(async () => {
    world = await startWorld("volume", { keepProviders: true });
    edit(BOT, { telegramBotToken: "123456789:AAE-engine-test-token-of-thirty-five" });
    expectSuccess(await up());
    base = readFileSync(world.bench.configFile, "utf8");
  });
  afterAll(() => world.stop());
  afterEach(async () => {
    account().faults.length = 0;
    writeFileSync(world.bench.configFile, base);
  });

  it("of the size, the next `up` fails with what to do, and gives the droplet no limits of the larger size", async () => {
    edit({ "hermes:size": "s-2vcpu-4gb" });
    refuse("POST", "/v2/droplets/\\d+/actions$", 1);
    const before = applied();
    expect((await up()).output).toMatch(/Error resizing droplet \(\d+\).*not now/);
    const next = await up();
    expectFailure(next);
    expect(next.output).toMatch(/droplet hermes \(\d+\): its size is s-1vcpu-2gb, and hermes:size is s-2vcpu-4gb/);
    expect(next.output).toMatch(/pulumi up --refresh --stack hermes/);
    expect(next.output).not.toMatch(/is switched off, resized in place|error serializing|lost its connection/);
    expect(applied()).toEqual(before);
    expectSuccess(await up("--refresh"));
    expect(droplet()?.size).toBe("s-2vcpu-4gb");
    expect(applied()).not.toEqual(before);
    expectSuccess(await world.pulumi(["preview", "--expect-no-changes"]));
    base = readFileSync(world.bench.configFile, "utf8");
  });

  it("of the volume, the next `up` fails with what to do", async () => {
    edit({ "hermes:volumeGiB": 20 });
    refuse("POST", "/v2/volumes/[^/]+/actions$");
    expect((await up()).code).not.toBe(0);
    const next = await up();
    expectFailure(next);
    expect(next.output).toMatch(/volume hermes-state \([^)]+\): it has 10 GiB, and hermes:volumeGiB is 20/);
    expectSuccess(await up("--refresh"));
    expect(volume()?.sizeGiB).toBe(20);
    base = readFileSync(world.bench.configFile, "utf8");
  });

  it("of the droplet's tags, the next `up` fails with what to do", async () => {
    edit({}, { telegramBotToken: "987654321:AAE-engine-test-token-of-another" });
    refuse("DELETE", "/v2/tags/.*/resources$");
    expect((await up()).code).not.toBe(0);
    const next = await up();
    expectFailure(next);
    // The tag that the state has and the account lacks is put back; the one that is left over is for the person to see.
    expect(next.output).not.toMatch(/it lacks the tag/);
    expect(next.output).toMatch(/it still has the tag hermes-telegram-bot:123456789/);
    expectSuccess(await up("--refresh"));
    expect(droplet()?.tags.filter((tag) => tag.includes("bot"))).toEqual(["hermes-telegram-bot:987654321"]);
    base = readFileSync(world.bench.configFile, "utf8");
  });

  it("of the firewall, the next `up` makes it", async () => {
    edit({ "hermes:mcpServers": { docs: { url: "https://mcp.example.com:8443/" } } });
    refuse("PUT", "/v2/firewalls/");
    expect((await up()).code).not.toBe(0);
    const before = mutations(account()).length;
    expectSuccess(await up());
    expect(mutations(account()).slice(before)).toContain("PUT /v2/firewalls/ID");
  });
});

asRoot("what somebody changed by hand", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld("volume", { keepProviders: true });
    expectSuccess(await world.pulumi(["up", "--yes", "--skip-preview"]));
  });
  afterAll(() => world.stop());

  it("fails the next `up` by name: a rule, a volume that is detached", async () => {
    const { firewalls, volumes, droplets } = world.bench.digitalocean.state;
    const [firewall] = Object.values(firewalls);
    firewall?.inbound.push({
      ...firewall.outbound[0],
      protocol: "tcp",
      ports: "22",
      addresses: ["0.0.0.0/0"],
    } as never);
    for (const volume of Object.values(volumes)) volume.dropletId = null;
    for (const droplet of Object.values(droplets)) droplet.volumeIds = [];
    const ended = await world.pulumi(["up", "--yes", "--skip-preview"]);
    expectFailure(ended);
    expect(ended.output).toMatch(/firewall hermes \([^)]+\): inbound has more: tcp 22 0\.0\.0\.0\/0/);
    expect(ended.output).toMatch(/volume hermes-state \([^)]+\): it is not attached to droplet \d+/);
  });
});
