import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { remains } from "../../localcloud/embedded-cloud";
import { ownLab } from "../support/labs";
import { succeeded } from "../support/project-copy";
import { leakedSecrets } from "../support/secrets";

const project = ownLab();

describe("npm start", () => {
  it("ends with a summary: a healthy gateway and an agent's answer", async () => {
    const summary = await project.start();
    expect(summary).toMatch(/agent +PONG from google\/gemma-4-31b-it:free/);
    expect(summary).toMatch(/openclaw +2026\.9\.6, ready/);
    expect(summary).toMatch(/size +s-1vcpu-2gb, \$13\.00 a month/);
    await project.remember("marmalade");
  });

  it("made the firewall before the droplet", async () => {
    const calls = await project.control<{ method: string; path: string }[]>("digitalocean/calls");
    const order = calls.filter((call) => call.method === "POST").map((call) => call.path);
    expect(order.indexOf("/v2/tags")).toBeLessThan(order.indexOf("/v2/firewalls"));
    expect(order.indexOf("/v2/firewalls")).toBeLessThan(order.indexOf("/v2/droplets"));
  });

  it("gave the droplet 2 GiB of memory, for real, and 4 GiB of swap", async () => {
    expect(await project.droplet("awk '/MemTotal/ {print int($2/1024)}' /proc/meminfo")).toBe("1945");
    expect(await project.droplet("swapon --show=NAME,SIZE --noheadings --bytes")).toMatch(/^\/swapfile\s+42949\d+$/);
    const limits = readFileSync(join(project.lab.dir, "droplets", String(project.dropletId), "cgroups"), "utf8").trim();
    const memory = limits.split("\n").find((group) => group.includes("memory")) ?? limits;
    const file = ["memory.limit_in_bytes", "memory.max"].map((name) => join(memory, name)).find(existsSync);
    expect(Number(readFileSync(file ?? "", "utf8"))).toBe(2048 * 1024 * 1024);
  });

  it("brings no change the second time, and ends well", async () => {
    succeeded(await project.pulumi("preview", "--expect-no-changes"));
    succeeded(await project.up("--expect-no-changes"));
  });
});

describe("secrets", () => {
  it("are found nowhere but in their files", async () => {
    expect(await leakedSecrets(project)).toEqual([]);
  });

  it("the user data's one secret is a key that is spent", async () => {
    const keys = project.userData.match(/(hs|ts)key-[A-Za-z0-9_-]+/g) ?? [];
    expect(new Set(keys).size).toBeLessThanOrEqual(1);
  });
});

// long/recreate.test.ts has all that is kept, a replacement that fails, and the way back in.
describe("bootstrapRevision + 1", () => {
  it("makes another droplet, which goes on with the sessions", async () => {
    const before = project.dropletId;
    const revision = Number(/hermes:bootstrapRevision: (\d+)/.exec(project.read("Pulumi.hermes.yaml"))?.[1]);
    project.write(
      "Pulumi.hermes.yaml",
      project
        .read("Pulumi.hermes.yaml")
        .replace(/hermes:bootstrapRevision: \d+/, `hermes:bootstrapRevision: ${revision + 1}`),
    );
    succeeded(await project.up());
    expect(project.dropletId).not.toBe(before);
    expect(await project.recalls()).toContain("marmalade");
  });

  it("never had a droplet without its firewall", async () => {
    const calls = await project.control<{ method: string; path: string; status?: number }[]>("digitalocean/calls");
    const firewalls = calls.filter((call) => /^\/v2\/firewalls/.test(call.path) && call.method === "DELETE");
    expect(firewalls).toEqual([]);
  });
});

describe("taking it down", () => {
  it("a plain destroy refuses for the protected volume, and removes nothing", async () => {
    const destroy = await project.pulumi("destroy", "--yes");
    expect(destroy.code).not.toBe(0);
    expect(destroy.stdout + destroy.stderr).toMatch(/protect/);
    const state = await project.control<{ droplets: object }>("digitalocean/state");
    expect(Object.keys(state.droplets)).toHaveLength(1);
  });

  it("destroy --exclude-protected leaves the volume and nothing else", async () => {
    succeeded(await project.pulumi("destroy", "--yes", "--skip-preview", "--exclude-protected"));
    const state =
      await project.control<Record<"droplets" | "volumes" | "firewalls" | "keys", object>>("digitalocean/state");
    const counts = Object.fromEntries(
      (["droplets", "volumes", "firewalls", "keys"] as const).map((kind) => [
        kind,
        Object.keys(state[kind] ?? {}).length,
      ]),
    );
    expect(counts).toEqual({ droplets: 0, volumes: 1, firewalls: 0, keys: 0 });
    expect(await project.nodes()).toEqual([]);
  });

  it("hermes local down leaves nothing at all", async () => {
    succeeded(await project.run(["node", "cli/hermes.js", "local", "down"]));
    expect(await remains(project.lab)).toEqual([]);
    expect(existsSync(join(project.dir, ".hermes"))).toBe(false);
  });
});
