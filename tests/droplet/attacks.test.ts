// What a hostile process tries in the agents' account and in the gateway's.
import { waitFor } from "../../localcloud/network";
import { sharedLab } from "../support/labs";
import { doctorCheck } from "../support/operations";
import { succeeded } from "../support/project-copy";

const project = sharedLab();

const WORKSPACES = "/var/lib/openclaw/workspaces";

/** Runs a script in the mount namespace of a unit's main process, as its account. */
const inUnit = (unit: string, account: string, script: string): Promise<string> =>
  project.droplet(
    `nsenter --target "$(systemctl show --property MainPID --value ${unit})" --mount -- ` +
      `setpriv --reuid ${account} --regid ${account} --clear-groups bash -c "$(base64 -d <<<${Buffer.from(script).toString("base64")})" 2>&1`,
  );
const asAgent = (script: string): Promise<string> => inUnit("hermes-agent", "agent", script);
const asGateway = (script: string): Promise<string> => inUnit("openclaw-gateway", "openclaw", script);

/** As the gateway runs an agent's command: by the unit's own sshd, hence with all of the unit's limits. */
async function asAgentsCommand(command: string): Promise<string> {
  const keys = "/etc/openclaw/agent-ssh";
  const options = `-o BatchMode=yes -o UserKnownHostsFile=${keys}/known_hosts -i ${keys}/id_ed25519 -p 2222`;
  const encoded = Buffer.from(command).toString("base64");
  return project.droplet(
    `runuser -u openclaw -- ssh ${options} agent@127.0.0.1 "bash -c \\"\\$(base64 -d <<<${encoded})\\""`,
  );
}

const restartAgent = (): Promise<string> => project.droplet("systemctl restart hermes-workspaces hermes-agent 2>&1");

describe("the gateway's account", () => {
  it("gets nothing by a link in the place of a workspace: it is set aside, and the target is untouched", async () => {
    const target = "/etc/systemd/system";
    const before = await project.droplet(`stat --format '%U %a' ${target}`);
    await asGateway(`mv ${WORKSPACES}/main ${WORKSPACES}/main.bak && ln -s ${target} ${WORKSPACES}/main`);
    await restartAgent();
    expect(await project.droplet(`stat --format '%U %a' ${target}`)).toBe(before);
    expect(await asAgent("ls /run/hermes-agent/*/workspace")).toBe("");
    expect(await project.droplet(`readlink ${WORKSPACES}/main.set-aside-*`)).toBe(target);
    await asGateway(
      `rmdir ${WORKSPACES}/main && rm ${WORKSPACES}/main.set-aside-* && mv ${WORKSPACES}/main.bak ${WORKSPACES}/main`,
    );
    await restartAgent();
    expect(await asAgent("ls /run/hermes-agent/*/workspace")).toContain("SOUL.md");
  });

  it("gets nothing by a link in the place of all workspaces", async () => {
    await asGateway(`mv ${WORKSPACES} ${WORKSPACES}.bak && ln -s /etc ${WORKSPACES}`);
    await restartAgent();
    expect(await project.droplet("stat --format %U /etc/main 2>&1 || true")).toMatch(/No such file/);
    await asGateway(`rm -r ${WORKSPACES} ${WORKSPACES}.set-aside-* && mv ${WORKSPACES}.bak ${WORKSPACES}`);
    await restartAgent();
    expect(await asAgent("ls /run/hermes-agent/*/workspace")).toContain("SOUL.md");
  });
});

