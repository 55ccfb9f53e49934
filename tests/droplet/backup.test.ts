import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { labCredentials } from "../../localcloud/credentials";
import { execInDroplet } from "../../localcloud/droplets";
import { BUCKET, OBJECT_STORE } from "../../localcloud/services";
import type { Created } from "../../operations/sandboxes/create";
import { sharedLab } from "../support/labs";
import { succeeded } from "../support/project-copy";

const project = sharedLab("real");

const FILE = "first.tar.age";
const file = join(project.dir, FILE);

const hermes = (...args: string[]) => project.onStack(...args);
const fine = async (...args: string[]): Promise<string> => succeeded(await hermes(...args));

/** Hash and path of what nobody but the agents writes. */
const hashes = () =>
  project.droplet("cd /srv/hermes/openclaw/workspaces && find . -type f -print0 | sort -z | xargs -0 sha256sum");

type Outputs = Created["outputs"];

const leftovers = () => project.droplet("ls -A /srv/hermes/restore /var/lib/hermes/backup 2>/dev/null || true");

describe("a backup", () => {
  let before = "";

  it("goes into a file here while the gateway runs, and nothing of it stays on the droplet", async () => {
    await project.droplet(
      "install -o openclaw -g openclaw -m 600 /dev/stdin /srv/hermes/openclaw/workspaces/main/memory.txt <<<'what the agent knows'",
    );
    before = await hashes();
    const process = await project.gatewayPid();
    await project.droplet(
      `systemd-run --unit hermes-probe --quiet bash -c 'while curl -sf -m 3 http://127.0.0.1:18789/readyz | grep -q "\\"ready\\":true"; do sleep 0.2; done'`,
    );
    expect(JSON.parse(await fine("backup", "--out", FILE, "--json"))).toMatchObject({ ok: true, openclaw: "2026.9.6" });
    expect(await project.droplet("systemctl is-active hermes-probe; systemctl stop hermes-probe")).toBe("active");
    expect(await project.gatewayPid()).toBe(process);
    expect(await leftovers()).toBe("");
    expect(readFileSync(file).includes("what the agent knows")).toBe(false);
  });

  it("has nothing of what MCP servers' programs fetched, which is not on the volume either", async () => {
    const inGateway = (script: string) =>
      project.droplet(
        `nsenter --target "$(systemctl show --property MainPID --value openclaw-gateway)" --mount -- setpriv --reuid openclaw --regid openclaw --clear-groups bash -c '${script}'`,
      );
    await inGateway(
      "mkdir -p ~openclaw/.npm/_npx ~openclaw/.cache/uv && echo fetched | tee ~openclaw/.npm/_npx/x ~openclaw/.cache/uv/x",
    );
    expect(await project.droplet("find /srv/hermes/openclaw/.npm /srv/hermes/openclaw/.cache -type f")).toBe("");
    expect(await project.droplet("cat /var/cache/openclaw/npm/_npx/x /var/cache/openclaw/home/uv/x")).toBe(
      "fetched\nfetched",
    );
    // A unit of before left some on the volume: the next start by hermes-apply removes it, and keeps the other.
    await project.droplet(
      "setpriv --reuid openclaw --regid openclaw --clear-groups touch /srv/hermes/openclaw/.npm/left",
    );
    await project.droplet("systemctl stop openclaw-gateway");
    succeeded(await project.up("--replace", "**-activate"));
    await project.gatewayReady();
    expect(await project.droplet("find /srv/hermes/openclaw/.npm /srv/hermes/openclaw/.cache -type f")).toBe("");
    expect(await inGateway("cat ~openclaw/.npm/_npx/x")).toBe("fetched");
  });

  it("can be proven without a change", async () => {
    expect(await fine("restore", FILE, "--verify")).toMatch(/^restorable: \d+ files/);
  });

  it("is refused when it was changed, and without a yes", async () => {
    const changed = readFileSync(file);
    changed[changed.length - 100] = (changed[changed.length - 100] ?? 0) ^ 1;
    writeFileSync(join(project.dir, "changed.tar.age"), changed);
    const refused = await hermes("restore", "changed.tar.age", "--yes");
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/was changed or cut off/)]);
    const others = "age-keygen 2>/dev/null | age-keygen -y | age -o others.tar.age -R - first.tar.age";
    expect((await project.exec(["bash", "-c", others])).code).toBe(0);
    const wrongKey = await hermes("restore", "others.tar.age", "--yes");
    expect([wrongKey.code, wrongKey.stderr]).toEqual([1, expect.stringMatching(/encrypted for another key/)]);
    expect((await hermes("restore", FILE)).code).toBe(4);
  });

  it("comes back byte by byte", async () => {
    await project.ask("a session that the backup does not have", "later");
    await project.droplet("cd /srv/hermes/openclaw/workspaces/main && rm memory.txt && echo later >other.txt");
    expect(await fine("restore", FILE, "--yes")).toMatch(/^restored: \d+ files/);
    expect(await hashes()).toBe(before);
    expect(await project.ask("are you there?", "after")).toContain("PONG");
    expect(await leftovers()).toBe("");
    expect(await project.droplet("systemctl is-enabled openclaw-gateway")).toBe("enabled");
    expect((await project.pulumi("preview", "--expect-no-changes")).code).toBe(0);
  });

  it("leaves the old state where the gateway does not become ready on it", async () => {
    await project.droplet("echo kept >/srv/hermes/openclaw/workspaces/main/kept.txt");
    const old = await hashes();
    // A gateway that refuses the first start after the swap, and only that one.
    await project.droplet(
      `mkdir -p /run/systemd/system/openclaw-gateway.service.d && printf '[Service]\\nExecStartPre=/bin/sh -c "test -e /srv/hermes/openclaw/workspaces/main/kept.txt || exit 78"\\n' >/run/systemd/system/openclaw-gateway.service.d/refuse.conf && systemctl daemon-reload`,
    );
    const failed = await hermes("restore", FILE, "--yes");
    expect([failed.code, failed.stdout]).toEqual([3, expect.stringMatching(/^not restored, the old state is back/)]);
    expect(await hashes()).toBe(old);
    await project.droplet("rm -r /run/systemd/system/openclaw-gateway.service.d && systemctl daemon-reload");
    await fine("status");
  });

  it("goes into the bucket by the timer's service, the oldest beyond what is kept go", async () => {
    const { s3KeyId, s3Secret } = labCredentials(project.lab);
    await project.setSecret("backupS3KeyId", s3KeyId);
    await project.setSecret("backupS3Secret", s3Secret);
    const to = { endpoint: `https://${OBJECT_STORE}`, region: "nyc3", bucket: BUCKET };
    for (const [name, value] of Object.entries(to)) await project.setConfig(`hermes:backup.to.${name}`, value);
    await project.setConfig("hermes:backup.keep", "2");
    succeeded(await project.up());
    expect(await project.droplet("systemctl is-active hermes-backup.timer")).toBe("active");
    for (let i = 0; i < 3; i++) await project.droplet("systemctl start hermes-backup.service");
    const found = JSON.parse(await fine("backup", "list", "--json")) as { name: string }[];
    expect(found).toHaveLength(2);
    expect(await fine("restore", "--from-bucket", "latest", "--verify")).toMatch(/^restorable/);
    expect((await hermes("doctor")).stdout).toMatch(/backup +the newest is 0 h old/);
  });

  it("is not called fine when the timer has no next run", async () => {
    const dropIn = "/run/systemd/system/hermes-backup.timer.d";
    const reload = "systemctl daemon-reload && systemctl restart hermes-backup.timer";
    await project.droplet(
      `mkdir -p ${dropIn} && printf '[Timer]\\nOnCalendar=\\nOnCalendar=*-02-30 03:40:00\\n' >${dropIn}/zz-never.conf && ${reload}`,
    );
    expect((await hermes("doctor")).stdout).toMatch(/backup +hermes-backup\.timer has no next run/);
    await project.droplet(`rm -r ${dropIn} && ${reload}`);
    expect((await hermes("doctor")).stdout).toMatch(/backup +the newest is 0 h old/);
  });

  it("is what a sandbox begins with, which is nobody's double", async () => {
    const sandbox = async (...args: string[]): Promise<string> => {
      return succeeded(await project.hermes("sandbox", ...args, "--json"));
    };
    const [created] = JSON.parse(await sandbox("create", "seeded", "--seed", "latest")) as Created[];
    const other = Number(created?.outputs.droplet.id);
    const there = async (script: string): Promise<string> =>
      (await execInDroplet(project.lab, other, ["bash", "-c", script])).stdout;
    expect(await there("cat /var/lib/openclaw/workspaces/main/{memory,kept}.txt")).toBe("what the agent knows\nkept\n");
    expect(await there("curl -s http://127.0.0.1:18789/readyz")).toContain('"ready":true');
    const token = "cat /etc/openclaw/secrets/gatewayToken";
    const own = await execInDroplet(project.lab, Number((await project.outputs<Outputs>()).droplet.id), [
      "bash",
      "-c",
      token,
    ]);
    expect(own.stdout).not.toBe("");
    expect(await there(token)).not.toBe(own.stdout);
    await sandbox("destroy", "seeded");
  });

  it("tells nobody a secret, and the droplet has no key to open one", async () => {
    const key = await project.secret("backupKey");
    expect(key).toMatch(/^AGE-SECRET-KEY-1/);
    const { s3Secret } = labCredentials(project.lab);
    const printed = project.printed.join("\n");
    for (const secret of [key, s3Secret]) expect(printed.includes(secret)).toBe(false);
    const journal = await project.droplet("journalctl --no-pager -o cat");
    for (const secret of [key, s3Secret]) expect(journal.includes(secret)).toBe(false);
    const tree = join(project.lab.dir, "object-store", BUCKET);
    expect(existsSync(tree)).toBe(true);
    expect(
      await project.droplet("grep -rlI AGE-SECRET-KEY-1 /etc /var/lib /srv /root /run /opt/hermes 2>/dev/null || true"),
    ).toBe("");
  });
});
