import { rmSync } from "node:fs";
import { join } from "node:path";
import { md, pki } from "node-forge";
import { backupFinding } from "../../gateway/apply/doctor-hermes.ts";
import { readListeners } from "../../gateway/apply/doctor-network.ts";
import { largestOf } from "../../gateway/apply/doctor-system.ts";
import { doctor } from "../../gateway/apply/doctor.ts";
import { status } from "../../gateway/apply/status.ts";
import { LISTENERS, Patient, RULES, TOKEN, unitSays } from "../fixtures/apply-patient.ts";

let patient: Patient;
beforeEach(async () => {
  patient = new Patient();
  await patient.healthy();
});
afterEach(() => patient.remove());

const remove = (path: string) => rmSync(join(patient.root, path), { recursive: true, force: true });
const listener = (line: string) => patient.answer("ss -Hltnupe", `${LISTENERS}\n${line}`);
const unit = (name: string, changes: Record<string, string>) =>
  patient.answer(`systemctl show ${name} --property=LoadState`, unitSays(changes));
const gateway = (changes: object) => Object.assign(patient.gateway, changes);
const inDays = (days: number) => new Date((patient.now + days * 86_400) * 1000).toISOString();
const GIB = 2 ** 30;

function certificateEnding(days: number): void {
  const keys = pki.rsa.generateKeyPair(1024);
  const certificate = pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  certificate.validity.notBefore = new Date((patient.now - 90 * 86_400) * 1000);
  certificate.validity.notAfter = new Date((patient.now + days * 86_400) * 1000);
  certificate.sign(keys.privateKey, md.sha256.create());
  patient.write("/var/lib/tailscale/certs/hermes.tail.example.crt", pki.certificateToPem(certificate));
}

const diagnose = async () => {
  const { ok, checks } = await doctor(patient.host());
  return { ok, findings: checks.filter(({ level }) => level !== "ok") };
};
const findingsOf = async () => (await diagnose()).findings;

describe("a healthy droplet", () => {
  it("has no finding", async () => {
    const { ok, version, time, checks } = await doctor(patient.host());
    expect(checks.filter(({ level }) => level !== "ok")).toEqual([]);
    expect({ ok, version, time }).toEqual({ ok: true, version: "1.0.0", time: patient.now });
    expect(patient.said).toEqual([]);
  });

  it("is told of in lines that a person can read", async () => {
    const { checks } = await doctor(patient.host());
    const found = Object.fromEntries(checks.map((check) => [check.name, check.found]));
    expect(found).toMatchObject({
      gateway: "ready",
      openclaw: "1.0.0",
      listeners: "loopback, SSH and tailscaled only",
      nftables: "loaded, as in its file",
      dns: "resolves models.example, api.telegram.org",
      "free space": "/ 40.0 GiB free of 50.0 GiB, volume 9.0 GiB free of 10.0 GiB",
      memory: "1.1 GiB available of 2.0 GiB",
      "node key": "does not expire",
      volume: "mounted, writable; a part of it is the gateway's alone",
    });
    expect(found).not.toHaveProperty("certificate");
  });

  it("is changed by none of the checks", async () => {
    patient.calls.length = 0;
    await doctor(patient.host());
    expect(patient.calls).toEqual([]);
  });
});

type Fault = [fault: string, breakIt: () => void, check: string, level: "warn" | "fail", fix: RegExp];

