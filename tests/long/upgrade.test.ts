import type { UpgradeReport } from "../../operations/upgrade";
import { ownLab } from "../support/labs";
import { acceptTree, configure, NEW, OLD } from "../support/openclaw-versions";
import { succeeded } from "../support/project-copy";

const project = ownLab();

beforeAll(async () => {
  configure(project, OLD);
  await project.start();
  await project.remember("marmalade", "upgrade");
});

const running = (): Promise<string> => project.droplet("readlink /opt/openclaw/current");
const installed = (): Promise<string> => project.droplet("ls /opt/openclaw | grep -v current");
const isReady = async (): Promise<boolean> =>
  (await project.droplet("curl -s http://127.0.0.1:18789/readyz")).includes('"ready":true');

const sessionRemembers = async (question: string): Promise<void> =>
  expect(await project.recalls("upgrade", question)).toContain("marmalade");

const changes = async (): Promise<number> =>
  (await project.control<{ method: string }[]>("digitalocean/calls")).filter(({ method }) => method !== "GET").length;

describe("hermes upgrade --check", () => {
  it("finds the newer version in the lab's registry, and that there is no way back from it", async () => {
    const report = JSON.parse(succeeded(await project.onStack("upgrade", "--check", "--json"))) as UpgradeReport;
    expect(report).toMatchObject({ configured: OLD.version, wayBack: false });
    expect(report.fits?.version).toBeDefined();
    expect(report.notes).toMatch(/^https:/);
  });
});

describe("a version that does not exist", () => {
  it("is refused by up with what there is, before anything is touched", async () => {
    configure(project, { version: "2026.9.999", before: NEW.before });
    const before = await changes();
    const { code, stdout, stderr } = await project.up();
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/hermes:openclaw\.version is "2026\.9\.999": npm has no such version/);
    expect(stdout + stderr).toContain(NEW.version);
    expect(await changes()).toBe(before);
  });
});

/** Around every start of the gateway: its version, how many databases were migrated, and a hash of the whole state. */
const RECORDER = `#!/bin/bash
cd /var/lib/openclaw
kept="$(find . -path ./workspaces -prune -o -path ./cache -prune -o -path ./tmp -prune -o -path ./plugin-skills -prune \\
  -o -path ./logs -prune -o -type f -print | LC_ALL=C sort)"
echo "$1 $(readlink /opt/openclaw/current) $(grep -c pre-startup-migration <<<"$kept") \\
$(xargs -d '\\n' sha256sum <<<"$kept" | sha256sum | cut -c -64)" | tr -s ' \\n' >>/root/starts
`;

/** A new version that dies of what no restart mends, when it has migrated the state and before it is ready. */
const DIES = `
if (process.argv.includes("gateway"))
  import("node:fs").then(({ readdirSync }) => {
    const migrated = (folder) => readdirSync(folder).some((name) => name.includes("pre-startup-migration"));
    setInterval(() => {
      try {
        if (["state", "agents/main/agent"].every((folder) => migrated("/var/lib/openclaw/" + folder))) process.exit(78);
      } catch {}
    }, 5);
  });
`;

describe("an upgrade that does not become ready", () => {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const program = `/opt/openclaw/${NEW.version}/lib/node_modules/openclaw/dist/index.js`;
  interface Start {
    when: string;
    version: string;
    migrated: number;
    hash: string;
  }
  let starts: Start[];

  beforeAll(async () => {
    await project.droplet(`/usr/local/lib/hermes/install-openclaw.sh ${NEW.version} ${NEW.before} first-install`);
    await project.droplet(`base64 -d <<<${base64(DIES)} >>${program}; ${acceptTree(NEW.version)}`);
    const dropIn = "[Service]\nExecStartPre=+/root/record start\nExecStopPost=+/root/record stop\n";
    await project.droplet(
      `base64 -d <<<${base64(RECORDER)} >/root/record; chmod +x /root/record;
       base64 -d <<<${base64(dropIn)} >/etc/systemd/system/openclaw-gateway.service.d/record.conf;
       systemctl daemon-reload`,
    );
    configure(project, NEW);
    const { code, stdout, stderr } = await project.up();
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/failed: openclaw-gateway\.service is failed[\s\S]*exit status 78/);
    expect(stdout + stderr).toMatch(/"rolledBack":true,"ready":true/);
    starts = (await project.droplet("cat /root/starts")).split("\n").map((line) => {
      const [when = "", version = "", migrated = "", hash = ""] = line.split(" ");
      return { when, version, migrated: Number(migrated), hash };
    });
  });

  it("ends on the old version, ready", async () => {
    expect(await running()).toBe(OLD.version);
    expect(await isReady()).toBe(true);
  });

  it("has its state back byte by byte, which the new version had migrated", () => {
    const ofNew = starts.filter(({ version }) => version === NEW.version);
    const [before, after] = [ofNew.find(({ when }) => when === "start"), ofNew.find(({ when }) => when === "stop")];
    expect(before).toMatchObject({ migrated: 0 });
    expect(after?.migrated).toBeGreaterThanOrEqual(2);
    expect(after?.hash).not.toBe(before?.hash);
    const back = starts.filter(({ when, version }) => when === "start" && version === OLD.version).at(-1);
    expect(back).toMatchObject({ migrated: 0, hash: before?.hash });
  });

  it("remembers its sessions", () => sessionRemembers("still there after the failure?"));
});

describe("an upgrade", () => {
  it("runs the new version on the same state, and keeps the one before it", async () => {
    await project.droplet(`rm -rf /opt/openclaw/${NEW.version}; mkdir -p /opt/openclaw/2026.8.2/lib`);
    configure(project, NEW);
    succeeded(await project.up());
    expect(await running()).toBe(NEW.version);
    expect(await installed()).toBe(`${OLD.version}\n${NEW.version}`);
    await sessionRemembers("still there after the upgrade?");
  });

  it("can't be taken back by an edit: refused with the reason, and the gateway runs on", async () => {
    const pid = await project.gatewayPid();
    configure(project, OLD);
    const { code, stdout, stderr } = await project.up();
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/state on this droplet is of a newer OpenClaw: format \d+ \(agents \d+\)/);
    expect(stdout + stderr).toMatch(/backup/);
    expect({ pid: await project.gatewayPid(), version: await running(), ready: await isReady() }).toEqual({
      pid,
      version: NEW.version,
      ready: true,
    });
  });
});
