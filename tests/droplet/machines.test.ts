import { existsSync, readdirSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { ADDRESSES } from "../../localcloud/addresses";
import { ContainerSubstrate, dropletPaths, execInDroplet } from "../../localcloud/droplets";
import { dropletSwaps } from "../../localcloud/droplets/swap";
import { labOf } from "../../localcloud/lab";
import { createNetwork, inNamespace, namespacePath, tryRun, waitFor } from "../../localcloud/network";
import { startRecorded } from "../../localcloud/processes";
import type { DropletFirewall, DropletSpec } from "../../localcloud/substrate";
import { hireJanitor, removeLab } from "../support/janitor";
import { openPorts as scan } from "../support/open-ports";

jest.setTimeout(60_000);

const PROJECT = join(__dirname, "..", "..");
const INSTANCE = "test-machines";
const lab = labOf(PROJECT, INSTANCE);

const USER_DATA = `#cloud-config
swap: { filename: /swapfile, size: 268435456 }
write_files:
  - path: /etc/systemd/system/srv-hermes.mount
    content: |
      [Mount]
      What=/dev/disk/by-label/hermes
      Where=/srv/hermes
      [Install]
      WantedBy=local-fs.target
  - path: /etc/systemd/system/listener.service
    content: |
      [Service]
      ExecStart=/usr/bin/python3 -m http.server --bind :: --directory /usr/share/common-licenses 8080
      [Install]
      WantedBy=multi-user.target
runcmd:
  - systemctl daemon-reload
  - systemctl enable --now srv-hermes.mount listener.service
`;

const first = droplet({ id: 4711, name: "hermes-one", ipv4: "198.51.100.10", ipv6: "2001:db8:77::10" });
const second = droplet({ id: 4712, name: "other", ipv4: "198.51.100.11", ipv6: "2001:db8:77::11" });

function droplet(own: Pick<DropletSpec, "id" | "name" | "ipv4"> & { ipv6: string }): DropletSpec & { ipv6: string } {
  return {
    ...{ memoryMiB: 2048, vcpus: 1, diskGiB: 50, region: "fra1", image: "debian-13-x64" },
    ...{ userData: "#cloud-config\n{}\n", sshKeys: [], volumeIds: [], tags: ["hermes"], ...own },
  };
}

function policy(spec: DropletSpec & { ipv6: string }, rules: Partial<DropletFirewall> = {}): DropletFirewall {
  const { id: dropletId, ipv4, ipv6 } = spec;
  return { dropletId, ipv4, ipv6, covered: true, inbound: [], outbound: [], ...rules };
}

const inside = async (id: number, script: string): Promise<string> => {
  const result = await execInDroplet(lab, id, ["sh", "-ec", script]);
  if (result.code !== 0) throw new Error(`${script} ended with ${result.code}: ${result.stderr}${result.stdout}`);
  return result.stdout.trim();
};

const cloudInitDone = (id: number) =>
  waitFor(
    `cloud-init of droplet ${id}`,
    async () => {
      const status = await execInDroplet(lab, id, ["cloud-init", "status"]).catch(() => undefined);
      return /status: (done|error|degraded)/.exec(status?.stdout ?? "")?.[1];
    },
    { timeoutMs: 60_000, everyMs: 200 },
  );

const swapIsOn = (id: number) =>
  waitFor("the swap is on", async () => (await inside(id, "swapon --show=NAME --noheadings")) === "/swapfile");

const openPorts = (address: string, ports?: string): Promise<number[]> => scan(lab, "outside", address, ports);

const reaches = async (id: number, url: string): Promise<boolean> =>
  (await execInDroplet(lab, id, ["curl", "-sf", "--globoff", "--max-time", "2", "-o", "/dev/null", url])).code === 0;

describe("a droplet of the embedded cloud", () => {
  let substrate: ContainerSubstrate;
  let dismissJanitor: () => void;

  beforeAll(async () => {
    dismissJanitor = hireJanitor(PROJECT, { instance: INSTANCE });
    await removeLab(lab);
    await createNetwork(lab);
    substrate = await ContainerSubstrate.open(lab, { onProgress: (text) => process.stderr.write(`${text}\n`) });
    const serve = `require("./localcloud/droplets").startMetadata(JSON.parse(process.argv[1]))`;
    const node = [process.execPath, "-r", "./scripts/typescript.js", "-e", serve, JSON.stringify(lab)];
    startRecorded(lab, "metadata", inNamespace(lab.ns.lab, node), { cwd: PROJECT });
    await substrate.createVolume({ id: "v1", name: "hermes-state", sizeGiB: 1, filesystem: "ext4", label: "hermes" });
    await substrate.createDroplet({ ...first, userData: USER_DATA, volumeIds: ["v1"] });
    await substrate.createDroplet(second);
  }, 180_000);

  afterAll(async () => {
    substrate?.close();
    await removeLab(lab);
    dismissJanitor();
  });

  it("runs its user data to the end under a real systemd", async () => {
    await expect(cloudInitDone(first.id)).resolves.toBe("done");
    await expect(inside(first.id, "hostname")).resolves.toBe("hermes-one");
    await waitFor("the system runs", async () => {
      const state = await execInDroplet(lab, first.id, ["systemctl", "is-system-running"]);
      return state.stdout.trim() === "running";
    });
  });

  it("has the memory of its size, and a process that wants more is killed", async () => {
    await expect(inside(first.id, "awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo")).resolves.toBe("1945");
    const greedy = await execInDroplet(lab, first.id, ["python3", "-c", "bytearray(3 << 30)"]);
    expect(greedy.code).toBe(137);
    await expect(inside(first.id, "systemctl is-active dbus")).resolves.toBe("active");
  });

  it("has the swap that its user data made, and sees it in its memory's figures", async () => {
    await swapIsOn(first.id);
    const swapKiB = 256 * 1024 - 4;
    await waitFor("SwapTotal", async () => {
      return (await inside(first.id, "awk '/SwapTotal/ {print $2}' /proc/meminfo")) === String(swapKiB);
    });
  });

  it("is told about itself, and only itself, at the metadata address", async () => {
    const ask = (id: number, path: string) => inside(id, `curl -sf http://${ADDRESSES.metadata.v4}/metadata/${path}`);
    await waitFor("the metadata service", () => ask(first.id, "v1/id").catch(() => undefined));
    await expect(ask(first.id, "v1/id")).resolves.toBe("4711");
    await expect(ask(second.id, "v1/hostname")).resolves.toBe("other");
    await expect(ask(first.id, "v1/user-data")).resolves.toBe(USER_DATA.trim());
    expect(JSON.parse(await ask(first.id, "v1.json"))).toMatchObject({ droplet_id: 4711, region: "fra1" });
  });

  it("loses what it had not flushed when its volume is pulled, and finds the rest when the volume is back", async () => {
    await inside(first.id, "findmnt --noheadings --output LABEL,TARGET /srv/hermes");
    await inside(first.id, "echo kept >/srv/hermes/flushed; sync; echo lost >/srv/hermes/unflushed");
    await substrate.detachVolume("v1");
    await expect(inside(first.id, "ls /dev/sda /dev/disk/by-label/hermes")).rejects.toThrow("No such file");
    await expect(inside(first.id, "echo more >/srv/hermes/more")).rejects.toThrow("Input/output error");
    await inside(first.id, "umount /srv/hermes");
    await substrate.attachVolume("v1", first.id);
    await expect(inside(first.id, "blkid --output value --match-tag LABEL /dev/sda")).resolves.toBe("hermes");
    await inside(first.id, "systemctl start srv-hermes.mount");
    await expect(inside(first.id, "cat /srv/hermes/flushed; ls /srv/hermes")).resolves.toBe(
      "kept\nflushed\nlost+found",
    );
  });

  it("comes back from its own reboot with its files, its mounts and its swap", async () => {
    const rebooted = once(substrate, "rebooted");
    const bootId = await inside(
      first.id,
      "echo kept >/root/file; systemctl show --property=UserspaceTimestampMonotonic",
    );
    await inside(first.id, "systemctl reboot");
    await expect(rebooted).resolves.toEqual([first.id]);
    await cloudInitDone(first.id);
    expect(await inside(first.id, "systemctl show --property=UserspaceTimestampMonotonic")).not.toBe(bootId);
    await expect(inside(first.id, "cat /root/file /srv/hermes/flushed")).resolves.toBe("kept\nkept");
    await swapIsOn(first.id);
  });

  it("is open to the world on both families when no firewall covers it, so the scanner can see", async () => {
    await substrate.applyFirewalls([policy(first, { covered: false })]);
    await waitFor("the listener", async () => (await openPorts(first.ipv4, "-p8080")).length === 1, { everyMs: 200 });
    await expect(openPorts(first.ipv4)).resolves.toEqual(expect.arrayContaining([22, 8080]));
    await expect(openPorts(first.ipv6, "-p22,8080")).resolves.toEqual([22, 8080]);
  });

  it("has no open port of 65,535 under a firewall without inbound rules, on IPv4 and IPv6", async () => {
    await substrate.applyFirewalls([policy(first), policy(second, { covered: false })]);
    await expect(openPorts(first.ipv4)).resolves.toEqual([]);
    await expect(openPorts(first.ipv6)).resolves.toEqual([]);
  });

  it("opens to the world just the port that the firewall names", async () => {
    const web = { protocol: "tcp" as const, ports: "8080", addresses: ["0.0.0.0/0", "::/0"] };
    await substrate.applyFirewalls([policy(first, { inbound: [web] })]);
    await expect(openPorts(first.ipv4, "-p22,8080")).resolves.toEqual([8080]);
    await expect(openPorts(first.ipv6, "-p22,8080")).resolves.toEqual([8080]);
  });

  it("is closed and opened for its neighbours on the bridge by the same rules", async () => {
    await cloudInitDone(second.id);
    const urls = [`http://${first.ipv4}:8080/`, `http://[${first.ipv6}]:8080/`];
    const reached = () => Promise.all(urls.map((url) => reaches(second.id, url)));
    await substrate.applyFirewalls([policy(first), policy(second, { covered: false })]);
    await expect(reached()).resolves.toEqual([false, false]);
    const web = { protocol: "tcp" as const, ports: "8080", addresses: [second.ipv4, second.ipv6] };
    await substrate.applyFirewalls([policy(first, { inbound: [web] }), policy(second, { covered: false })]);
    await expect(reached()).resolves.toEqual([true, true]);
    await substrate.applyFirewalls([policy(first, { inbound: [web] }), policy(second)]);
    await expect(reached()).resolves.toEqual([false, false]);
  });

  it("reaches the lab's internet only as its outbound rules say, the metadata address always", async () => {
    const ping = async () => (await execInDroplet(lab, first.id, ["ping", "-c1", "-W1", ADDRESSES.internet.v4])).code;
    await substrate.applyFirewalls([policy(first)]);
    await expect(ping()).resolves.not.toBe(0);
    await expect(reaches(first.id, `http://${ADDRESSES.metadata.v4}/metadata/v1/id`)).resolves.toBe(true);
    await substrate.applyFirewalls([policy(first, { outbound: [{ protocol: "icmp", addresses: ["0.0.0.0/0"] }] })]);
    await expect(ping()).resolves.toBe(0);
  });

  it("is found running by the next daemon, which can shut it down and power it on again", async () => {
    substrate.close();
    substrate = await ContainerSubstrate.open(lab);
    expect(substrate.isOn(first.id)).toBe(true);
    await substrate.shutdownDroplet(first.id);
    expect(substrate.isOn(first.id)).toBe(false);
    expect(dropletSwaps(dropletPaths(lab, first.id).root)).toEqual([]);
    await substrate.powerOnDroplet(first.id);
    await cloudInitDone(first.id);
    await expect(inside(first.id, "cat /srv/hermes/flushed")).resolves.toBe("kept");
  });

  it("says so when it powers itself off or is gone", async () => {
    const stopped = once(substrate, "stopped");
    await inside(first.id, "systemctl poweroff");
    await expect(stopped).resolves.toEqual([first.id, 0]);
    await substrate.destroyDroplet(first.id);
    await substrate.destroyDroplet(first.id);
    expect(existsSync(dropletPaths(lab, first.id).directory)).toBe(false);
    await substrate.destroyVolume("v1");
  });

  it("leaves no process, namespace, mount, loop device, cgroup or swap behind, even when it ran till the last moment", async () => {
    await substrate.createVolume({ id: "v2", name: "more", sizeGiB: 1 });
    await substrate.attachVolume("v2", second.id);
    await inside(second.id, "fallocate -l 64M /swapfile; chmod 600 /swapfile; mkswap -q /swapfile; swapon /swapfile");
    await expect(remains()).resolves.not.toEqual([]);
    substrate.close();
    await removeLab(lab);
    await expect(remains()).resolves.toEqual([]);
  });
});

/** Whatever the lab has in the kernel, by name. */
async function remains(): Promise<string[]> {
  const groups = readdirSync("/sys/fs/cgroup").map((name) => `/sys/fs/cgroup/${name}/hermes-${lab.id}`);
  const mine = (lines: string) => lines.split("\n").filter((line) => line.includes(lab.dir) || line.includes(lab.id));
  const loops = (await tryRun(["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"])).stdout;
  const commands = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandLine(pid));
  const swaps = [first, second].flatMap(({ id }) => dropletSwaps(dropletPaths(lab, id).root)).map(({ path }) => path);
  const mounts = readFileSync("/proc/self/mountinfo", "utf8");
  return [...groups, ...Object.values(lab.ns).map(namespacePath)]
    .filter((path) => existsSync(path))
    .concat(
      mine(loops),
      mine(mounts),
      commands.filter((line) => line.includes(lab.dir)),
      swaps,
    );
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