const BOOKS: Fault[] = [
  [
    "bootstrap that failed",
    () => patient.write("/var/lib/hermes/bootstrap.json", '{"status":"failed","step":"node","error":"no route"}'),
    "bootstrap",
    "fail",
    /logs --unit bootstrap/,
  ],
  [
    "bootstrap under way",
    () => patient.write("/var/lib/hermes/bootstrap.json", '{"status":"running","step":"node","error":""}'),
    "bootstrap",
    "warn",
    /wait/,
  ],
  ["bootstrap that never ran", () => remove("/var/lib/hermes/bootstrap.json"), "bootstrap", "fail", /bootstrap/],
  [
    "openclaw.json edited by hand",
    () => patient.write("/etc/openclaw/openclaw.json", "{}"),
    "openclaw.json",
    "fail",
    /--replace/,
  ],
  ["openclaw.json gone", () => remove("/etc/openclaw/openclaw.json"), "openclaw.json", "fail", /--replace/],
  [
    "another unit file",
    () => patient.write("/etc/systemd/system/openclaw-gateway.service", "[Service]"),
    "files",
    "fail",
    /--replace/,
  ],
  [
    "a secret replaced by hand",
    () => patient.write("/etc/openclaw/secrets/gatewayToken", "mine"),
    "files",
    "fail",
    /--replace/,
  ],
  [
    "SOUL.md edited by an agent",
    () => patient.write("/var/lib/openclaw/workspaces/main/SOUL.md", "me"),
    "workspaces",
    "warn",
    /workspace\//,
  ],
  [
    "an apply that was cut off",
    () => patient.write("/var/lib/hermes/transaction/journal.json", '{"phase":"applying","old":[]}'),
    "transaction",
    "fail",
    /--replace/,
  ],
  [
    "a bundle that was staged only",
    () => patient.write("/var/lib/hermes/stage/config.json", "{}"),
    "staged",
    "warn",
    /pulumi up/,
  ],
  [
    "the link to another OpenClaw",
    () => patient.link("/opt/openclaw/current", "0.9.0"),
    "openclaw",
    "fail",
    /--replace/,
  ],
  ["an OpenClaw with a hole", () => remove("/opt/openclaw/1.0.0"), "openclaw", "fail", /--replace/],
  ["an OpenClaw that somebody changed", () => patient.changedTrees.add("1.0.0"), "openclaw", "fail", /--replace/],
  [
    "another Node than configured",
    () => (patient.link("/opt/node/current", "23.0.0"), patient.answer("/usr/local/bin/node --version", "v23.0.0\n")),
    "node",
    "fail",
    /--replace/,
  ],
  [
    "a Node that is not the linked one",
    () => patient.answer("/usr/local/bin/node --version", "v20.0.0\n"),
    "node",
    "fail",
    /ln -sfn/,
  ],
];

const GATEWAY: Fault[] = [
  ["gateway stopped by hand", () => patient.stop(), "gateway", "fail", /systemctl start/],
  ["gateway that failed", () => gateway({ active: "failed", pid: 0 }), "gateway", "fail", /logs --unit gateway/],
  [
    "gateway that waits for room",
    () => (gateway({ active: "activating" }), (patient.lackingRoom["/var/lib/openclaw"] = { free: 0, writable: true })),
    "gateway",
    "fail",
    /mend the disk/,
  ],
  ["gateway that starts", () => gateway({ active: "activating" }), "gateway", "fail", /again in a minute/],
  ["bot that Telegram refuses", refuseBot, "gateway", "fail", /logs --unit gateway/],
  ["gateway that is not ready", () => gateway({ loaded: "never-ready" }), "gateway", "fail", /logs --unit gateway/],
  [
    "gateway that will not start at boot",
    () => patient.answer("systemctl show openclaw-gateway.service --property=UnitFileState", "UnitFileState=disabled"),
    "gateway",
    "fail",
    /enable/,
  ],
  ["gateway that came back by itself", () => gateway({ restarts: 3 }), "restarts", "warn", /logs/],
];