describe("an agent that takes all the space of the volume", () => {
  const agents = `${WORKSPACES}/main/taken`;
  // In steps: the last blocks are not one piece.
  const TAKE = `mkdir taken; for mib in 4096 1024 256 64 16 4 1; do
    while fallocate -l $mib"M" taken/$RANDOM$RANDOM 2>/dev/null; do :; done; done; head -c 4M /dev/zero >taken/rest; df -h .`;

  afterAll(() => project.droplet(`rm -rf ${agents}`));

  it("is refused a tenth of it, in which the gateway goes on working, and the doctor names the folder", async () => {
    await asAgentsCommand(`cd /run/hermes-agent/*/workspace && { ${TAKE}; }`).catch(() => undefined);
    await expect(asAgentsCommand("cd /run/hermes-agent/*/workspace && head -c 1M /dev/zero >more")).rejects.toThrow(
      /No space left on device/,
    );
    expect(
      await asGateway(
        "head -c 100M /dev/zero >/var/lib/openclaw/state-of-a-turn && rm /var/lib/openclaw/state-of-a-turn && echo written",
      ),
    ).toBe("written");
    succeeded(await project.onStack("status", "--agent-turn"));
    expect(await doctorCheck(project, "free space")).toMatchObject({
      level: "fail",
      found: expect.stringContaining("most of it in /srv/hermes/openclaw/workspaces/main") as string,
    });
    expect((await doctorCheck(project, "volume")).level).toBe("ok");
  });

  it("keeps a gateway from starting no more than it keeps one from running", async () => {
    await project.droplet("systemctl restart openclaw-gateway");
    await project.gatewayReady();
    succeeded(await project.up());
  });
});

describe("an agent that creates files without end", () => {
  const CREATE = `
import os
for n in range(1000):
    os.makedirs(f"many/{n}")
    for i in range(1000): os.close(os.open(f"many/{n}/{i}", os.O_CREAT | os.O_WRONLY))
`;
  const folder = `${WORKSPACES}/main/many`;
  const free = async (): Promise<number> => {
    const [all = 0, left = 0] = (await project.droplet("stat -f -c '%c %d' /srv/hermes")).split(" ").map(Number);
    return left / all;
  };

  const stopped = (): Promise<unknown> =>
    waitFor("the end of the agents' unit", async () => {
      return (await project.droplet("systemctl is-active hermes-agent || true")) === "inactive";
    });
  const makeRoom = (): Promise<string> => project.droplet(`rm -rf ${folder}; systemctl start hermes-agent`);

  afterAll(makeRoom);

  it("is stopped while the gateway can still create files, and the doctor names the folder", async () => {
    const script = Buffer.from(CREATE).toString("base64");
    await asAgentsCommand(`cd /run/hermes-agent/*/workspace && base64 -d <<<${script} | python3 -`).catch(
      () => undefined,
    );
    await stopped();
    expect(await free()).toBeGreaterThan(0.02);
    expect(
      await asGateway("cd /var/lib/openclaw && mkdir turn && touch turn/{1..1000} && rm -r turn && echo created"),
    ).toBe("created");
    succeeded(await project.onStack("status", "--agent-turn"));
    expect((await doctorCheck(project, "inodes")).found).toContain(
      "most of it in /srv/hermes/openclaw/workspaces/main/many",
    );
    expect((await doctorCheck(project, "unit hermes-agent")).level).toBe("fail");
  });

  it("is stopped again when it is started without room, and works again with it", async () => {
    await project.droplet("systemctl start hermes-agent");
    await stopped();
    await makeRoom();
    expect(await asAgentsCommand("echo works")).toBe("works");
  });
});

