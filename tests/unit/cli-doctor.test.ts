import { compareVersions, satisfies } from "../../gateway/apply/versions";
import { Account } from "../../lib/digitalocean/account";
import { CommandError } from "../../lib/output";
import { runDoctor } from "../../operations/doctor";
import { cloudChecks, declared } from "../../operations/doctor/cloud";
import { exposure } from "../../operations/doctor/outside";
import { nodeCheck } from "../../operations/doctor/tailnet";
import { compare, runUpgrade } from "../../operations/upgrade";
import { OperatedStack, OUTPUTS, SECRETS } from "../fixtures/operated-stack";

let stack: OperatedStack;
beforeEach(async () => {
  stack = new OperatedStack();
  await stack.start();
  says();
});
afterEach(() => stack.stop());

const closed = () => Promise.resolve(false);
const well = { name: "gateway", level: "ok", found: "ready" };

/** What the droplet's own doctor answers. */
function says(changes: object = {}, code = 0): void {
  const { version, configHash } = OUTPUTS.openclaw;
  const diagnosis = { ok: true, version, configHash, time: Math.floor(Date.now() / 1000), checks: [well], ...changes };
  stack.answers["hermes-apply doctor"] = { stdout: `${JSON.stringify(diagnosis)}\n`, code };
}

async function findings(dial: Parameters<typeof runDoctor>[2] = closed) {
  const code = await runDoctor({ json: true }, stack.io, dial);
  const { ok, checks } = JSON.parse(stack.printed) as {
    ok: boolean;
    checks: { name: string; level: string; fix?: string }[];
  };
  return {
    code,
    ok,
    found: checks.filter(({ level }) => level !== "ok").map(({ name, level }) => [name, level]),
    checks,
  };
}

describe("hermes doctor", () => {
  it("ends with 0 when all is well, on the droplet and from outside", async () => {
    expect(await findings()).toMatchObject({ code: 0, ok: true, found: [] });
    expect(stack.warned).toContain("no DIGITALOCEAN_TOKEN");
  });

  it("shows what is wrong first, each with its fix", async () => {
    const bad = { name: "dns", level: "fail", found: "does not resolve x", fix: "mend it" };
    const odd = { name: "reboot", level: "warn", found: "needed", fix: "reboot" };
    says({ ok: false, checks: [well, odd, bad] }, 3);
    expect(await runDoctor({}, stack.io, closed)).toBe(3);
    const lines = stack.printed.split("\n");
    expect(lines.slice(0, 4).map((line) => line.trim().replace(/ +/g, " "))).toEqual([
      ...["FAIL dns does not resolve x", "→ mend it", "warn reboot needed", "→ reboot"],
    ]);
    expect(stack.printed).toMatch(/ok +gateway +ready/);
    expect(lines.at(-2)).toBe("7 checks: 1 failed, 1 to look at, 5 well");
  });

  it("ends with 0 when there are warnings only", async () => {
    says({ checks: [{ ...well, level: "warn", fix: "x" }] });
    expect(await findings()).toMatchObject({ code: 0, ok: true, found: [["gateway", "warn"]] });
  });

  it("ends with 5 when the droplet can't be reached, and still tells what is seen from outside", async () => {
    stack.outputs.bootstrap.outdated = true;
    const io = { ...stack.io, connect: async () => ({ ...stack.reach, port: 1 }) };
    expect(await runDoctor({}, io, closed)).toBe(5);
    expect(stack.printed).toMatch(/FAIL +droplet .*\n +→ is this machine on the tailnet.*hermes:adminCidrs.*LOST/);
    expect(stack.printed).toMatch(/bootstrap revision.*\n.*LOST/);
  });

  it("ends with 3 where the droplet's hermes-apply is older or not there yet", async () => {
    stack.answers["hermes-apply doctor"] = { stdout: '{"ok":false,"error":"usage: hermes-apply stage"}\n', code: 1 };
    expect(await findings()).toMatchObject({ code: 3, found: [["droplet", "fail"]] });
    stack.printed = "";
    stack.answers["hermes-apply doctor"] = { stdout: '{"ok":false,"error":"Node is not installed yet"}\n', code: 1 };
    expect(await findings()).toMatchObject({ code: 3, found: [["droplet", "fail"]] });
  });

  it("has no secret in what it prints", async () => {
    says({ checks: [{ ...well, found: `token ${SECRETS.gatewayToken}` }] });
    stack.outputs.droplet.ipv4 = SECRETS.openrouterApiKey;
    await runDoctor({}, stack.io, closed);
    expect(stack.printed).toContain("token [secret gatewayToken]");
    expect(stack.printed).toContain("closed from here on [secret openrouterApiKey]");
  });
});