const NETWORK: Fault[] = [
  [
    "gateway open to all",
    () => listener('tcp LISTEN 0 511 0.0.0.0:18789 0.0.0.0:* users:(("node",pid=9,fd=20)) uid:2101 ino:1'),
    "listeners",
    "fail",
    /--replace/,
  ],
  [
    "Ollama open to all",
    () => listener('tcp LISTEN 0 511 *:11434 *:* users:(("ollama",pid=9,fd=20)) uid:2103 ino:1'),
    "listeners",
    "fail",
    /--replace/,
  ],
  [
    "the agents' sshd on the tailnet",
    () => listener('tcp LISTEN 0 511 100.64.0.2:2222 0.0.0.0:* users:(("sshd",pid=9,fd=20)) ino:1'),
    "listeners",
    "fail",
    /stop that/,
  ],
  [
    "a foreign server",
    () => listener('tcp LISTEN 0 511 [::]:9100 [::]:* users:(("exporter",pid=9,fd=20)) uid:77 ino:1'),
    "listeners",
    "fail",
    /stop it/,
  ],
  [
    "LLMNR",
    () => listener('udp UNCONN 0 0 0.0.0.0:5355 0.0.0.0:* users:(("systemd-resolve",pid=6,fd=11)) uid:991 ino:1'),
    "listeners",
    "fail",
    /stop it/,
  ],
  [
    "an agent's server for everybody",
    () => listener('tcp LISTEN 0 5 0.0.0.0:8000 0.0.0.0:* users:(("python3",pid=9,fd=3)) uid:2102 ino:1'),
    "listeners",
    "warn",
    /bind it/,
  ],
  [
    "no nftables table",
    () => patient.answer("nft", "", 1, "No such file"),
    "nftables",
    "fail",
    /restart hermes-nftables/,
  ],
  [
    "an open nftables table",
    () => patient.answer("nft", RULES.replace("policy drop", "policy accept")),
    "nftables",
    "fail",
    /restart hermes-nftables/,
  ],
  [
    "a rule more than applied",
    () => patient.answer("nft", RULES.replace("\t}\n}", "\t\ttcp dport 80 accept\n\t}\n}")),
    "nftables",
    "fail",
    /restart hermes-nftables/,
  ],
  ["no DNS", () => patient.answer("getent ahosts", "", 2), "dns", "fail", /resolvectl/],
  ["no Telegram in DNS", () => patient.answer("getent ahosts api.telegram.org", "", 2), "dns", "fail", /resolvectl/],
  [
    "tailscaled that wants a login",
    () => Object.assign(patient.tailscale, { BackendState: "NeedsLogin" }),
    "tailnet",
    "fail",
    /bootstrapRevision.*LOST/,
  ],
  [
    "no control server",
    () => Object.assign(patient.tailscale.Self, { Online: false }),
    "tailnet",
    "fail",
    /restart tailscaled/,
  ],
  [
    "a node key that expires soon",
    () => Object.assign(patient.tailscale.Self, { KeyExpiry: inDays(5) }),
    "node key",
    "warn",
    /key expiry/,
  ],
  [
    "a node key that expired",
    () => Object.assign(patient.tailscale.Self, { KeyExpiry: inDays(-1) }),
    "node key",
    "fail",
    /bootstrapRevision.*LOST/,
  ],
  [
    "a node key that is told expired",
    () => Object.assign(patient.tailscale.Self, { Expired: true }),
    "node key",
    "fail",
    /bootstrapRevision.*LOST/,
  ],
  [
    "tailnet lock without this node",
    () => Object.assign(patient.lock, { Enabled: true, NodeKeySigned: false, NodeKey: "nodekey:abc" }),
    "tailnet lock",
    "fail",
    /lock sign nodekey:abc/,
  ],
  [
    "a certificate that ends soon",
    () => certificateEnding(3),
    "certificate",
    "warn",
    /tailscale cert hermes\.tail\.example/,
  ],
  ["a certificate that ended", () => certificateEnding(-3), "certificate", "fail", /tailscale cert/],
];

