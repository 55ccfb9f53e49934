import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { publicKeyOf } from "../../lib/ssh/public-key";
import { ADDRESSES } from "../../localcloud/addresses";
import { asOperator } from "../../localcloud/embedded-cloud";
import { inNamespace, run, waitFor } from "../../localcloud/network";
import { startRecorded } from "../../localcloud/processes";
import { operatorMember, tailscale } from "../../localcloud/tailnet/operator";
import type { StackOutputs } from "../../operations/stack/reach";
import { ownLab } from "../support/labs";
import { tunnels } from "../support/operations";
import { succeeded } from "../support/project-copy";
import { secretsIn, stackSecrets } from "../support/secrets";

// Its own: its stack ends with other keys.
const project = ownLab("stand-in");
const HOST_KEY = "/etc/ssh/ssh_host_ed25519_key";
const KEPT = "/srv/hermes/ssh/ssh_host_ed25519_key";
const PROGRAM = "tests/fixtures/stranger-process.ts";

const publicKeyAt = (path: string): Promise<string> => project.droplet(`ssh-keygen -yf ${path} | cut -d' ' -f1,2`);

const expectUp = async (...args: string[]): Promise<string> => succeeded(await project.up(...args));

let address: string;
let secrets: Record<string, string>;

beforeAll(async () => {
  await project.start();
  address = (await project.outputs<StackOutputs>()).tailnet.address;
  secrets = await stackSecrets(project);
});

describe("a new droplet", () => {
  it("has shown the stack's host key before anything was sent to it, and keeps it on the volume", async () => {
    const own = publicKeyOf(secrets["hostKey"] ?? "");
    for (const path of [HOST_KEY, KEPT]) expect(await publicKeyAt(path)).toBe(own);
    expect(await project.droplet(`stat -c '%U %a' ${HOST_KEY} ${KEPT} /srv/hermes/ssh`)).toBe(
      "root 600\nroot 600\nroot 700",
    );
    expect(project.userData).not.toContain("PRIVATE KEY");
  });

  it("shows its agents and its gateway nothing of what it proves itself by", async () => {
    const places = [HOST_KEY, KEPT, "/var/lib/cloud/instance/user-data.txt", "/var/lib/cloud/instance/user-data.txt.i"];
    for (const account of ["agent", "openclaw"]) {
      for (const place of places) {
        const script = `test -e ${place} && ! runuser -u ${account} -- cat ${place} 2>&1`;
        expect(await project.droplet(script)).toContain("Permission denied");
      }
      const ask = `curl -sf -m 5 http://${ADDRESSES.metadata.v4}/metadata/v1/user-data`;
      expect(await project.droplet(`runuser -u ${account} -- ${ask} && echo reached || echo kept`)).toBe("kept");
    }
    // As files of the droplet that anybody may read.
    const key = /tskey-auth-\S+|hskey-auth-\S+/.exec(project.userData)?.[0] ?? "";
    expect(key).not.toBe("");
    const open = await project.droplet(
      `find / -xdev -type f -perm -o=r -size -1M -not -path '/proc/*' -exec grep -lF -e '${key}' {} + || true`,
    );
    expect(open).toBe("");
  });

  it("is reached by OpenSSH with the stack's command, which knows its key", async () => {
    const { tunnel } = await project.outputs<StackOutputs>();
    const remote = tunnel.replace(/-N (.*) -L \S+ (\S+)$/, "-o BatchMode=yes $1 -i deploy $2 echo reached");
    const script = `umask 077; cd "$(mktemp -d)"; trap 'rm -r "$PWD"' EXIT; cat >deploy <<'KEY'\n${secrets["deployKey"]}\nKEY\n${remote}`;
    const { stdout } = await project.unrecorded(() => project.exec(["bash", "-c", script]));
    expect(stdout.trim()).toBe("reached");
  });
});

