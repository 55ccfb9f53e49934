import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSandboxWorld, type SandboxWorld } from "../fixtures/sandbox-world";
import { asRoot, expectSuccess } from "../support/engine";
import { mutations, DIGITALOCEAN_TOKEN, type Ended } from "./harness";

/** A real engine and the real command; the account records, and its droplets answer without having booted. */
jest.setTimeout(1_200_000);

/** Enough that two expire, one fails, and some are left. */
const MANY = 5;
let world: SandboxWorld;

const fine = (ended: Ended): string => {
  expectSuccess(ended);
  return ended.stdout;
};

const account = () => world.bench.digitalocean;
const droplets = () => Object.values(account().state.droplets);
const dropletOf = (name: string) => droplets().find((each) => each.name === `hermes-sandbox-${name}`);
const leases = (tags: readonly string[] = []): string[] => tags.filter((tag) => tag.startsWith("hermes-expires:"));

/** As if it had been made with a time to live that is over. */
function expire(name: string): void {
  const old = leases(account().state.tags).find((tag) => tag.endsWith(`:${name}`)) ?? "";
  const over = old.replace(/:\d{4}-/, ":2020-");
  const moved = (tags: string[]): string[] => tags.map((tag) => (tag === old ? over : tag));
  account().state.tags = moved(account().state.tags);
  for (const droplet of droplets()) droplet.tags = moved(droplet.tags);
  const file = join(world.project, `Pulumi.sandbox-${name}.yaml`);
  writeFileSync(
    file,
    readFileSync(file, "utf8").replace(/expires: '?"?\d{4}/, (text) => text.replace(/\d{4}$/, "2020")),
  );
}

/** A call of somebody else's. */
async function post(path: string, body: object): Promise<void> {
  const headers = { authorization: `Bearer ${DIGITALOCEAN_TOKEN}`, "content-type": "application/json" };
  const reply = await fetch(`${account().url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  expect(reply.ok).toBe(true);
}

asRoot("hermes sandbox", () => {
  beforeAll(async () => {
    world = await startSandboxWorld();
  });
  afterAll(() => world?.stop());

  it("makes one that is well, says how to get in and until when", async () => {
    const made = fine(await world.hermes("sandbox", "create", "one", "--ttl", "2h", "--idle", "1h"));
    expect(made).toContain("hermes tunnel --stack sandbox-one");
    const { tags, id } = dropletOf("one") ?? { tags: [], id: 0 };
    expect([...tags].sort()).toEqual([
      expect.stringMatching(/^hermes-expires:20\d\d-\d\d-\d\dt\d\d:\d\d:\d\dz:[0-9a-f]{8}:one$/),
      ...["hermes-idle", "hermes-sandbox", "hermes-sandbox-one"],
    ]);
    expect(Object.keys(account().state.volumes)).toEqual([]);
    const file = readFileSync(join(world.project, "Pulumi.sandbox-one.yaml"), "utf8");
    expect(file).not.toMatch(/telegram|123456789/);

    const [listed] = JSON.parse(fine(await world.hermes("sandbox", "list", "--json"))) as object[];
    expect(listed).toMatchObject({ name: "one", state: "made", droplet: "active", size: "s-1vcpu-2gb", here: true });
    const shown = fine(await world.hermes("sandbox", "show", "one"));
    expect(shown).toMatch(/ephemeral: after a long silence it does not come back/);
    expect(shown).toMatch(/shared with hermes, on purpose/);

    const before = account().calls.length;
    fine(await world.hermes("sandbox", "extend", "one", "--ttl", "3d"));
    const done = mutations(account(), before);
    expect(done.filter((deed) => !deed.includes("/v2/tags"))).toEqual([]);
    expect(dropletOf("one")?.id).toBe(id);
    expect(leases(dropletOf("one")?.tags)).toEqual(leases(account().state.tags));
    expect(leases(dropletOf("one")?.tags)).not.toEqual(leases(tags));
    const preview = await world.preview("sandbox-one");
    expect(preview).toEqual([]);
  });

  it("lets another machine in, which has the state and not its file", async () => {
    const file = join(world.project, "Pulumi.sandbox-one.yaml");
    rmSync(file);
    const status = fine(await world.hermes("ssh", "--stack", "sandbox-one", "hermes-apply", "status"));
    expect(JSON.parse(status)).toMatchObject({ ready: true });
    expect(await world.preview("sandbox-one")).toEqual([]);
    rmSync(file);
    expect(fine(await world.hermes("sandbox", "show", "one"))).toMatch(/one, made; droplet active/);
    fine(await world.hermes("sandbox", "extend", "one", "--ttl", "2d"));
    expect(leases(dropletOf("one")?.tags)).toEqual(leases(account().state.tags));
    const token = /^token +pulumi (.*)$/m.exec(fine(await world.hermes("sandbox", "show", "one")))?.[1] ?? "";
    const options = { cwd: world.project, env: world.bench.environment, encoding: "utf8" as const };
    expect(execFileSync("pulumi", token.split(" "), options)).toMatch(/^[0-9a-f]{64}\n$/);
    // It is no work that was cut off, though whoever made it is gone.
    expect(fine(await world.hermes("sandbox", "sweep"))).toMatch(/one: until .*: stays/);
  });

  it("removes it without a trace", async () => {
    fine(await world.pulumi("stack", "select", "hermes"));
    fine(await world.hermes("sandbox", "destroy", "one"));
    expect(fine(await world.pulumi("stack", "--show-name")).trim()).toBe("hermes");
    expect(world.traces()).toEqual({});
  });

  describe("before anything is made, refuses", () => {
    const refused = async (words: RegExp, args: string[], env: Record<string, string> = {}): Promise<void> => {
      const [before, calls] = [world.traces(), account().calls.length];
      const { code, output } = await world.start(["sandbox", "create", ...args], env).ended;
      expect({ code, output }).toEqual({ code: 4, output: expect.stringMatching(words) });
      expect(mutations(account(), calls)).toEqual([]);
      expect(world.traces()).toEqual(before);
    };

    it("the host name of another stack", async () => {
      const file = join(world.project, "Pulumi.other.yaml");
      writeFileSync(file, "config:\n  hermes:tailnet:\n    hostname: hermes-sandbox-x\n");
      await refused(/hermes-sandbox-x is the tailnet host name of the stack other/, ["x"]);
    });

    it("the bot of the stack that it is made after, and one that another droplet polls", async () => {
      const bot = (number: string) => ({
        SANDBOX_TELEGRAM_BOT_TOKEN: `${number}:AAE-another-token-of-thirty-five-char`,
      });
      await refused(/bot 123456789 is polled by the stack hermes/, ["x2"], bot("123456789"));
      await post("/v2/droplets", {
        ...{ name: "elsewhere", region: "nyc3", size: "s-1vcpu-2gb", image: "debian-13-x64" },
        tags: ["hermes-telegram-bot:777"],
      });
      await refused(/bot 777 is polled by the droplet elsewhere/, ["x2"], bot("777"));
      await refused(/2 sandboxes would poll/, ["x2", "x3"], bot("888"));
    });

    it("more than the caps allow, with the sum", async () => {
      await refused(/0 are there, 11 more make 11; sandbox.maxCount is 10/, ["many", "--count", "11"]);
      await refused(/= \$240 a month; sandbox.maxMonthlyUsd is 150/, ["many", "--count", "5", "--size", "s-4vcpu-8gb"]);
    });
  });

  it("makes several at once, of which one is told to fail and harms none", async () => {
    const body = { id: "unprocessable_entity", message: "no room for a droplet" };
    account().faults.push({ method: "POST", path: "^/v2/droplets$", status: 422, body, times: 1, after: 2 });
    const { code, stdout } = await world.hermes(
      "sandbox",
      "create",
      "many",
      "--count",
      String(MANY),
      "--parallel",
      "3",
      "--json",
    );
    const results = JSON.parse(stdout) as { name: string; ok: boolean; error?: string }[];
    const failed = results.filter(({ ok }) => !ok);
    expect(failed.map(({ error }) => error?.includes("no room for a droplet"))).toEqual([true]);
    expect(code).toBe(5);
    const up = results.filter(({ ok }) => ok).map(({ name }) => name);
    expect(up).toHaveLength(MANY - 1);
    for (const name of up) expect([name, dropletOf(name)?.status]).toEqual([name, "active"]);
  });

  it("sweeps what expired and what was cut off, only with --yes, and nothing else", async () => {
    for (const name of ["many-1", "many-2"]) if (dropletOf(name)) expire(name);
    await post("/v2/tags", { name: "hermes" });
    const rule = { protocol: "tcp", ports: "443", destinations: { addresses: ["0.0.0.0/0"] } };
    await post("/v2/firewalls", { name: "hermes", tags: ["hermes"], outbound_rules: [rule] });
    const before = world.traces();
    const dry = await world.hermes("sandbox", "sweep");
    expect(dry.code).toBe(4);
    expect(dry.stdout).toMatch(/expired at 2020-.*to be removed/);
    expect(world.traces()).toEqual(before);

    const swept = JSON.parse(fine(await world.hermes("sandbox", "sweep", "--yes", "--json"))) as {
      swept: { name: string; removed: boolean; why: string }[];
    };
    const gone = swept.swept.filter(({ removed }) => removed).map(({ name }) => name);
    const left = droplets().map(({ name }) => name);
    expect(gone.length).toBeGreaterThanOrEqual(2);
    expect(gone.length).toBeLessThanOrEqual(3);
    for (const name of gone) expect(dropletOf(name)).toBeUndefined();
    expect(left).toHaveLength(1 + MANY - gone.length);
    expect(left).toContain("elsewhere");
    expect(world.traces()["firewalls"]).toContain("hermes");
  });

  it("removes the rest of them, and leaves what others have", async () => {
    const names = droplets().flatMap(({ name }) => (/^hermes-sandbox-(.+)$/.exec(name) ?? []).slice(1));
    // As in a job of a forge's CI, which has the state, and no file of a sandbox that another job made.
    rmSync(join(world.project, `Pulumi.sandbox-${names[0]}.yaml`));
    fine(await world.hermes("sandbox", "destroy", ...names, "--parallel", "4"));
    expect(world.traces()).toEqual({
      droplets: ["elsewhere"],
      firewalls: ["hermes"],
      tags: expect.arrayContaining(["hermes", "hermes-telegram-bot:777"]),
    });
    expect(world.traces()["tags"]).toHaveLength(2);
  });
});