const SYSTEM: Fault[] = [
  ...["hermes-agent", "hermes-guard", "hermes-workspaces", "hermes-volume", "hermes-nftables", "tailscaled", "ssh"].map(
    (name): Fault => [
      `${name} that failed`,
      () => unit(`${name}.service`, { ActiveState: "failed", Result: "exit-code" }),
      `unit ${name}`,
      "fail",
      /systemctl restart/,
    ],
  ),
  [
    "an update timer that is off",
    () => unit("apt-daily-upgrade.timer", { ActiveState: "inactive" }),
    "unit apt-daily-upgrade.timer",
    "fail",
    /systemctl restart/,
  ],
  [
    "a unit that is not there",
    () => unit("hermes-agent.service", { LoadState: "not-found", ActiveState: "inactive" }),
    "unit hermes-agent",
    "fail",
    /pulumi up/,
  ],
  [
    "a firewall that is gone after a reboot",
    () => unit("hermes-nftables.service", { UnitFileState: "disabled" }),
    "unit hermes-nftables",
    "fail",
    /enable/,
  ],
  [
    "another failed unit",
    () => patient.answer("systemctl list-units", "odd.service loaded failed failed Odd\n"),
    "failed units",
    "warn",
    /status odd.service/,
  ],
  [
    "a read-only root",
    () => Object.assign(patient.mounts[0] as object, { options: "ro,noatime" }),
    "root disk",
    "fail",
    /journalctl -k/,
  ],
  [
    "no volume",
    () => (patient.mounts = patient.mounts.filter(({ target }) => target !== "/srv/hermes")),
    "volume",
    "fail",
    /attached/,
  ],
  [
    "a read-only volume",
    () => Object.assign(patient.mounts[2] as object, { options: "ro" }),
    "volume",
    "fail",
    /journalctl -k/,
  ],
  [
    "a volume that takes no more after an error, though it is mounted as rw",
    () => (patient.lackingRoom["/srv/hermes"] = { free: GIB, writable: false }),
    "volume",
    "fail",
    /systemctl reboot/,
  ],
  [
    "a root disk that fills",
    () => (patient.disks[0] = ["/", 50 * GIB, 1.5 * GIB, 10, 9]),
    "free space",
    "warn",
    /du -xh/,
  ],
  ["a full root disk", () => (patient.disks[0] = ["/", 50 * GIB, 0.1 * GIB, 10, 9]), "free space", "fail", /du -xh/],
  [
    "a volume that fills",
    () => (patient.disks[1] = ["/srv/hermes", 10 * GIB, GIB, 10, 9]),
    "free space",
    "warn",
    /volumeGiB/,
  ],
  [
    "a full volume",
    () => (patient.disks[1] = ["/srv/hermes", 10 * GIB, 0.2 * GIB, 10, 9]),
    "free space",
    "fail",
    /volumeGiB/,
  ],
  ["no inodes", () => (patient.disks[1] = ["/srv/hermes", 10 * GIB, 9 * GIB, 1000, 10]), "inodes", "fail", /volumeGiB/],
  [
    "root's /tmp full",
    () => (patient.memoryDisks["/tmp"] = [GIB, 2 ** 20, 1000, 900]),
    "temporary files",
    "fail",
    /du -xah \/tmp/,
  ],
  [
    "the agents' /tmp full",
    () => {
      patient.answer("systemctl show hermes-agent.service --property=ActiveState", "ActiveState=active\nMainPID=77\n");
      patient.memoryDisks["/proc/77/root/tmp"] = [GIB / 4, 0, 65_536, 60_000];
    },
    "temporary files",
    "fail",
    /systemctl restart hermes-agent empties it/,
  ],
  [
    "the gateway's /var/tmp with nearly as many files as it holds",
    () => (patient.memoryDisks[`/proc/${patient.gateway.pid}/root/var/tmp`] = [GIB / 8, GIB / 9, 65_536, 5000]),
    "temporary files",
    "warn",
    /systemctl restart openclaw-gateway empties it/,
  ],
  ["little memory", () => patient.memory(0.15), "memory", "warn", /larger hermes:size/],
  ["no memory", () => patient.memory(0.05), "memory", "fail", /larger hermes:size/],
  ["much swap in use", () => patient.memory(1, 1.2), "swap", "warn", /larger hermes:size/],
  ["no swap left", () => patient.memory(1, 0.1), "swap", "fail", /larger hermes:size/],
  [
    "an OOM kill",
    () =>
      patient.answer(
        "journalctl --quiet --boot",
        "2026-11-20T10:00:00+00:00 systemd[1]: openclaw-gateway.service: A process of this unit has been killed by the OOM killer.\n",
      ),
    "oom kills",
    "warn",
    /larger hermes:size/,
  ],
  [
    "a clock that nobody sets",
    () => patient.answer("timedatectl show", "NTP=no\nNTPSynchronized=no\n"),
    "time server",
    "warn",
    /set-ntp/,
  ],
  ["a clock that went back", () => patient.aged("/var/lib/systemd/timesync/clock", -30), "clock", "fail", /timesyncd/],
  [
    "a pending reboot",
    () => (
      patient.write("/run/reboot-required", ""),
      patient.write("/run/reboot-required.pkgs", "linux-image\nlinux-image\n")
    ),
    "reboot",
    "warn",
    /reboot/,
  ],
  [
    "updates that stopped",
    () => patient.aged("/var/lib/apt/periodic/unattended-upgrades-stamp", 9),
    "updates",
    "warn",
    /unattended-upgrade/,
  ],
  ["updates that never came", () => remove("/var/lib/apt/periodic"), "updates", "warn", /unattended-upgrade/],
];