describe("a command of hermes-apply in the gateway's account", () => {
  const RECIPIENT = "age1e7kyr42glc42q9zwna7k2hplklncuz0cn4rltxmgs78jpxjh5sfqfczrdr";
  /** Prints the commands of its own account that a process sees, and into whose file system it gets. */
  const WATCH = `
import os, time
seen = set()
end = time.time() + 15
while time.time() < end:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline").read().split("\\0")
            os.listdir(f"/proc/{pid}/root/")
        except OSError: continue
        if "create" in words: seen.add("a backup")
        if words[0] == "outside": seen.add("a process outside of a sandbox")
    time.sleep(0.01)
print(sorted(seen))
`;

  it("is not seen by the gateway, which would get into its file system", async () => {
    const watching = asGateway(`base64 -d <<<${Buffer.from(WATCH).toString("base64")} | python3 -`);
    await project.droplet("sleep 1");
    const made = await project.droplet(
      `hermes-apply backup file ${RECIPIENT} 2>/dev/null && hermes-apply backup clean >/dev/null
       runuser -u openclaw -- bash -c 'exec -a outside sleep 1'`,
    );
    expect(JSON.parse(made)).toMatchObject({ ok: true });
    expect(await watching).toBe("['a process outside of a sandbox']");
  });

  it("cannot read or write what the gateway's unit cannot", async () => {
    const inside = (script: string) =>
      project.droplet(
        `cat >/tmp/inside.ts <<'END'
import { realHost } from "/opt/hermes/apply/current/host.ts";
import { asGateway } from "/opt/hermes/apply/current/sandbox.ts";
const { stdout, stderr } = await asGateway(realHost(), ["bash", "-c", process.argv[2]], { timeoutMs: 20000 });
console.log(stdout + stderr);
END
/usr/local/bin/node /tmp/inside.ts ${JSON.stringify(script)}; rm /tmp/inside.ts`,
      );
    expect(await inside("id -un; touch /var/lib/openclaw/.probe && rm /var/lib/openclaw/.probe && echo state")).toBe(
      "openclaw\nstate",
    );
    for (const path of ["/var/lib/hermes", "/etc/hermes", "/run/tailscale", "/var/lib/tailscale", "/srv/hermes/ssh"])
      expect(await inside(`ls -A ${path} 2>&1 | head -n 1`)).toMatch(/Permission denied|No such file|^$/);
    expect(
      await inside("touch /var/tmp/x && ls /var/tmp; touch /run/x /etc/x /opt/x 2>&1 | grep -c 'ermission\\|ead-only'"),
    ).toBe("x\n3");
    expect(await project.droplet("ls -A /var/tmp")).not.toMatch(/^x$/m);
  });
});