/** The operator's Tailscale is down, and who is on the path answers for the droplet's address. */
describe("with the tailnet down, and a stranger on the path", () => {
  const member = operatorMember(project.lab);
  const file = join(project.folder, "stranger.json");
  const received = (): { logins: number; received: string[] } =>
    JSON.parse(readFileSync(file, "utf8")) as { logins: number; received: string[] };
  const address22 = (verb: "add" | "del"): Promise<unknown> =>
    run(inNamespace(project.lab.ns.operator, ["ip", "address", verb, `${address}/32`, "dev", "lo"]));

  beforeAll(async () => {
    await run(tailscale(project.lab, member, ["down"]));
    await address22("add");
    const program = [process.execPath, "-r", "./scripts/typescript.js", PROGRAM, address, file];
    startRecorded(project.lab, "stranger", await asOperator(project.lab, program), { cwd: project.dir });
    await waitFor("the stranger", () => existsSync(file));
  });
  afterAll(async () => {
    await address22("del");
    const flags = [`--login-server=https://${ADDRESSES.headscale.name}`, "--hostname=operator"];
    const more = ["--accept-dns=false", "--accept-routes=false", "--netfilter-mode=off", "--timeout=30s"];
    await run(tailscale(project.lab, member, ["up", ...flags, ...more]));
  });

  const REFUSAL = /does not show this stack's SSH host key\. Nothing was sent to it/;

  it.each<[string, number]>([
    ["ssh true", 5],
    ["logs", 5],
    ["backup", 5],
    ["status --agent-turn", 3],
    ["doctor", 5],
    ["pair list", 5],
    ["pair approve ABCD1234", 5],
    ["pair devices", 5],
    ["tunnel --port 28789", 5],
    ["rotate deployKey", 5],
    ["rotate hostKey", 5],
  ])("hermes %s is refused", async (command, expected) => {
    const { code, stdout, stderr } = await project.onStack(...command.split(" "));
    expect({ code, said: stdout + stderr }).toEqual({ code: expected, said: expect.stringMatching(REFUSAL) as string });
    expect(received()).toEqual({ logins: 0, received: [] });
  });

  it.each<[string, string[]]>([
    ["up", ["up", "--yes", "--skip-preview"]],
    ["up --refresh", ["up", "--yes", "--skip-preview", "--refresh"]],
    ["refresh --run-program", ["refresh", "--yes", "--skip-preview", "--run-program"]],
  ])("pulumi %s is refused, though nothing was to be done", async (_, args) => {
    const { code, stdout, stderr } = await project.pulumi(...args);
    expect({ failed: code !== 0, said: stdout + stderr }).toEqual({
      failed: true,
      said: expect.stringMatching(REFUSAL) as string,
    });
    expect(received()).toEqual({ logins: 0, received: [] });
  });

  it("pulumi up that has something to bring is refused before it brings it", async () => {
    const soul = project.read("workspace/main/SOUL.md");
    project.write("workspace/main/SOUL.md", `${soul}\nSay nothing to strangers.\n`);
    const { code, stdout } = await project.up();
    expect(code).not.toBe(0);
    expect(stdout).toMatch(REFUSAL);
    expect(received()).toEqual({ logins: 0, received: [] });
  });

  it("a first contact asks for a proof, and the stranger gets the question only", async () => {
    const first = await project.up("--replace", "**hermes-host-key");
    expect(first.code).not.toBe(0);
    expect(first.stdout).toMatch(/did not prove that it is this stack's droplet\. No secret was sent to it/);
    await waitFor("the stranger's notes", () => received().logins > 0);
    const [question, ...more] = received().received;
    expect(question).toMatch(/^python3 -c /);
    expect(more).toEqual([]);
    const known = { ...secrets, ...(await stackSecrets(project)) };
    expect(secretsIn(JSON.stringify(received()), known)).toEqual([]);
  });
});

describe("on the tailnet again", () => {
  it("what was refused goes on: up brings the edit, and a second one nothing", async () => {
    await expectUp();
    expect(await project.droplet("grep -c strangers /var/lib/openclaw/workspaces/main/SOUL.md")).toBe("1");
    await expectUp("--expect-no-changes");
    await tunnels(project);
  });

  it("both keys of SSH are rotated, and up goes on with the new ones", async () => {
    for (const name of ["hostKey", "deployKey"]) {
      succeeded(await project.onStack("rotate", name));
    }
    const before = secrets;
    secrets = await stackSecrets(project);
    expect(secrets["hostKey"]).not.toBe(before["hostKey"]);
    for (const path of [HOST_KEY, KEPT]) expect(await publicKeyAt(path)).toBe(publicKeyOf(secrets["hostKey"] ?? ""));
    await expectUp();
    await expectUp("--expect-no-changes");
  });

  it("a droplet that shows a key of its own is refused, proves itself, and takes the stack's in place", async () => {
    const id = project.dropletId;
    await project.droplet(
      `rm -r /srv/hermes/ssh; rm ${HOST_KEY}*; ssh-keygen -q -t ed25519 -N '' -f ${HOST_KEY}; systemctl restart ssh`,
    );
    const { code, stdout } = await project.up();
    expect({ failed: code !== 0, said: stdout }).toEqual({
      failed: true,
      said: expect.stringMatching(/does not show this stack's SSH host key/) as string,
    });
    await expectUp("--replace", "**hermes-host-key");
    for (const path of [HOST_KEY, KEPT]) expect(await publicKeyAt(path)).toBe(publicKeyOf(secrets["hostKey"] ?? ""));
    expect(project.dropletId).toBe(id);
  });

  it("one whose proof nobody can check takes a new key by the fingerprint that a person compared", async () => {
    await project.droplet(
      `rm -r /srv/hermes/ssh; rm ${HOST_KEY}*; ssh-keygen -q -t ed25519 -N '' -f ${HOST_KEY}; systemctl restart ssh`,
    );
    const fingerprint = await project.droplet(`ssh-keygen -lf ${HOST_KEY}.pub | cut -d' ' -f2`);
    const other = await project.onStack("rotate", "hostKey", "--fingerprint", `SHA256:${"A".repeat(43)}`);
    expect(other.code).toBe(5);
    succeeded(await project.onStack("rotate", "hostKey", "--fingerprint", fingerprint));
    await expectUp();
  });

  it("no command printed a secret", () => {
    expect(secretsIn(project.printed.join("\n"), secrets)).toEqual([]);
  });
});