describe("one fault is one finding, with its fix", () => {
  it.each([...BOOKS, ...GATEWAY, ...NETWORK, ...SYSTEM])("%s", async (_fault, breakIt, check, level, fix) => {
    breakIt();
    const { ok, findings } = await diagnose();
    expect(findings.map(({ name, level }) => ({ name, level }))).toEqual([{ name: check, level }]);
    expect(findings[0]?.fix).toMatch(fix);
    expect(ok).toBe(level === "warn");
  });
});

/** As the journal of OpenClaw 2026.9.6 has it. */
function refuseBot(): void {
  const message = "[default] channel exited: Telegram bot token unauthorized (getMe returned 401 from Telegram)";
  patient.answer(
    "journalctl --quiet --output=cat",
    JSON.stringify({ level: "error", subsystem: "channels/telegram", message }),
  );
  gateway({ loaded: "refused-telegram" });
}

describe("a finding", () => {
  it("of a gateway that is not ready is its own reason, and that of status too", async () => {
    refuseBot();
    const reason = /^telegram: Telegram refuses the bot's token \(401\)/;
    expect((await findingsOf())[0]?.found).toMatch(reason);
    expect((await status(patient.host(), { agentTurn: false })).error).toMatch(reason);
    patient.answer("journalctl --quiet --output=cat", "no JSON\n");
    expect((await findingsOf())[0]?.found).toBe("telegram: not ready, and the journal names no error of it");
  });

  it("names what was found", async () => {
    patient.write("/run/reboot-required", "");
    patient.write("/run/reboot-required.pkgs", "linux-image\nlinux-image\n");
    patient.answer("getent ahosts api.telegram.org", "", 2);
    patient.write("/etc/openclaw/environment", "x");
    const found = (await findingsOf()).map(({ name, found }) => `${name}: ${found}`);
    expect(found).toEqual([
      "files: changed on the droplet: /etc/openclaw/environment",
      "dns: does not resolve api.telegram.org",
      "reboot: needed by linux-image",
    ]);
  });

  it("of an apply that is at work is only a warning", async () => {
    patient.write("/var/lib/hermes/transaction/journal.json", '{"phase":"applying","old":[]}');
    patient.answer("flock", "", 75);
    expect(await findingsOf()).toMatchObject([{ name: "transaction", level: "warn" }]);
  });

  it("has no secret in it, nor has what is said to people", async () => {
    gateway({ active: "failed", pid: 0 });
    patient.answer("journalctl --quiet --output=cat", `cannot start with the token ${TOKEN}\n`);
    patient.answer("systemctl list-units", `${TOKEN}.service loaded failed\n`);
    const { checks } = await doctor(patient.host());
    const all = JSON.stringify(checks) + patient.said.join("\n");
    expect(all).toContain("[secret gatewayToken]");
    expect(all).not.toContain(TOKEN);
  });
});

describe("a check that can't be done", () => {
  it.each(["ss", "tailscale", "findmnt", "df", "stat", "timedatectl", "nft", "getent"])(
    "because there is no %s is a warning, and hides no other",
    async (program) => {
      patient.answer(program, "", 127, "not found");
      patient.write("/run/reboot-required", "");
      const { ok, findings } = await diagnose();
      expect(findings.every(({ level }) => level === "warn")).toBe(true);
      expect(findings.map(({ name }) => name)).toContain("reboot");
      expect(findings.find(({ found }) => found.startsWith("could not be checked"))?.fix).toBeDefined();
      expect(ok).toBe(true);
    },
  );

  it("because hermes' own books are broken fails, and the machine is looked at all the same", async () => {
    patient.write("/var/lib/hermes/applied/config.json", "{");
    const findings = await findingsOf();
    expect(findings.map(({ name, level }) => [name, level])).toEqual([
      ["books", "fail"],
      ["configuration", "fail"],
      ["staged", "warn"],
    ]);
  });

  it("because the rules can't be loaded elsewhere leaves the rest of nftables' check", async () => {
    patient.answer("unshare --net", "", 1, "Operation not permitted");
    expect(await findingsOf()).toEqual([]);
    patient.answer("nft", RULES.replace("policy drop", "policy accept"));
    expect(await findingsOf()).toMatchObject([{ name: "nftables", level: "fail" }]);
  });
});

