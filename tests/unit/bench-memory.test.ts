import { memoryPlot } from "../../scripts/bench/memory-plot";
import { peaksOf } from "../../scripts/bench/memory-recorder";
import { roleOf, type Sample } from "../../scripts/bench/memory-sample";

const reading = (at: number, rss: number, more: Partial<Sample> = {}): Sample => ({
  at,
  rss,
  swap: 0,
  cache: 100,
  usage: rss + 100,
  kernel: 30,
  ...more,
});

describe("the role of a process", () => {
  const unit = (name: string): string => `/hermes-1/2/payload/system.slice/${name}.service`;
  const openclaw = "/opt/openclaw/2026.9.6/lib/node_modules/openclaw/dist";

  it.each([
    ["gateway", "openclaw-gateway", "/usr/local/bin/node --max-old-space-size=768 index.js gateway --port 18789"],
    ["gateway helpers", "openclaw-gateway", `node ${openclaw}/process/spawn-broker/worker.js`],
    ["gateway helpers", "openclaw-gateway", `node ${openclaw}/infra/sqlite-readonly-location.worker.js`],
    ["MCP servers", "openclaw-gateway", `node ${openclaw}/process/supervisor/service-child-relay.js`],
    ["MCP servers", "openclaw-gateway", "/usr/local/bin/node /var/lib/openclaw/workspaces/main/server.mjs gateway"],
    ["agents' account", "openclaw-gateway", "/usr/bin/ssh -o ControlMaster=auto agent@127.0.0.1"],
    ["agents' account", "hermes-agent", "sshd: agent [priv]"],
    ["tailscaled", "tailscaled", "/usr/sbin/tailscaled"],
    ["sshd", "ssh", "sshd: /usr/sbin/sshd -D"],
    ["other system", "dbus", "/usr/bin/dbus-daemon"],
  ])("is %s in %s.service: %s", (role, name, args) => {
    expect(roleOf({ group: unit(name), args })).toBe(role);
  });

  it("is told outside of units: systemd, what people run, and the container's own, which counts for nothing", () => {
    expect(roleOf({ group: "/hermes-1/2/payload/init.scope", args: "/usr/lib/systemd/systemd" })).toBe("other system");
    expect(roleOf({ group: "/hermes-1/2", args: "openclaw-agent" })).toBe("commands");
    expect(roleOf({ group: "/hermes-1/2/supervisor", args: "systemd-nspawn --quiet" })).toBeUndefined();
  });
});

describe("peaks", () => {
  it("are the highest of each figure, whenever it was", () => {
    const samples = [
      reading(0, 500, { roles: { gateway: 400, commands: 170 }, gatewayRss: 450 }),
      reading(250, 900, { swap: 50, pressure: 3 }),
      reading(500, 800, { roles: { gateway: 700, "MCP servers": 90 } }),
    ];
    expect(peaksOf(samples)).toEqual({
      total: 950,
      swap: 50,
      kernel: 30,
      gatewayRss: 450,
      pressure: 3,
      roles: { gateway: 700, commands: 170, "MCP servers": 90 },
      withoutCommands: 790,
    });
  });
});

describe("the picture", () => {
  const picture = memoryPlot({
    title: "2 agents & <more>",
    samples: [reading(0, 500, { roles: { gateway: 400 } }), reading(60_000, 1000, { roles: { gateway: 900 } })],
    events: [{ at: 30_000, what: "gateway restarts" }],
    marks: [{ mib: 1945, what: "MemTotal" }],
  });

  it("is well-formed, with its words escaped", () => {
    expect(picture).toMatch(/^<svg [^]*<\/svg>\n$/);
    expect(picture).toContain("2 agents &amp; &lt;more>");
    expect(picture).not.toMatch(/NaN|undefined/);
  });

  it("shows what happened, the limits and the time", () => {
    for (const words of ["gateway restarts", "MemTotal, 1,945 MiB", "1 min"]) expect(picture).toContain(words);
  });

  it("puts more memory higher up", () => {
    const [, points = ""] = /class="total" points="([^"]+)"/.exec(picture) ?? [];
    const [first, last] = points.split(" ").map((point) => Number(point.split(",")[1]));
    expect(last).toBeLessThan(first ?? NaN);
  });
});