describe("seen from outside, it is found", () => {
  it.each<[string, () => void, string, string]>([
    ["another configuration than the last up's", () => says({ configHash: "d".repeat(64) }), "deployed", "fail"],
    ["another version of OpenClaw", () => says({ version: "2026.9.5" }), "deployed", "fail"],
    ["a clock that goes wrong", () => says({ time: Math.floor(Date.now() / 1000) + 600 }), "clock, compared", "warn"],
    [
      "user data that changed since birth",
      () => (stack.outputs.bootstrap.outdated = true),
      "bootstrap revision",
      "warn",
    ],
  ])("%s", async (_fault, breakIt, name, level) => {
    breakIt();
    const { found, checks } = await findings();
    expect(found).toEqual([[name, level]]);
    expect(checks[0]?.fix).toBeDefined();
  });

  it("an open port, on either address", async () => {
    const open = async (address: string, port: number) => address === "2001:db8::5" && port === 18789;
    expect(await findings(open)).toMatchObject({ code: 3, found: [["exposure", "fail"]] });
  });

  it("no open port 22 where SSH is the way in", async () => {
    const ssh = { ...OUTPUTS, tunnel: "ssh -N -L 18789:127.0.0.1:18789 root@203.0.113.5" };
    const only22 = async (_address: string, port: number) => port === 22;
    expect(await exposure(ssh, only22)).toMatchObject({ level: "ok" });
    expect(await exposure(OUTPUTS, only22)).toMatchObject({ level: "fail" });
  });
});

const everywhere = ["0.0.0.0/0", "::/0"];
const STATE = JSON.stringify({
  deployment: {
    resources: [
      {
        type: "digitalocean:index/droplet:Droplet",
        id: "7",
        outputs: { size: "s-1vcpu-2gb", volumeIds: ["v1"] },
      },
      {
        type: "digitalocean:index/firewall:Firewall",
        id: "f1",
        outputs: {
          tags: ["hermes"],
          inboundRules: [],
          outboundRules: [
            { protocol: "tcp", portRange: "443", destinationAddresses: everywhere },
            { protocol: "udp", portRange: "all", destinationAddresses: everywhere },
            { protocol: "icmp", portRange: "", destinationAddresses: everywhere },
          ],
        },
      },
    ],
  },
});

function account() {
  const destinations = { addresses: [...everywhere].reverse() };
  return {
    droplet: { id: 7, status: "active", size_slug: "s-1vcpu-2gb", tags: ["hermes"], volume_ids: ["v1"] },
    firewalls: [
      {
        id: "f1",
        name: "hermes",
        tags: ["hermes"],
        droplet_ids: [] as number[],
        inbound_rules: [] as object[],
        outbound_rules: [
          { protocol: "tcp", ports: "443", destinations },
          { protocol: "udp", ports: "0", destinations },
          { protocol: "icmp", ports: "0", destinations },
        ] as object[],
      },
    ],
  };
}

describe("DigitalOcean's side", () => {
  let cloud: ReturnType<typeof account>;
  beforeEach(() => (cloud = account()));

  const ask = async (status = 200) => {
    const wanted = declared(STATE);
    if (wanted === undefined) throw new Error("the state has both");
    const answer = async (url: string) =>
      new Response(
        JSON.stringify(url.includes("/droplets/") ? { droplet: cloud.droplet } : { firewalls: cloud.firewalls }),
        { status },
      );
    return await cloudChecks(wanted, new Account({ token: "dop_v1_x", fetch: answer as typeof fetch, pauseMs: 1 }));
  };
  const open = { protocol: "tcp", ports: "18789", sources: { addresses: everywhere } };
  const other = () =>
    ({
      ...(account().firewalls[0] as object),
      id: "f2",
      name: "mine",
      inbound_rules: [open],
    }) as (typeof cloud.firewalls)[0];

  it("is well when it is as declared", async () => {
    expect((await ask()).map(({ name, level }) => [name, level])).toEqual([
      ["cloud droplet", "ok"],
      ["cloud firewall", "ok"],
    ]);
  });

  it.each<[string, () => unknown, string, RegExp]>([
    [
      "a rule that was opened by hand",
      () => cloud.firewalls[0]?.inbound_rules.push(open),
      "cloud firewall",
      /inbound has more: tcp 18789/,
    ],
    [
      "a way out that was closed by hand",
      () => cloud.firewalls[0]?.outbound_rules.shift(),
      "cloud firewall",
      /outbound lacks: tcp 443/,
    ],
    ["a firewall that is gone", () => (cloud.firewalls = []), "cloud firewall", /gone/],
    [
      "a second firewall that opens",
      () => cloud.firewalls.push(other()),
      "cloud firewall",
      /another firewall, mine, lets in tcp 18789/,
    ],
    ["a tag that was taken off", () => (cloud.droplet.tags = []), "cloud firewall", /lost its tag/],
    ["a droplet that is off", () => (cloud.droplet.status = "off"), "cloud droplet", /off/],
    ["another size", () => (cloud.droplet.size_slug = "s-2vcpu-4gb"), "cloud droplet", /s-2vcpu-4gb/],
    ["a detached volume", () => (cloud.droplet.volume_ids = []), "cloud droplet", /not attached/],
  ])("shows %s", async (_fault, breakIt, name, found) => {
    breakIt();
    const bad = (await ask()).filter(({ level }) => level === "fail");
    expect(bad).toMatchObject([
      { name, found: expect.stringMatching(found) as string, fix: expect.stringContaining("--refresh") as string },
    ]);
  });

  it("that refuses the token is a warning", async () => {
    expect(await ask(401)).toMatchObject([{ name: "cloud", level: "warn" }]);
  });

  it("is looked at when there is a token", async () => {
    stack.env["DIGITALOCEAN_TOKEN"] = "dop_v1_x";
    stack.env["DIGITALOCEAN_API_URL"] = "http://127.0.0.1:1";
    stack.pulumi["stack export"] = STATE;
    expect(await findings()).toMatchObject({ code: 0, found: [["cloud", "warn"]] });
  });
});

