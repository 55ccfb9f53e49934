import { ADDRESSES } from "../../localcloud/addresses";
import { execInDroplet } from "../../localcloud/droplets";
import { inNamespace, tryRun, waitFor } from "../../localcloud/network";
import { BootstrapLab } from "../fixtures/bootstrap-lab";

jest.setTimeout(600_000);

/** hermes-apply of a bundle that only says what it was given. */
const ECHO_APPLY = {
  hermes: 1,
  kind: "program",
  apply: {
    "main.ts": [
      'import { readFileSync } from "node:fs";',
      "const verb: string[] = process.argv.slice(2);",
      'const bytes = verb[0] === "status" ? 0 : readFileSync(0).length;',
      "console.log(JSON.stringify({ ok: true, verb, bytes, ca: process.env.NODE_USE_SYSTEM_CA }));",
    ],
  },
};

let lab: BootstrapLab;

beforeAll(async () => {
  lab = await BootstrapLab.open("test-bootstrap");
});

afterAll(async () => {
  await lab.close();
});

/** Runs hermes-apply as the deploy key would, standard input and all. */
async function apply(
  id: number,
  verb: string[],
  input = "",
): Promise<{ code: number; reply: unknown; stderr: string }> {
  const { code, stdout, stderr } = await execInDroplet(lab.lab, id, ["hermes-apply", ...verb], { input });
  return { code, reply: JSON.parse(stdout), stderr };
}

/** Whether somebody outside gets through to SSH. */
async function sshFrom(place: "outside" | "operator", id: number): Promise<boolean> {
  const attempt = `exec 3<>/dev/tcp/198.51.100.${id}/22 && head -c 4 <&3`;
  const command = ["timeout", "3", "bash", "-c", attempt];
  return (await tryRun(inNamespace(lab.lab.ns[place], command))).stdout === "SSH-";
}

/** "open", or how the connection was refused, for a user of the droplet. */
async function connect(id: number, user: string, address: string): Promise<string> {
  const attempt = `exec 3<>/dev/tcp/${address.replace(":", "/")}`;
  const said = await lab.on(id, `runuser -u ${user} -- timeout 5 bash -c '${attempt}' 2>&1 && echo open`);
  return said.split(": ").at(-1) ?? "";
}

async function reboot(id: number): Promise<void> {
  await lab.on(id, "touch /run/old-boot");
  await lab.on(id, "systemctl reboot");
  const probe = async (): Promise<boolean> => {
    const said = await lab.on(id, "test -e /run/old-boot || systemctl is-system-running --wait").catch(() => "");
    return said === "running" || said === "degraded";
  };
  await waitFor("the reboot", probe, { timeoutMs: 60_000, everyMs: 300 });
}

const METADATA = `${ADDRESSES.metadata.v4}:80`;
const DROPLET = 21;
let address: string;
let hostKey: string;

