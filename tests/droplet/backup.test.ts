import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Created } from "../../cli/sandbox/create";
import { labCredentials } from "../../localcloud/credentials";
import { execInDroplet } from "../../localcloud/droplets";
import { BUCKET, OBJECT_STORE } from "../../localcloud/services";
import { projectOfFile } from "./project";

/** The longest step: a whole start. */
jest.setTimeout(900_000);

const project = projectOfFile();

const FILE = "first.tar.age";
const file = join(project.dir, FILE);

const hermes = (...args: string[]) => project.exec(["node", "cli/hermes.js", ...args, "--stack", "hermes"]);

/** A command that has to end well; its words otherwise. */
const fine = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await hermes(...args);
  expect({ code, words: code === 0 ? "" : stdout + stderr }).toEqual({ code: 0, words: "" });
  return stdout;
};

/** The value on standard input, as the documentation has it. */
const setConfig = async (key: string, value: string, ...flags: string[]): Promise<void> => {
  const command = `printf %s "$VALUE" | pulumi config set --stack hermes --path ${flags.join(" ")} '${key}'`;
  expect((await project.exec(["sh", "-c", command], { VALUE: value })).code).toBe(0);
};

/** Hash and path of what nobody but the agents writes. */
const hashes = () =>
  project.droplet("cd /srv/hermes/openclaw/workspaces && find . -type f -print0 | sort -z | xargs -0 sha256sum");

type Outputs = Created["outputs"];

const pid = () => project.droplet("systemctl show --property MainPID --value openclaw-gateway");
const leftovers = () => project.droplet("ls -A /srv/hermes/restore /var/lib/hermes/backup 2>/dev/null || true");

describe("a backup", () => {
  let before = "";

  it("goes into a file here while the gateway runs, and nothing of it stays on the droplet", async () => {
    const start = await project.run(["bash", "scripts/start.sh"]);
    expect({ code: start.code, tail: start.code === 0 ? "" : start.stderr.slice(-3000) }).toEqual({
      code: 0,
      tail: "",
    });
    await project.droplet(
      "install -o openclaw -g openclaw -m 600 /dev/stdin /srv/hermes/openclaw/workspaces/main/memory.txt <<<'what the agent knows'",
    );
    before = await hashes();
    const process = await pid();
    await project.droplet(
      `systemd-run --unit hermes-probe --quiet bash -c 'while curl -sf -m 3 http://127.0.0.1:18789/readyz | grep -q "\\"ready\\":true"; do sleep 0.2; done'`,
    );
    expect(JSON.parse(await fine("backup", "--out", FILE, "--json"))).toMatchObject({ ok: true, openclaw: "2026.9.6" });
    expect(await project.droplet("systemctl is-active hermes-probe; systemctl stop hermes-probe")).toBe("active");
    expect(await pid()).toBe(process);
    expect(await leftovers()).toBe("");
    expect(readFileSync(file).includes("what the agent knows")).toBe(false);
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
    await setConfig("hermes:secrets.backupS3KeyId", s3KeyId, "--secret");
    await setConfig("hermes:secrets.backupS3Secret", s3Secret, "--secret");
    const to = { endpoint: `https://${OBJECT_STORE}`, region: "nyc3", bucket: BUCKET };
    for (const [name, value] of Object.entries(to)) await setConfig(`hermes:backup.to.${name}`, value);
    await setConfig("hermes:backup.keep", "2");
    const up = await project.up();
    expect({ code: up.code, words: up.code === 0 ? "" : up.stdout + up.stderr }).toEqual({ code: 0, words: "" });
    expect(await project.droplet("systemctl is-active hermes-backup.timer")).toBe("active");
    for (let i = 0; i < 3; i++) await project.droplet("systemctl start hermes-backup.service");
    const found = JSON.parse(await fine("backup", "list", "--json")) as { name: string }[];
    expect(found).toHaveLength(2);
    expect(await fine("restore", "--from-bucket", "latest", "--verify")).toMatch(/^restorable/);
    expect((await hermes("doctor")).stdout).toMatch(/backup +the newest is 0 h old/);
  });

  it("is what a sandbox begins with, which is nobody's double", async () => {
    const sandbox = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await project.exec(["node", "cli/hermes.js", "sandbox", ...args, "--json"]);
      expect({ code, words: code === 0 ? "" : stdout + stderr }).toEqual({ code: 0, words: "" });
      return stdout;
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
    const yaml = await project.exec([
      "pulumi",
      "config",
      "get",
      "--stack",
      "hermes",
      "--path",
      "hermes:secrets.backupKey",
    ]);
    const key = yaml.stdout.trim();
    project.printed.splice(-2);
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