describe("the tailnet's side", () => {
  const { name, address } = OUTPUTS.tailnet;
  const now = Date.parse("2026-11-23T12:00:00Z");
  const node = {
    ...{ id: "1", name, hostname: "hermes", addresses: [address], created: "2026-11-01T00:00:00Z" },
    ...{ connectedToControl: true, keyExpiryDisabled: true, expires: "0001-01-01T00:00:00Z" },
  };
  const expired = { keyExpiryDisabled: false, expires: "2026-11-23T11:59:00Z" };

  it.each<[string, object[], string, RegExp]>([
    ["a node that is connected", [node], "ok", /connected/],
    ["a key that is good for longer", [{ ...node, ...expired, expires: "2026-12-01T00:00:00Z" }], "ok", /connected/],
    ["one that somebody removed", [{ ...node, name: "laptop.example.ts.net" }], "fail", /is not in the tailnet/],
    ["one whose key expired", [{ ...node, ...expired }], "fail", /expired at 2026-11-23T11:59:00Z/],
    ["another under its name", [{ ...node, addresses: ["100.64.9.9"] }], "fail", /is 100\.64\.9\.9 now, not/],
    ["one that is away", [{ ...node, connectedToControl: false }], "warn", /not connected/],
  ])("knows %s", (_, devices, level, found) => {
    const check = nodeCheck(OUTPUTS, devices as Parameters<typeof nodeCheck>[1], now);
    expect(check).toMatchObject({ level, found: expect.stringMatching(found) as string });
    expect(check.fix === undefined).toBe(level === "ok");
    if (check.fix?.includes("bootstrapRevision") === true) expect(check.fix).toMatch(/volumeGiB 0 it is LOST/);
  });

  it("is looked at when there are credentials, and is a warning when it does not answer", async () => {
    stack.env["TAILSCALE_API_KEY"] = "tskey-api-x";
    stack.env["TAILSCALE_BASE_URL"] = "http://127.0.0.1:1";
    expect(await findings()).toMatchObject({ code: 0, found: [["tailnet node", "warn"]] });
  });
});

