import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { StackOutputs } from "../../cli/stack";
import { remains } from "../../localcloud/embedded-cloud";
import { waitFor } from "../../localcloud/network";
import { projectOfFile } from "./project";
import { openPorts } from "./scan";

/** The longest step: a whole start, caches warm or cold. */
jest.setTimeout(900_000);

const project = projectOfFile();

const gatewayPid = (): Promise<string> => project.droplet("systemctl show --property MainPID --value openclaw-gateway");

const gatewayReady = (): Promise<unknown> =>
  waitFor(
    "the gateway is ready",
    async () =>
      (await project.hermes("local", "exec", "--", "node", "cli/hermes.js", "status", "--stack", "hermes")).code === 0,
    { timeoutMs: 120_000, everyMs: 500 },
  );

const nodeOf = async (): Promise<string> =>
  (await project.exec(["sh", "-c", 'curl -sf -u "$TAILSCALE_API_KEY:" "$TAILSCALE_BASE_URL/api/v2/tailnet/-/devices"']))
    .stdout;

interface Devices {
  devices: { id: string; hostname: string; addresses: string[] }[];
}
const hermesNode = async (): Promise<{ id: string; addresses: string[] }> => {
  const { devices } = JSON.parse(await nodeOf()) as Devices;
  const ours = devices.filter((device) => device.hostname === "hermes");
  expect(ours).toHaveLength(1);
  return ours[0] as Devices["devices"][0];
};

/** Edits one line of the committed stack file of the copy. */
const edit = (file: string, from: RegExp, to: string): void => {
  const text = project.read(file);
  expect(text).toMatch(from);
  project.write(file, text.replace(from, to));
};

const FIRST = "google/gemma-4-31b-it:free";
const SECOND = "google/gemma-4-26b-a4b-it:free";
let outputs: StackOutputs;

describe("npm start", () => {
  it("ends with a summary: a healthy gateway and an agent's answer", async () => {
    const result = await project.run(["bash", "scripts/start.sh"]);
    expect({ code: result.code, tail: result.code === 0 ? "" : result.stderr.slice(-3000) }).toEqual({
      code: 0,
      tail: "",
    });
    expect(result.stdout).toMatch(new RegExp(`agent +PONG from ${FIRST}`));
    expect(result.stdout).toMatch(/openclaw +2026\.9\.6, ready/);
    expect(result.stdout).toMatch(/size +s-1vcpu-2gb, \$13\.00 a month/);
    outputs = await project.outputs<StackOutputs>();
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
    const preview = await project.pulumi("preview", "--expect-no-changes");
    expect({ code: preview.code, out: preview.code === 0 ? "" : preview.stdout }).toEqual({ code: 0, out: "" });
    const up = await project.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes");
    expect({ code: up.code, out: up.code === 0 ? "" : up.stdout + up.stderr }).toEqual({ code: 0, out: "" });
  });
});