describe("the first boot", () => {
  beforeAll(async () => {
    await lab.substrate.createVolume({ id: "state", name: "state", sizeGiB: 1, filesystem: "ext4", label: "hermes" });
    await lab.boot(DROPLET, await lab.userData(), ["state"]);
  });

  it("ends with everything installed", async () => {
    expect(await lab.settled(DROPLET)).toEqual({ status: "done", step: "", error: "" });
    expect(await lab.on(DROPLET, "openclaw --version")).toMatch(/^OpenClaw 2026\.9\.6\b/);
    expect(await lab.on(DROPLET, "node --version")).toBe("v24.21.0");
    expect(await lab.on(DROPLET, "cat /opt/openclaw/2026.9.6/.hermes-tree.sha256")).toMatch(/^[0-9a-f]{64}$/);
    expect(await lab.on(DROPLET, "systemctl is-system-running --wait; systemctl --failed --no-legend")).toBe("running");
    expect(
      await lab.on(DROPLET, "du -sc /var/cache/hermes /var/cache/hermes-npm 2>/dev/null | tail -1 | cut -f1"),
    ).toMatch(/^\d{1,2}$/);
  });

  it("satisfies cloud-init's own schema", async () => {
    expect(await lab.on(DROPLET, "cloud-init schema --system 2>&1; echo $?")).toMatch(/Valid schema[^]*\n0$/);
    expect(await lab.on(DROPLET, "cloud-init status --long | grep -A3 ^extended")).toMatch(/done/);
  });

  it("has no key left of the one that it came with", async () => {
    expect(await lab.on(DROPLET, "ls /etc/hermes")).not.toMatch(/tailnet\.key/);
    expect(
      await lab.on(DROPLET, "grep -rlE 'hskey-auth|tskey-auth' /etc /var/log /var/lib/hermes /run/log; true"),
    ).toBe("");
  });

  it("keeps state on the volume, under fixed numbers", async () => {
    const mounts = await lab.on(DROPLET, "findmnt -no TARGET,FSROOT /dev/sda");
    expect(mounts.split("\n").map((line) => line.trim().split(/\s+/))).toEqual([
      ["/srv/hermes", "/"],
      ["/var/lib/openclaw", "/openclaw"],
      ["/var/lib/tailscale", "/tailscale"],
    ]);
    expect(await lab.on(DROPLET, "stat -c '%u:%g %a' /var/lib/openclaw /home/agent")).toBe(
      "2101:2101 700\n2102:2102 700",
    );
  });

  it("lets only root in, by key", async () => {
    const effective = await lab.on(DROPLET, "sshd -T -C user=root,host=x,addr=192.0.2.1");
    expect(effective).toMatch(/^passwordauthentication no$/m);
    expect(effective).toMatch(/^permitrootlogin (without-password|prohibit-password)$/m);
    expect(effective.match(/^allowusers .*$/gm)).toEqual(["allowusers root"]);
    const passwords = await lab.on(
      DROPLET,
      "for user in root agent openclaw; do passwd -S $user | cut -d' ' -f2; done",
    );
    expect(passwords).toBe("L\nL\nL");
  });

  it("asks Debian for security fixes, and never reboots by itself", async () => {
    const policy = await lab.on(
      DROPLET,
      "apt-config dump | grep -E 'Origins-Pattern|Automatic-Reboot |Periodic::Unattended'",
    );
    expect(policy.split("\n").filter((line) => line.includes("Origins-Pattern::"))).toHaveLength(1);
    expect(policy).toMatch(/Debian-Security/);
    expect(policy).toMatch(/Automatic-Reboot "false"/);
    expect(await lab.on(DROPLET, "type -P unattended-upgrade")).toBe("/usr/bin/unattended-upgrade");
  });

  it("closes the ways that the service user and the agent's account must not have", async () => {
    await lab.on(DROPLET, "systemd-run -q -u gateway python3 -m http.server --bind 127.0.0.1 18789");
    const serve = (unit: string, user: string, port: number): Promise<string> =>
      lab.on(DROPLET, `systemd-run -q -u ${unit} --uid=${user} python3 -m http.server --bind 127.0.0.1 ${port}`);
    await Promise.all([serve("own", "agent", 8000), serve("mcp", "openclaw", 8001), serve("other", "root", 8002)]);
    for (const port of [8000, 8001, 8002])
      await waitFor("the listeners", async () => (await connect(DROPLET, "root", `127.0.0.1:${port}`)) === "open");
    address = await lab.on(DROPLET, "tailscale ip -4");
    const seen = async (user: string, to: string): Promise<[string, string, string]> => [
      user,
      to,
      await connect(DROPLET, user, to),
    ];
    const closed = "No route to host";
    expect(await seen("root", `${address}:22`)).toContain("open");
    for (const user of ["openclaw", "agent"]) {
      for (const to of [`${address}:22`, `${ADDRESSES.privateProbe.v4}:80`, METADATA]) {
        expect(await seen(user, to)).toEqual([user, to, closed]);
      }
      expect(await seen(user, `${ADDRESSES.internet.v4}:443`)).toContain("open");
      const resolved = await lab.on(DROPLET, `runuser -u ${user} -- getent ahostsv4 openrouter.ai`);
      expect(resolved).toContain(ADDRESSES.internet.v4);
    }
    for (const to of ["127.0.0.1:18789", "127.0.0.1:22", "198.51.100.21:22"]) {
      expect(await seen("agent", to)).toEqual(["agent", to, closed]);
      if (!to.endsWith(":22")) expect(await seen("openclaw", to)).toContain("open");
    }
    expect(await seen("agent", "127.0.0.1:8000")).toContain("open");
    // Servers of others there have no answer for it; they have one for their own account, and the kernel one for all.
    for (const port of [8001, 8002]) expect(await seen("agent", `127.0.0.1:${port}`)).not.toContain("open");
    expect(await seen("openclaw", "127.0.0.1:8001")).toContain("open");
    expect(await seen("agent", "127.0.0.1:8003")).toContain("Connection refused");
    expect(await seen("_apt", METADATA)).toContain(closed);
    expect(await seen("root", METADATA)).not.toContain(closed);
    await lab.on(DROPLET, "systemctl stop gateway own mcp other");
  });

  it("does not answer SSH from outside in tailnet mode", async () => {
    expect(await sshFrom("outside", DROPLET)).toBe(false);
    expect(await sshFrom("operator", DROPLET)).toBe(false);
  });

  it("hands the first bundle over to the hermes-apply that is in it", async () => {
    const bundle = JSON.stringify(ECHO_APPLY);
    expect(await apply(DROPLET, ["status"])).toMatchObject({
      code: 1,
      reply: { ok: false, error: "no program was staged yet" },
    });
    const staged = { code: 0, reply: { ok: true, verb: ["stage", "config"], bytes: bundle.length, ca: "1" } };
    for (let twice = 0; twice < 2; twice++) {
      expect(await apply(DROPLET, ["stage", "program"], bundle)).toMatchObject({ code: 0, reply: { ok: true } });
      expect(await apply(DROPLET, ["stage", "config"], bundle)).toMatchObject(staged);
    }
    expect(await apply(DROPLET, ["activate"], "{}")).toMatchObject({ code: 0, reply: { bytes: 2 } });
    expect(await apply(DROPLET, ["status", "--agent-turn"])).toMatchObject({
      reply: { verb: ["status", "--agent-turn"] },
    });
    expect(await lab.on(DROPLET, "ls /opt/hermes/apply")).toMatch(/^[0-9a-f]{64}\ncurrent$/);
  });

  it("refuses a bundle that is none, or that would write elsewhere, quoting nothing of it", async () => {
    const secret = await apply(DROPLET, ["stage", "program"], "sk-secret {");
    expect(secret).toMatchObject({ code: 1, reply: { ok: false } });
    expect(JSON.stringify(secret)).not.toContain("sk-secret");
    const outside = JSON.stringify({ apply: { "../../evil": ["x"] } });
    expect(await apply(DROPLET, ["stage", "program"], outside)).toMatchObject({ code: 1, reply: { ok: false } });
    expect(await lab.on(DROPLET, "ls /opt/hermes /opt")).not.toContain("evil");
  });
});