describe("hermes upgrade --check", () => {
  const range = ">=24.16.0 <25 || >=26.1.0";
  const time = {
    "2026.9.6": "2026-09-24T22:17:03Z",
    "2026.9.7": "2026-10-01T10:00:00Z",
    "2026.9.8": "2026-10-05T23:30:00Z",
  };
  const found = [
    { version: "2026.9.6", node: range },
    { version: "2026.9.7", node: range },
    { version: "2026.9.8-beta.1", node: range },
    { version: "2026.9.8", node: ">=26.1.0" },
    { version: "2026.9.9", node: range },
  ];
  const now = { configured: "2026.9.6", node: "24.21.0" };
  const tags = (latest: string) => ({ "dist-tags": { latest }, time });

  it("proposes the newest release, dated so that npm sees it", () => {
    expect(compare(now, found, tags("2026.9.7"))).toMatchObject({
      newest: { version: "2026.9.7", runs: true },
      commands: [
        "pulumi config set --path hermes:openclaw.version 2026.9.7 --type string",
        "pulumi config set --path hermes:openclaw.before 2026-10-02 --type string",
        "pulumi config set --path hermes:sources.openclaw.sha256 first-install --type string",
        "pulumi up",
      ],
    });
  });

  it("says whether hermes has a lock of what it proposes", () => {
    const older = { ...now, configured: "2026.9.5" };
    expect(compare(now, found, tags("2026.9.7"))).toMatchObject({ fits: { version: "2026.9.7" }, pinned: false });
    const { pinned, commands } = compare(older, found, tags("2026.9.6"));
    expect({ pinned, told: commands.join().includes("sha256") }).toEqual({ pinned: true, told: false });
  });

  it("proposes the newest that the stack's Node carries, and says why not the newest", () => {
    const report = compare(now, found, tags("2026.9.8"));
    expect(report).toMatchObject({ newest: { version: "2026.9.8", runs: false }, fits: { version: "2026.9.7" } });
  });

  it("proposes no preview, nothing beyond npm's latest, and nothing older", () => {
    expect(compare(now, found, tags("2026.9.6"))).toMatchObject({ newest: null, fits: null, commands: [] });
    expect(compare({ ...now, configured: "2026.9.9" }, found, tags("2026.9.8")).newest).toBeNull();
  });

  it("proposes the release that follows the configured preview, and none older than a second publication", () => {
    const from = (configured: string) => compare({ ...now, configured }, found, tags("2026.9.8")).newest?.version;
    expect(from("2026.9.8-beta.1")).toBe("2026.9.8");
    expect(from("2026.9.8-2")).toBeUndefined();
  });

  it("changes nothing, and says what `up` would do", async () => {
    stack.pulumi["config --json"] = JSON.stringify({ "hermes:openclaw": { objectValue: { version: "2026.9.6" } } });
    const npm = found.slice(0, 2).map(({ version, node }, i) => ({
      version,
      "engines.node": node,
      "openclaw.schemaVersions": { state: 18, agent: 23 + i },
      "repository.url": "git+https://github.com/openclaw/openclaw.git",
    }));
    stack.npm["view openclaw@>=2026.9.6 version engines.node openclaw.schemaVersions repository.url --json"] =
      JSON.stringify(npm);
    stack.npm["view openclaw dist-tags time --json"] = JSON.stringify(tags("2026.9.7"));
    expect(await runUpgrade({ check: true }, stack.io)).toBe(0);
    expect(stack.printed).toMatch(/newest +2026\.9\.7, published 2026-10-01, wants Node >=24/);
    expect(stack.printed).toMatch(/notes +https:\/\/github\.com\/openclaw\/openclaw\/releases\n/);
    expect(stack.printed).toMatch(/2026\.9\.6 cannot read the new version's state: make a backup first/);
    expect(stack.printed).toContain("\n  pulumi up\n");
    expect(stack.commands).toEqual([]);
  });

  it.each([
    [{ state: 18, agent: 23 }, { state: 18, agent: 23 }, true],
    [{ state: 18, agent: 23 }, { state: 19, agent: 23 }, false],
    [{ state: 18, agent: 23 }, { state: 18, agent: 24 }, false],
    [undefined, { state: 18, agent: 23 }, null],
  ])("from %p to %p: the way back is %p", (from, to, wayBack) => {
    const versions = [
      { version: "2026.9.6", node: range, ...(from && { schemas: from }) },
      { version: "2026.9.7", node: range, schemas: to },
    ];
    expect(compare(now, versions, tags("2026.9.7")).wayBack).toBe(wayBack);
  });

  it("is the newest when npm has one version only", async () => {
    stack.pulumi["config --json"] = JSON.stringify({ "hermes:openclaw": { objectValue: { version: "2026.9.6" } } });
    stack.npm["view openclaw@>=2026.9.6 version engines.node openclaw.schemaVersions repository.url --json"] =
      '{"version":"2026.9.6","engines.node":"*"}';
    stack.npm["view openclaw dist-tags time --json"] = JSON.stringify(tags("2026.9.6"));
    expect(await runUpgrade({ check: true, json: true }, stack.io)).toBe(0);
    expect(JSON.parse(stack.printed)).toMatchObject({ newest: null, node: "24.21.0" });
  });

  it("without --check is a question of usage", async () => {
    await expect(runUpgrade({}, stack.io)).rejects.toMatchObject({ code: 2 } as CommandError);
  });

  it.each([
    ["24.21.0", range, true],
    ["25.1.0", range, false],
    ["26.1.0", range, true],
    ["24.15.9", range, false],
    ["24.1.0", "^24.0.0", true],
    ["24.1.0", ">= 22", true],
    ["24.1.0", "24", true],
    ["24.1.0", "~24.x", false],
    ["24.1.0", "*", true],
  ])("%s satisfies %s: %p", (version, wanted, expected) => expect(satisfies(version, wanted)).toBe(expected));

  it("orders by number, not by letter", () => {
    expect(["2026.10.1", "2026.9.10", "2026.9.9"].sort(compareVersions)).toEqual([
      "2026.9.9",
      "2026.9.10",
      "2026.10.1",
    ]);
  });
});