describe("a droplet where nothing was activated", () => {
  it("says that, and nothing of what is not there yet", async () => {
    const empty = new Patient();
    await empty.healthy();
    rmSync(join(empty.root, "/var/lib/hermes/applied"), { recursive: true });
    const names = (await doctor(empty.host())).checks.filter(({ level }) => level === "fail").map(({ name }) => name);
    empty.remove();
    expect(names).toEqual(["configuration"]);
  });
});

describe("the local model", () => {
  it("is looked at where one is wanted", async () => {
    const path = "/var/lib/hermes/applied/config.json";
    const bundle = JSON.parse(patient.read(path) ?? "") as Record<string, unknown>;
    const model = { version: "0.24.0", url: "https://x.example/o", sha256: "0".repeat(64), tag: "qwen3.5:9b" };
    patient.write(path, JSON.stringify({ ...bundle, ollama: { ...model, contextTokens: 65536, batch: 256 } }));
    const finding = (await doctor(patient.host())).checks.find(({ name }) => name === "local model");
    expect(finding).toMatchObject({ level: "fail", fix: expect.stringMatching(/hermes-apply local/) as string });
  });
});

describe("listeners", () => {
  it("are read with their address, port, program and account", () => {
    expect(readListeners(LISTENERS).map(({ address, port }) => `${address} ${port}`)).toEqual([
      ...["127.0.0.1 18789", "::1 18789", "127.0.0.1 2222", "0.0.0.0 22", "127.0.0.53 53", "203.0.113.5 68"],
      ...[":: 41641", "100.64.0.2 40123"],
    ]);
    expect(readListeners(LISTENERS)[2]).toMatchObject({ program: "sshd", uid: 2102, protocol: "tcp" });
  });
});

describe("the models", () => {
  const asked = async (turn: object, configHash?: string) => {
    const { configHash: applied } = await doctor(patient.host());
    const at = new Date((patient.now - 3 * 3600) * 1000).toISOString();
    patient.write("/var/lib/hermes/last-turn.json", JSON.stringify({ configHash: configHash ?? applied, at, turn }));
    return (await doctor(patient.host())).checks.find(({ name }) => name === "models");
  };
  const failed = [{ model: "openrouter/a/b:free", reason: "429 Rate limit exceeded" }];

  it("are fine where the first one answered the last turn, and a warning where another one did", async () => {
    expect(await asked({ ok: true, model: "openrouter/a/b:free" })).toMatchObject({
      level: "ok",
      found: "openrouter/a/b:free answered 3 h ago",
    });
    expect(await asked({ ok: true, model: "openrouter/c/d:free", failed })).toMatchObject({
      level: "warn",
      found:
        "openrouter/c/d:free answered 3 h ago, because these did not: openrouter/a/b:free (429 Rate limit exceeded)",
    });
  });

  it("are a warning where none answered", async () => {
    expect(await asked({ ok: false, error: "All models failed" })).toMatchObject({
      level: "warn",
      found: "no answer 3 h ago: All models failed",
    });
  });

  it("of another configuration are not told of", async () => {
    expect(await asked({ ok: true, model: "a/b" }, "another")).toBeUndefined();
  });

  it("are those of the last turn that status asked for", async () => {
    await status(patient.host(), { agentTurn: true });
    const { checks } = await doctor(patient.host());
    expect(checks.find(({ name }) => name === "models")).toMatchObject({
      level: "ok",
      found: expect.stringContaining("openrouter/v/m answered"),
    });
  });
});