describe("the agents' account", () => {
  /** Tries every socket that somebody listens on, wherever it is. Prints those that take a connection. */
  const PROBE = `
import os, socket, sys
for port in sorted({int(address.rsplit(":", 1)[1]) for address in sys.argv[1:]}):
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex(("127.0.0.1", port)) == 0: print(f"tcp {port}")
for line in open("/proc/net/unix").read().splitlines()[1:]:
    fields = line.split(maxsplit=7)
    path = fields[7] if len(fields) > 7 else ""
    if not path: continue
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        with socket.socket(socket.AF_UNIX, kind) as probe:
            try: probe.connect("\\0" + path[1:] if path[0] == "@" else path)
            except OSError: continue
        print(f"unix {path}")
`;

  it("can connect to no socket but those that are listed here", async () => {
    const listeners = await project.droplet("ss -Hltn | awk '{ print $4 }' | xargs");
    const probe = `base64 -d <<<${Buffer.from(PROBE).toString("base64")} | python3 - ${listeners}`;
    const found = (await asAgent(probe)).split("\n").filter((line) => line !== "");
    // Nothing of systemd, sshd, tailscaled or the gateway.
    expect([...new Set(found)].sort()).toEqual([]);
    // The probe can see: root reaches what is there.
    const roots = await project.droplet(probe);
    expect(roots).toContain("tcp 18789");
    expect(roots).toMatch(/unix \/run\/systemd\//);
  });

  it("cannot fill the memory of others through /tmp: its own is bounded, the gateway's and root's are others", async () => {
    const filled = await asAgent(
      "echo mine >/tmp/mine; head -c 1G /dev/zero >/tmp/filler; du -m /tmp/filler | cut -f 1",
    );
    expect(filled).toMatch(/No space left on device/);
    expect(Number(/^(\d+)$/m.exec(filled)?.[1])).toBeLessThanOrEqual(256);
    expect(await project.droplet("ls /tmp")).not.toMatch(/filler|mine/);
    expect(await asGateway("ls /tmp")).not.toMatch(/filler|mine/);
    expect((await project.onStack("status")).code).toBe(0);
    const full = await project.onStack("doctor");
    expect([full.code, full.stdout]).toEqual([
      3,
      expect.stringMatching(/FAIL +temporary files +the agents' \/tmp 0 MiB free/),
    ]);
    await asAgent("rm -f /tmp/filler /tmp/mine");
    expect((await project.onStack("doctor")).stdout).toMatch(/ok +temporary files/);
  });

  it("cannot keep its port when it is stopped: a command that ignores the signal is ended", async () => {
    const pid = await project.droplet("systemctl show --property MainPID --value hermes-agent");
    // In the unit's own control group, as every command of an agent is.
    const holder = `import signal, socket, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
while listener.connect_ex(("127.0.0.1", 2222)) == 0: listener = socket.socket()
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 2222))
listener.listen()
time.sleep(9999)`;
    await project.droplet(
      `trap '' TERM
       group=$(systemctl show --property ControlGroup --value hermes-agent)
       for root in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
         [ ! -e "$root$group/cgroup.procs" ] || echo $$ >"$root$group/cgroup.procs"
       done
       base64 -d <<<${Buffer.from(holder).toString("base64")} >/run/holder.py
       setsid setpriv --reuid agent --regid agent --clear-groups python3 - </run/holder.py >/dev/null 2>&1 &
       kill -9 ${pid}`,
    );
    const another = async (): Promise<boolean> => {
      const now = await project.droplet("systemctl show --property MainPID --value hermes-agent");
      return !["0", pid].includes(now);
    };
    await waitFor("the agents' sshd again", another, { timeoutMs: 60_000, everyMs: 300 });
    const greeting = "timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2222 && head -c 4 <&3'";
    await waitFor("its greeting", async () => (await project.droplet(`${greeting} || true`)) === "SSH-", {
      timeoutMs: 60_000,
      everyMs: 300,
    });
  });
});

describe("ordinary work in the agents' account", () => {
  it.each([
    ["lists the machine's addresses", "node -p 'Object.keys(os.networkInterfaces()).includes(\"lo\")'", "true"],
    ["shows them with ip", "ip -brief address show lo | cut -d ' ' -f 1", "lo"],
    ["sets a setgid bit", "cd && mkdir -p shared && chmod g+s shared && stat --format %A shared | cut -c 5-7", "--S"],
    [
      "unpacks an archive that has one",
      "cd && tar -cf shared.tar shared && mkdir -p out && tar -xpf shared.tar -C out && stat --format %A out/shared | cut -c 7",
      "S",
    ],
    [
      "starts a server that all addresses reach",
      "cd && (timeout 20 python3 -m http.server 8123 >/dev/null 2>&1 &) && curl -s --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null -w '%{http_code}' http://127.0.0.1:8123/",
      "200",
    ],
  ])("%s", async (_what, command, said) => expect(await asAgentsCommand(command)).toBe(said));

  it("has no io_uring", async () => {
    const call =
      "python3 -c 'import ctypes; print(ctypes.CDLL(None, use_errno=True).syscall(425, 8, 0), ctypes.get_errno())'";
    expect(await asAgentsCommand(call)).toBe("-1 1");
  });
});

describe("an agent that puts things in the way of a managed file", () => {
  const DEEP = (name: string) =>
    `rm -rf ${name}; python3 -c 'import os; os.mkdir("${name}"); os.chdir("${name}"); [(os.mkdir("d"), os.chdir("d")) for _ in range(10000)]'`;
  // Several obstacles in each: a state costs half a minute. tests/unit/apply-hostile-fuzz.test.ts tries 300 others.
  const STATES: [what: string, script: string][] = [
    [
      "a FIFO for a file, a directory for its partial file, and a sparse file of 1 TiB",
      "rm SOUL.md; mkfifo SOUL.md; mkdir SOUL.md.hermes-partial; truncate -s 1T big; echo end >>big",
    ],
    [
      "a file of 3 GiB that takes no room, and a tree of 10,000 levels for its partial file",
      `truncate -s 3G SOUL.md; ${DEEP("SOUL.md.hermes-partial")}`,
    ],
    [
      "a directory that nobody may read, and names that mislead",
      "rm SOUL.md; mkdir SOUL.md; touch SOUL.md/kept; chmod 0 SOUL.md; touch $'a\\nb' $'\\u202Egpj.exe' -- -rf",
    ],
    [
      "a link to a folder of the system, and a socket for the partial file",
      `rm SOUL.md; ln -s /proc SOUL.md; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("SOUL.md.hermes-partial")'`,
    ],
    [
      "files and directories that never stay the same",
      "(for i in $(seq 3000); do echo $i >SOUL.md; rm -f SOUL.md; ln -s $i SOUL.md; rm -f SOUL.md; mkdir -p SOUL.md.hermes-partial SOUL.md; rmdir SOUL.md; done) >/dev/null 2>&1 &",
    ],
  ];
  /** What `up` and the operator's commands do there, with bundles made from those that run. */
  const DRIVER = `
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
const read = (kind) => readFileSync("/var/lib/hermes/applied/" + kind + ".json", "utf8");
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const run = (verb, input) => {
  const { stdout, stderr } = spawnSync("hermes-apply", verb.split(" "), { input, encoding: "utf8" });
  try { return JSON.parse(stdout.trim().split("\\n").at(-1)); } catch { return { error: stdout + stderr }; }
};
function activate(change) {
  const config = JSON.parse(read("config"));
  change(config);
  const texts = { config: JSON.stringify(config), secrets: read("secrets") };
  for (const kind of ["config", "secrets"]) run("stage " + kind, texts[kind]);
  const wanted = { config: sha256(texts.config), secrets: sha256(texts.secrets), openclaw: config.openclaw.version };
  return run("activate", JSON.stringify({ hermes: 1, kind: "activate", ...wanted }));
}
const unit = "/etc/systemd/system/openclaw-gateway.service";
const failing = activate((config) => {
  config.workspaces.main["SOUL.md"].text = ["never " + process.argv[2], ""];
  const lines = config.files[unit].text.join("\\n").split("\\n");
  lines.splice(lines.indexOf("[Service]") + 1, 0, 'ExecStartPre=/bin/sh -c "exit 78"');
  config.files[unit].text = lines;
});
const applied = activate((config) => void (config.workspaces.main["SOUL.md"].text = ["next " + process.argv[2], ""]));
const recovered = run("recover");
const backup = run("backup file ${"age1e7kyr42glc42q9zwna7k2hplklncuz0cn4rltxmgs78jpxjh5sfqfczrdr"}");
run("backup clean");
const doctor = run("doctor");
const status = run("status");
console.log(JSON.stringify({
  rolledBack: failing.rolledBack, applied: applied.ok, error: applied.error, recovered: recovered.ok, backup: backup.ok, backupError: backup.error,
  small: backup.bytes < 2 ** 26, doctor: Array.isArray(doctor.checks), ready: status.ready,
}));
`;

  it.each(STATES)(
    "leaves the gateway up, and every command comes to its end: %s",
    async (what, script) => {
      await asAgent(
        `cd /run/hermes-agent/*/workspace && { ${script} }`.replace(/(&?) \}$/, (_, amp: string) =>
          amp === "" ? "; }" : "& }",
        ),
      );
      const said = await project.droplet(
        `base64 -d <<<${Buffer.from(DRIVER).toString("base64")} >/root/driver.mjs
       timeout 240 node /root/driver.mjs ${JSON.stringify(what.replace(/\W/g, "-"))}; rm /root/driver.mjs`,
      );
      const well = {
        rolledBack: true,
        applied: true,
        recovered: true,
        backup: true,
        small: true,
        doctor: true,
        ready: true,
      };
      expect(JSON.parse(said)).toEqual(well);
      await project.droplet(
        `cd ${WORKSPACES}/main && chmod -R u+rwx . 2>/dev/null; find . -mindepth 1 -maxdepth 1 ! -name SOUL.md ! -name AGENTS.md ! -name memory -exec rm -rf {} +`,
      );
    },
    300_000,
  );
});

describe("root's sshd", () => {
  it("is reached by systemd's socket by root alone, where systemd makes it", async () => {
    const socket = "/run/ssh-unix-local/socket";
    expect(await project.droplet(`stat --format '%U %a' ${socket} 2>/dev/null || echo none`)).toMatch(
      /^(root 600|none)$/,
    );
    const reach = `python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect("${socket}")' 2>&1 || true`;
    expect(await project.droplet(`runuser -u openclaw -- ${reach}`)).toMatch(/PermissionError|FileNotFoundError/);
  });
});

it("after all of this an edit of SOUL.md goes through", async () => {
  project.write("workspace/main/SOUL.md", "You are hermes, after the attacks.\n");
  succeeded(await project.up());
});