describe("a reboot", () => {
  it("brings mounts, firewall and tailnet back, and no bootstrap", async () => {
    const log = await lab.on(DROPLET, "cat /var/log/hermes-bootstrap.log");
    await reboot(DROPLET);
    expect(await lab.on(DROPLET, "findmnt -no TARGET /dev/sda | sort")).toBe(
      "/srv/hermes\n/var/lib/openclaw\n/var/lib/tailscale",
    );
    expect(await lab.on(DROPLET, "nft list chain inet hermes input | grep policy")).toMatch(/policy drop/);
    await waitFor("the tailnet", async () => (await lab.on(DROPLET, "tailscale ip -4")) === address, {
      timeoutMs: 20_000,
    });
    expect(await lab.on(DROPLET, "cat /var/log/hermes-bootstrap.log")).toBe(log);
  });

  it("starts nothing that keeps state while the volume is gone, and goes on by itself when it is there", async () => {
    await lab.substrate.powerOffDroplet(DROPLET);
    await lab.substrate.detachVolume("state");
    await lab.substrate.powerOnDroplet(DROPLET);
    const unit = (name: string): Promise<string> =>
      lab.on(DROPLET, `systemctl show --property ActiveState --value ${name}`).catch(() => "");
    const is = (name: string, state: string): Promise<void> =>
      waitFor(`${name} is ${state}`, async () => (await unit(name)) === state, {
        timeoutMs: 60_000,
        everyMs: 300,
      }).then(() => undefined);
    await is("ssh", "active");
    await is("hermes-volume", "activating");
    expect(await unit("tailscaled")).toBe("inactive");
    await lab.substrate.attachVolume("state", DROPLET);
    await is("tailscaled", "active");
    expect(await lab.on(DROPLET, "findmnt --noheadings --output TARGET /var/lib/tailscale")).toBe("/var/lib/tailscale");
    hostKey = await lab.on(DROPLET, "cat /etc/ssh/ssh_host_ed25519_key.pub");
    await lab.substrate.destroyDroplet(DROPLET);
  });
});