describe("the backups of a bucket", () => {
  const HOUR = 3600;
  const now = 1_790_000_000;

  it.each<[string, Omit<Parameters<typeof backupFinding>[0], "now">, string, RegExp]>([
    ["made by the timer's last time", { made: now - 5 * HOUR, due: now - 6 * HOUR }, "ok", /^the newest is 5 h old$/],
    ["of a weekly schedule", { made: now - 150 * HOUR, due: now - 151 * HOUR }, "ok", /150 h old/],
    ["made by hand since", { made: now - HOUR, due: now - 30 * HOUR }, "ok", /1 h old/],
    ["that is being made", { made: now - 25 * HOUR, due: now - 60 }, "ok", /25 h old/],
    [
      "that never came",
      { made: now - 28 * HOUR, due: now - 4 * HOUR },
      "warn",
      /^nothing came of the timer's last time/,
    ],
    ["before the first", {}, "warn", /^none in the bucket yet$/],
    ["that failed", { made: now - 25 * HOUR, due: now - HOUR, error: "403" }, "fail", /^the last one failed, .* 403$/],
    [
      "beyond those kept",
      { made: now - HOUR, unpruned: "GET b: 403" },
      "warn",
      /1 h old; older .* not removed: GET b: 403$/,
    ],
  ])("%s", (_, times, level, found) => {
    expect(backupFinding({ now, ...times })).toMatchObject({ level, found: expect.stringMatching(found) as string });
  });

  it("fail when the timer has no next run, however new the newest is", async () => {
    const name = `hermes-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}Z.tar.age`;
    patient.write("/etc/hermes/backup.json", "{}");
    patient.write("/var/lib/hermes/last-backup.json", JSON.stringify({ name }));
    const timer = (SubState: string) =>
      patient.answer("systemctl show hermes-backup.timer", unitSays({ SubState, LastTriggerUSec: "" }));
    timer("waiting");
    expect(await findingsOf()).toEqual([]);
    timer("elapsed");
    expect(await findingsOf()).toEqual([
      {
        name: "backup",
        level: "fail",
        found: "hermes-backup.timer has no next run: no time of its schedule is still to come",
        fix: "set hermes:backup.schedule to a time that comes, then pulumi up",
      },
    ]);
  });
});

describe("a volume that is nearly full", () => {
  const du = (rows: [number, string][]) => rows.map(([amount, path]) => `${Math.round(amount)}\t${path}\0`).join("");
  const MAIN = "/srv/hermes/openclaw/workspaces/main";

  it.each([
    [
      "free space",
      ["/srv/hermes", 10 * GIB, 0.1 * GIB, 1000, 900],
      "nice du --one-file-system --null --max-depth=5 --block-size=1",
      "9.0 GiB",
    ],
    [
      "inodes",
      ["/srv/hermes", 10 * GIB, 9 * GIB, 700_000, 10],
      "nice du --one-file-system --null --max-depth=5 --inodes",
      `${9 * GIB} files`,
    ],
  ] as const)("is named with who takes it (%s)", async (check, disk, command, amount) => {
    patient.disks[1] = [...disk];
    patient.answer(
      command,
      du([
        [9 * GIB, `${MAIN}/a\nb\u202E`],
        [9.1 * GIB, MAIN],
        [9.1 * GIB, "/srv/hermes/openclaw/workspaces"],
        [9.2 * GIB, "/srv/hermes/openclaw"],
        [9.3 * GIB, "/srv/hermes"],
      ]),
    );
    const finding = (await findingsOf()).find(({ name }) => name === check);
    expect(finding?.level).toBe("fail");
    expect(finding?.found).toContain(`most of it in ${MAIN}/a\\u{a}b\\u{202e} (${amount})`);
  });

  it("is put down to the folder that is not explained by one folder in it", () => {
    const half: [number, string][] = [
      [10, "/v"],
      [6, "/v/w"],
      [2, "/v/w/a"],
      [2, "/v/w/b"],
      [4, "/v/x"],
    ];
    expect(largestOf(du(half), "/v")).toEqual({ path: "/v/w", amount: 6 });
    expect(largestOf("", "/v")).toBeUndefined();
  });
});