describe("the agent", () => {
  it("is answered by the next model when the first one's free quota is used up", async () => {
    await project.control("services/openrouter/model", {
      id: FIRST,
      failure: { status: 429, kind: "free-models-per-day" },
    });
    expect(await project.ask("who answers?")).toContain(`PONG from ${SECOND}`);
    await project.control("services/openrouter/model", { id: FIRST, failure: null });
  });

  /** Runs commands by the agent's exec tool, in one turn; what the tool reported to the model, command by command. */
  const inAgentsShell = async (commands: string[]): Promise<string[]> => {
    const script = commands.map((command) => `echo "=== next"; (${command}) 2>&1; echo "status $?"`).join("\n");
    const since = (await project.modelCalls()).at(-1)?.number ?? 0;
    await project.control("services/openrouter/script", {
      steps: [{ match: "run the commands", toolCall: { name: "exec", arguments: { command: script } } }],
    });
    await project.ask("run the commands", "shell");
    await project.control("services/openrouter/script", { steps: [] });
    const messages = (await project.modelCalls(since)).flatMap((call) => call.messages);
    const report = messages.find((message) => message.role === "tool" && message.text.includes("=== next"));
    return (report?.text ?? "").split("=== next").slice(1);
  };

  const ALLOWED = {
    "a shell as its own account, in its workspace": ["id -un; ls", /agent[\s\S]*SOUL\.md[\s\S]*status 0/],
    "the internet": ["curl -s -m 10 -o /dev/null https://openrouter.ai/api/v1/models", /status 0/],
  } as const;
  const DENIED = {
    "the gateway's secrets": "cat /etc/openclaw/secrets/*",
    "the gateway's configuration": "cat /etc/openclaw/openclaw.json",
    "the gateway's state": "ls /var/lib/openclaw/state",
    "the gateway's environment": "cat /proc/GATEWAY/environ",
    "the gateway itself": "curl -s -m 5 http://127.0.0.1:18789/readyz",
    "root's SSH": "timeout 5 bash -c '</dev/tcp/127.0.0.1/22'",
    "the metadata address": "curl -s -m 5 http://169.254.169.254/metadata/v1/user-data",
    "the tailnet": "curl -s -m 5 http://100.64.0.1/",
    "a private range": "curl -s -m 5 http://10.10.0.1/",
    root: "sudo -n id",
  };
  let said: string[] = [];

  it("has an exec tool that reports", async () => {
    const pid = await gatewayPid();
    const denied = Object.values(DENIED).map((command) => command.replace("GATEWAY", pid));
    said = await inAgentsShell([...Object.values(ALLOWED).map(([command]) => command), ...denied]);
    expect(said).toHaveLength(Object.keys(ALLOWED).length + Object.keys(DENIED).length);
  });

  it.each(Object.entries(ALLOWED).map(([what, [, expected]], index) => [what, expected, index] as const))(
    "has %s",
    (_what, expected, index) => expect(said[index]).toMatch(expected),
  );

  it.each(Object.keys(DENIED).map((what, index) => [what, index + Object.keys(ALLOWED).length] as const))(
    "is denied %s",
    (_what, index) => {
      expect(said[index]).toMatch(/status [1-9]\d*/);
      expect(said[index]).not.toMatch(/sk-or-v1|uid=0|"ready":true|#cloud-config/);
    },
  );

  it("is kept from what is there: root reaches the metadata address and the private range", async () => {
    for (const url of ["http://169.254.169.254/metadata/v1/id", "http://10.10.0.1/"]) {
      expect(await project.droplet(`curl -s -m 5 -o /dev/null -w '%{http_code}' ${url}`)).toBe("200");
    }
  });
});

describe("exposure", () => {
  const dropletsFirewall = async (): Promise<{ id: string; body: Record<string, unknown> }> => {
    const { stdout } = await project.exec(api("GET", "/v2/firewalls"));
    const [firewall] = (JSON.parse(stdout) as { firewalls: { id: string; name: string }[] }).firewalls;
    if (firewall === undefined) throw new Error("there is no firewall");
    return { id: firewall.id, body: firewall as unknown as Record<string, unknown> };
  };
  const api = (method: string, path: string, body?: unknown): string[] => [
    "sh",
    "-c",
    'curl -sf -X "$1" -H "authorization: Bearer $DIGITALOCEAN_TOKEN" -H "content-type: application/json" ${3:+-d "$3"} "$DIGITALOCEAN_API_URL$2"',
    "sh",
    method,
    path,
    ...(body === undefined ? [] : [JSON.stringify(body)]),
  ];
  const everywhere = { addresses: ["0.0.0.0/0", "::/0"] };
  const setCloudFirewall = async (open: boolean): Promise<void> => {
    const { id, body } = await dropletsFirewall();
    const inbound = open ? [{ protocol: "tcp", ports: "0", sources: everywhere }] : [];
    await project.exec(api("PUT", `/v2/firewalls/${id}`, { ...body, inbound_rules: inbound }));
  };
  const addresses = (): string[] => [outputs.droplet.ipv4, outputs.droplet.ipv6 ?? "no IPv6"];
  const nftables = (on: boolean): Promise<string> =>
    project.droplet(on ? "systemctl restart hermes-nftables" : "nft delete table inet hermes");

  it("is none from outside: every TCP port is closed, on IPv4 and IPv6", async () => {
    for (const address of addresses()) expect(await openPorts(project.lab, "outside", address)).toEqual([]);
  });

  it("would be seen: the scanner finds a port that is opened on purpose", async () => {
    await setCloudFirewall(true);
    await nftables(false);
    const listener =
      "systemd-run --quiet --unit=opened python3 -m http.server --bind :: --directory /usr/share/doc 7777";
    await project.droplet(`${listener}; until ss -ltn | grep -q ':7777'; do sleep 0.1; done`);
    // At this speed a busy machine loses a probe now and then, and its repetition: three scans do not all miss a port.
    const found = async (address: string): Promise<number[]> => {
      const scans = [0, 1, 2].map(() => () => openPorts(project.lab, "outside", address));
      const open = new Set<number>();
      for (const scan of scans) for (const port of open.has(7777) ? [] : await scan()) open.add(port);
      return [...open].sort((a, b) => a - b);
    };
    for (const address of addresses()) expect(await found(address)).toEqual(expect.arrayContaining([22, 7777]));
  });

  it("is none of the gateway by its binding alone, with both firewalls off", async () => {
    for (const address of addresses()) {
      expect(await openPorts(project.lab, "outside", address, "-p18789,11434")).toEqual([]);
    }
  });

  it("is none by nftables alone", async () => {
    await nftables(true);
    for (const address of addresses()) expect(await openPorts(project.lab, "outside", address)).toEqual([]);
  });

  it("is none by the cloud firewall alone", async () => {
    await setCloudFirewall(false);
    await nftables(false);
    for (const address of addresses()) expect(await openPorts(project.lab, "outside", address)).toEqual([]);
    await nftables(true);
    await project.droplet("systemctl stop opened");
  });

  it("over the tailnet is SSH alone", async () => {
    const urls = await project.droplet("tailscale status --json | grep -A3 PeerAPIURL | head -4");
    const tailscalesOwn = [...urls.matchAll(/:(\d+)"/g)].map((match) => Number(match[1]));
    const open = await openPorts(project.lab, "operator", outputs.tailnet.address);
    expect(open.filter((port) => !tailscalesOwn.includes(port))).toEqual([22]);
  });
});

describe("an edit of SOUL.md", () => {
  it("shows its lines in the preview, is live in the agent's next turn, and replaces nothing", async () => {
    const before = { droplet: project.dropletId, pid: await gatewayPid(), node: (await hermesNode()).id };
    await project.ask("remember the word marmalade");
    edit("workspace/main/SOUL.md", /^# Who you are$/m, "# Who you are, edition SOULMARK-2");
    const preview = await project.pulumi("preview", "--diff");
    const changed = preview.stdout.split("\n").filter((line) => line.includes("SOULMARK-2"));
    expect(changed.join("\n")).toMatch(/[~+].*edition SOULMARK-2/);
    expect(preview.stdout.split("\n").length).toBeLessThan(900);
    expect(preview.stdout).not.toMatch(/digitalocean:index\/droplet:Droplet.*replace/);
    const up = await project.up();
    expect({ code: up.code, out: up.code === 0 ? "" : up.stdout.slice(-2000) }).toEqual({ code: 0, out: "" });
    expect(up.stdout).toMatch(/~ 2 updated/);
    await project.control("services/openrouter/script", {
      steps: [{ match: "who are you", echoSystem: "SOULMARK-\\d" }],
    });
    expect(await project.ask("who are you")).toContain("SOULMARK-2");
    await project.control("services/openrouter/script", { steps: [] });
    expect({ droplet: project.dropletId, pid: await gatewayPid(), node: (await hermesNode()).id }).toEqual(before);
  });
});

const sessionRemembers = async (): Promise<void> => {
  const since = (await project.modelCalls()).at(-1)?.number ?? 0;
  await project.ask("still there?");
  const call = (await project.modelCalls(since)).find((one) =>
    one.messages.some((m) => m.text.includes("still there?")),
  );
  expect(call?.messages.map((message) => message.text).join("\n")).toContain("marmalade");
};

describe("green means healthy", () => {
  it("a no-op `up` over a gateway that was stopped by hand fails and says why", async () => {
    await project.droplet("systemctl stop openclaw-gateway");
    const up = await project.up();
    expect(up.code).not.toBe(0);
    expect(up.stdout + up.stderr).toMatch(/hermes is up, but not healthy: the gateway is not ready/);
    expect(up.stdout + up.stderr).not.toMatch(/\n\s+at .*\.ts:\d+/);
    await project.droplet("systemctl start openclaw-gateway");
    await gatewayReady();
    expect((await project.up()).code).toBe(0);
  });

  it("a killed gateway comes back by itself, with its sessions", async () => {
    const pid = await gatewayPid();
    await project.droplet(`kill -9 ${pid}`);
    await waitFor("another process", async () => !["0", pid].includes(await gatewayPid()), { timeoutMs: 60_000 });
    await gatewayReady();
    expect((await project.up()).code).toBe(0);
    await sessionRemembers();
  });

  it("a rebooted droplet comes back by itself, with its sessions", async () => {
    await project.reboot();
    await gatewayReady();
    expect((await project.up()).code).toBe(0);
    await sessionRemembers();
  });
});

describe("secrets", () => {
  it("are found nowhere but in their files", async () => {
    const environment = JSON.parse(
      (await project.exec(["node", "-p", "JSON.stringify(process.env)"])).stdout,
    ) as Record<string, string>;
    project.printed.splice(-2);
    const deploy = await project.exec([
      "pulumi",
      "config",
      "get",
      "--path",
      "hermes:secrets.deployKey",
      "--stack",
      "hermes",
    ]);
    const token = await project.exec([
      "pulumi",
      "config",
      "get",
      "--path",
      "hermes:secrets.gatewayToken",
      "--stack",
      "hermes",
    ]);
    project.printed.splice(-4);
    const secrets: Record<string, string> = {
      openrouter: environment["OPENROUTER_API_KEY"] ?? "",
      digitalocean: environment["DIGITALOCEAN_TOKEN"] ?? "",
      tailscale: environment["TAILSCALE_API_KEY"] ?? "",
      gatewayToken: token.stdout.trim(),
      deployKey: deploy.stdout.split("\n")[2] ?? "",
    };
    for (const value of Object.values(secrets)) expect(value.length).toBeGreaterThan(20);
    const preview = await project.pulumi("preview", "--json", "--diff");
    const places: Record<string, string> = {
      "user data": project.userData,
      "pulumi preview --json --diff": preview.stdout,
      "what commands printed": project.printed.join("\n"),
      "the state": textBelow(join(project.lab.dir, "pulumi", "state")),
      "the lab's logs": textBelow(join(project.lab.dir, "logs")),
      "processes on the droplet": await project.droplet("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' || true"),
      "the agent's environment": await project.droplet(
        "for p in $(pgrep -u agent); do tr '\\0' '\\n' </proc/$p/environ; done 2>/dev/null || true",
      ),
      "the droplet's journal": await project.droplet("journalctl --no-pager --output cat"),
      "the droplet's logs": await project.droplet("cat /var/log/*.log /var/log/cloud-init* 2>/dev/null || true"),
    };
    const found = Object.entries(places).flatMap(([place, text]) =>
      Object.entries(secrets).flatMap(([name, value]) => (text.includes(value) ? [`${name} in ${place}`] : [])),
    );
    expect(found).toEqual([]);
    // The search itself can see: the one place where they are meant to be.
    const held = await project.droplet("cat /etc/openclaw/secrets/*");
    expect(held).toContain(secrets["openrouter"]);
    expect(held).toContain(secrets["gatewayToken"]);
  });

  it("the user data's one secret is a key that is spent", async () => {
    const keys = project.userData.match(/(hs|ts)key-[A-Za-z0-9_-]+/g) ?? [];
    expect(new Set(keys).size).toBeLessThanOrEqual(1);
  });
});

function textBelow(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
}

// recreate.test.ts has what is kept, and the way back in.
describe("bootstrapRevision + 1", () => {
  const raise = (): void => {
    const revision = Number(/hermes:bootstrapRevision: (\d+)/.exec(project.read("Pulumi.hermes.yaml"))?.[1]);
    edit("Pulumi.hermes.yaml", /hermes:bootstrapRevision: \d+/, `hermes:bootstrapRevision: ${revision + 1}`);
  };
  it("that fails to install OpenClaw says so, and a later good `up` converges", async () => {
    await project.control("services/faults", { registryDown: true });
    raise();
    const failed = await project.up();
    expect(failed.code).not.toBe(0);
    expect(failed.stdout + failed.stderr).toMatch(/openclaw/i);
    expect(failed.stdout + failed.stderr).toMatch(/503|registry/i);
    await project.control("services/faults", { registryDown: false });
    const good = await project.up();
    expect({ code: good.code, out: good.code === 0 ? "" : (good.stdout + good.stderr).slice(-3000) }).toEqual({
      code: 0,
      out: "",
    });
    await sessionRemembers();
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
    const destroy = await project.pulumi("destroy", "--yes", "--skip-preview", "--exclude-protected");
    expect(destroy.code).toBe(0);
    const state =
      await project.control<Record<"droplets" | "volumes" | "firewalls" | "keys", object>>("digitalocean/state");
    const counts = Object.fromEntries(
      (["droplets", "volumes", "firewalls", "keys"] as const).map((kind) => [
        kind,
        Object.keys(state[kind] ?? {}).length,
      ]),
    );
    expect(counts).toEqual({ droplets: 0, volumes: 1, firewalls: 0, keys: 0 });
    const { devices } = JSON.parse(await nodeOf()) as Devices;
    expect(devices.filter((device) => device.hostname === "hermes")).toEqual([]);
  });

  it("hermes local down leaves nothing at all", async () => {
    const down = await project.hermes("local", "down");
    expect({ code: down.code, err: down.code === 0 ? "" : down.stderr }).toEqual({ code: 0, err: "" });
    expect(await remains(project.lab)).toEqual([]);
    expect(existsSync(join(project.dir, ".hermes"))).toBe(false);
  });
});