describe("a new droplet with the old volume", () => {
  /** Past the tailnet is far enough. */
  const joined = async (id: number): Promise<void> => {
    const probe = async (): Promise<boolean> => {
      const state = await lab.state(id);
      if (state?.status === "failed") throw new Error(`${state.step}: ${state.error}`);
      return ["node", "openclaw", "updates", ""].includes(state?.step ?? "start");
    };
    await waitFor("the tailnet", probe, { timeoutMs: 120_000, everyMs: 300 });
  };

  it("is the same node and the same host, and leaves the key unspent", async () => {
    await lab.substrate.detachVolume("state").catch(() => undefined);
    await lab.boot(22, await lab.userData(), ["state"]);
    await joined(22);
    expect(await lab.on(22, "tailscale ip -4")).toBe(address);
    expect(await lab.on(22, "cat /etc/ssh/ssh_host_ed25519_key.pub")).toBe(hostKey);
    expect(await lab.headscale(["nodes", "list", "-o", "json"])).toMatch(new RegExp(address));
    await lab.substrate.destroyDroplet(22);
  });

  it("logs in anew when its node was deleted at the control server", async () => {
    const nodes = JSON.parse(await lab.headscale(["nodes", "list", "-o", "json"])) as { id: number }[];
    for (const { id } of nodes) await lab.headscale(["nodes", "delete", "-i", String(id), "--force"]);
    await lab.boot(23, await lab.userData(), ["state"]);
    await joined(23);
    const again = await lab.on(23, "tailscale ip -4");
    expect(again).toMatch(/^100\.64\./);
    const listed = await lab.headscale(["nodes", "list", "-o", "json"]);
    expect(listed).toContain(again);
    await lab.substrate.destroyDroplet(23);
  });
});

describe("ssh mode", () => {
  it("answers the listed ranges only", async () => {
    const access = { mode: "ssh" as const, adminCidrs: [`${ADDRESSES.outside.peer4}/32`] };
    await lab.boot(26, await lab.userData({ access, volume: false, swapGiB: 0 }), []);
    const early = ["start", "firewall", "volume", "accounts", "host-keys", "settings"];
    const past = async (): Promise<boolean> => !early.includes((await lab.state(26))?.step ?? "start");
    await waitFor("the settings", past, { timeoutMs: 60_000, everyMs: 300 });
    expect(await sshFrom("outside", 26)).toBe(true);
    expect(await sshFrom("operator", 26)).toBe(false);
    await lab.substrate.destroyDroplet(26);
  });
});

describe("what goes wrong", () => {
  it("a registry that is down is named within three minutes, and the bootstrap heals when it is back", async () => {
    await lab.boot(24, await lab.userData({ volume: false, swapGiB: 0 }), []);
    await waitFor("Tailscale", async () => (await lab.state(24))?.step === "tailnet", { timeoutMs: 120_000 });
    lab.registry("down");
    const began = Date.now();
    expect(await lab.settled(24)).toMatchObject({
      status: "failed",
      step: "openclaw",
      error: expect.stringMatching(/registry https:\/\/\S+ does not answer: /),
    });
    expect(Date.now() - began).toBeLessThan(210_000);
    expect(await apply(24, ["stage", "program"], JSON.stringify(ECHO_APPLY))).toMatchObject({ code: 0 });
    const { code, reply, stderr } = await apply(24, ["activate"], "{}");
    expect({ code, reply }).toMatchObject({
      code: 1,
      reply: { ok: false, error: expect.stringMatching(/failed at openclaw/) },
    });
    expect(stderr).toMatch(/does not answer/);
    lab.registry("up");
    // The refusal has set off the next attempt, so the next `up` only has to wait.
    await waitFor("a new attempt", async () => (await lab.state(24))?.status !== "failed", { timeoutMs: 10_000 });
    expect(await apply(24, ["activate"], "{}")).toMatchObject({ code: 0 });
    await lab.substrate.destroyDroplet(24);
  });

  it("a package key with another fingerprint is refused, and nothing of it is kept", async () => {
    const sources = { url: "https://pkgs.tailscale.com/stable/debian", suite: "trixie" };
    const tailscale = {
      ...sources,
      keyUrl: `${sources.url}/trixie.noarmor.gpg`,
      fingerprint: "2596A99EAAB33821893C0A79458CA832957F5868",
    };
    const node = { version: "24.21.0", url: "https://nodejs.org/none.tar.xz", sha256: "0".repeat(64) };
    await lab.boot(25, await lab.userData({ volume: false, swapGiB: 0, tailscale, node }), []);
    expect(await lab.settled(25)).toMatchObject({
      status: "failed",
      step: "tailscale",
      error: expect.stringMatching(/refused/),
    });
    expect(await lab.on(25, "ls /usr/share/keyrings /etc/apt/sources.list.d")).not.toMatch(/hermes-tailscale/);
    await lab.substrate.destroyDroplet(25);
  });
});
