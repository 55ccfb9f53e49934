import { readFileSync } from "node:fs";
import { join } from "node:path";
import { dump, load } from "js-yaml";
import { newAgeKeyPair, type AgeKeyPair } from "../../config/age-key";
import { labCredentials } from "../../localcloud/credentials";
import { BUCKET, OBJECT_STORE } from "../../localcloud/services";
import { buildNodeDist } from "../../localcloud/services/node-dist";
import { EFFECTS, type OnDroplet } from "../../operations/preflight/effects";
import { BASE, EDITS, merged, type Values } from "../fixtures/edits";
import { ownLab } from "../support/labs";
import { acceptTree } from "../support/openclaw-versions";
import { succeeded, type Identity } from "../support/project-copy";

const project = ownLab("stand-in");
const FILE = "Pulumi.hermes.yaml";
const NODE = "24.20.0";
const VERSION = "2026.9.6";
const SECOND = "google/gemma-4-26b-a4b-it:free";

function edit(change: Values): void {
  const file = load(project.read(FILE)) as { config: Values };
  project.write(FILE, dump({ ...file, config: merged(file.config, change) }, { lineWidth: -1 }));
}

async function up(...args: string[]): Promise<string> {
  const result = await project.up("--suppress-outputs", ...args);
  succeeded(result);
  return result.stdout + result.stderr;
}

const hermes = (...args: string[]) => project.onStack(...args);
const standing = (): Promise<Identity> => project.identity();
const sessionRemembers = async (): Promise<void> => expect(await project.recalls()).toContain("marmalade");

/** One `up` with all of them: that the process stayed then holds for each. */
async function makeTogether(names: readonly string[], change: Values = {}): Promise<void> {
  for (const name of names) edit(EDITS[name]?.values ?? {});
  edit(change);
  const before = await standing();
  await up();
  expect(await standing()).toEqual(before);
}

const GROWTH = "`volumeGiB` up";
/** ext4 grows mounted for CAP_SYS_RESOURCE only, and a droplet of the embedded cloud has no more than this machine. */
const MAY_RESIZE =
  ((BigInt(`0x${/CapEff:\s+(\w+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`) >> 24n) & 1n) === 1n;

const HOT = [
  ...["`models.primary`", "`models.fallbacks`", "`agents.*`, one more", "`agents.*.model`", "`agents.*.bindings`"],
  ...["`mcpServers.*.command`, `mcpServers.*.args`, `mcpServers.*.env`", "`telegram.ownerId`"],
];
const HOT_LATER = [
  ...["`agents.*`, one less", "a secret that `mcpServers.*.env` refers to"],
  ...["`secrets.openrouterApiKey`", "`secrets.telegramBotToken`"],
];
const QUIET = [
  ...["`openclaw.before`", "`sources.node`", "`growDisk`", GROWTH, "`backup.recipient`", "`backup.schedule`"],
  ...["`backup.keep`", "`verify.agentTurn`", "`models.allowUnknown`", "`models.allowPaid`"],
  ...["`localModel.contextTokens`, where none fits", "`sources.tailscale`", "`secrets.deployKeyNext`"],
];
const RESTART = ["`swapGiB`", "`node.version`", "`secrets.gatewayToken`"];
const SOUL = "a file of `agents.*.workspace` (`SOUL.md`)";
const RESIZE = "`size`";

const dropletOf = (name: string): OnDroplet | undefined => EFFECTS.find((row) => row.edit === name)?.droplet;

it.each([
  [[...HOT, ...HOT_LATER], /^hot$/],
  [QUIET, /^(nothing|files|beside)$/],
  [RESTART, /^restart$/],
  [[SOUL], /^files$/],
  [[RESIZE], /^reboot$/],
])("%j are what the table says", (names, effect) => {
  for (const name of names)
    expect(`${name}: ${dropletOf(name)}`).toMatch(new RegExp(`: (${effect.source.slice(1, -1)})$`));
});

/** What secrets were before they were rotated. */
const old: string[] = [];
async function rotate(name: string, value: string): Promise<void> {
  old.push(await project.secret(name));
  await project.setSecret(name, value);
}

beforeAll(async () => {
  const mcp = readFileSync(join(__dirname, "../fixtures/mcp-server.mjs"), "utf8");
  const { "hermes:agents": agents } = BASE;
  edit({ "hermes:agents": agents, "hermes:telegram": { ownerId: "555001" }, "hermes:verify": { agentTurn: false } });
  await project.start();
  await project.droplet(`base64 -d <<<${Buffer.from(mcp).toString("base64")} >/usr/local/share/mcp.mjs`);
  await project.setSecret("filesToken", "files-token-of-the-droplet-test-one");
  const files = { command: "/usr/local/bin/node", args: ["/usr/local/share/mcp.mjs"] };
  edit({ "hermes:mcpServers": { files: { ...files, env: { FILES_TOKEN: { secret: "filesToken" } } } } });
  await up();
  await project.remember("marmalade");
});

describe("an edit of SOUL.md", () => {
  /** Every start of OpenClaw's program but the gateway leaves a line. */
  const program = "/opt/openclaw/current/lib/node_modules/openclaw/dist/index.js";
  const hook = `import { appendFileSync as note } from "node:fs"; note("/run/cli-calls", process.argv.slice(2).join(" ") + "\\n");`;
  const calls = (): Promise<string> => project.droplet("cat /run/cli-calls");
  const probe = `until [ -e /run/probed ]; do curl -sf -m 3 http://127.0.0.1:18789/readyz | grep -q '"ready":true' && echo ok || echo failed; sleep 0.2; done >/run/probes`;

  it("is live in the next turn: no failed probe, no call of OpenClaw's program, the same process", async () => {
    const base64 = (text: string): string => Buffer.from(text).toString("base64");
    await project.droplet(
      `install -m 666 /dev/null /run/cli-calls; cp -a ${program} /root/index.js; base64 -d <<<${base64(hook)} >/root/hook.js; sed -i '1r /root/hook.js' ${program}; ${acceptTree(VERSION)}
       base64 -d <<<${base64(probe)} >/run/probe.sh; systemd-run --unit hermes-probes --quiet bash /run/probe.sh`,
    );
    const before = await standing();
    project.write("workspace/main/SOUL.md", `${project.read("workspace/main/SOUL.md")}\nYour edition is SOULMARK-2.\n`);
    await up();
    await project.droplet("touch /run/probed; while systemctl is-active -q hermes-probes; do sleep 0.1; done");
    const probes = (await project.droplet("cat /run/probes")).split("\n");
    expect(probes.length).toBeGreaterThan(5);
    expect(probes.filter((line) => line !== "ok")).toEqual([]);
    expect(await standing()).toEqual(before);
    expect(await calls()).toBe("");
    await project.control("services/openrouter/script", {
      steps: [{ match: "who are you", echoSystem: "SOULMARK-\\d" }],
    });
    expect(await project.ask("who are you")).toContain("SOULMARK-2");
    await project.control("services/openrouter/script", { steps: [] });
    // The hook sees one when there is one; the test's own question may be another.
    await project.droplet(`/usr/local/bin/node ${program} --version`);
    expect(await calls()).toMatch(/^--version/m);
    await project.droplet(`cp -a /root/index.js ${program}; ${acceptTree(VERSION)}`);
  });
});

const BUCKET_OF_THE_LAB = { endpoint: `https://${OBJECT_STORE}`, region: "nyc3", bucket: BUCKET };

/** The secrets that go with a bucket, and a recipient with its secret half: the others are refused. */
async function giveBucket(): Promise<AgeKeyPair> {
  const { s3KeyId, s3Secret } = labCredentials(project.lab);
  await project.setSecret("backupS3KeyId", s3KeyId);
  await project.setSecret("backupS3Secret", s3Secret);
  const pair = newAgeKeyPair();
  await project.setSecret("backupKey", pair.identity);
  return pair;
}

describe("edits that no process hears of, or that are beside the gateway", () => {
  it("leave the process, the node and the droplet", async () => {
    await project.setSecret("deployKeyNext", EDITS["`secrets.deployKeyNext`"]?.secrets?.["deployKeyNext"] ?? "");
    const { sha256 } = await buildNodeDist(project.lab, NODE);
    const { recipient } = await giveBucket();
    await makeTogether(
      QUIET.filter((name) => !["`sources.node`", GROWTH].includes(name)),
      { "hermes:sources": { node: { sha256 } }, "hermes:backup": { recipient, to: BUCKET_OF_THE_LAB } },
    );
    expect(await project.droplet("wc -l </root/.ssh/authorized_keys")).toBe("2");
  });

  (MAY_RESIZE ? it : it.skip)("let the volume's file system grow while it is mounted", async () => {
    const size = async () => Number(await project.droplet("df --output=size -BM /srv/hermes | tail -1 | tr -dc 0-9"));
    const before = await size();
    await makeTogether([], { "hermes:volumeGiB": 11 });
    expect(await size()).toBeGreaterThan(before + 900);
  });

  (MAY_RESIZE ? it : it.skip)("say what to do where the file system cannot grow, and grow it once it can", async () => {
    const resize2fs = "/usr/sbin/resize2fs";
    const refusing = "#!/bin/sh\necho 'resize2fs: Permission denied to resize filesystem' >&2\nexit 1";
    await project.droplet(
      `mv ${resize2fs} ${resize2fs}.real; printf '%b\\n' "${refusing}" >${resize2fs}; chmod 755 ${resize2fs}`,
    );
    const file = project.read("Pulumi.hermes.yaml");
    project.write("Pulumi.hermes.yaml", file.replace(/hermes:volumeGiB: \d+/, "hermes:volumeGiB: 12"));
    const refused = await project.up();
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(/could not grow to 12 GiB.*hermes backup.*docs\/faults\.md/);
    await project.droplet(`mv ${resize2fs}.real ${resize2fs}`);
    succeeded(await project.up());
  });
});

describe("an MCP server", () => {
  const program = "/usr/local/share/mcp.mjs";
  const servers = async (): Promise<string> => /^mcp +.*/m.exec((await hermes("status")).stdout)?.[0] ?? "";

  it("that does not start fails `up`, which says why; status lists it, and the doctor fails", async () => {
    const broken = { command: "no-such-program", args: ["--all"], env: { TOKEN: { secret: "filesToken" } } };
    edit({ "hermes:mcpServers": { broken } });
    const failed = await project.up();
    expect(failed.code).not.toBe(0);
    expect(failed.stdout + failed.stderr).toMatch(
      /hermes is up, but not healthy: .* the MCP server broken does not answer: its program no-such-program does not exist[^]*Its last lines:[^]*no-such-program: not found[^]*hermes:mcpServers\.broken/,
    );
    expect(await servers()).toMatch(
      /broken: no answer, its program no-such-program.*; files: 1 tool \(echo\) \(asked /,
    );
    const doctor = await hermes("doctor");
    expect(doctor.code).toBe(3);
    expect(doctor.stdout).toMatch(/FAIL +mcp servers +broken: no answer.*files: 1 tool \(echo\)/);
    edit({ "hermes:mcpServers": { broken: undefined } });
    await up();
    expect(await servers()).toMatch(/^mcp +files: 1 tool \(echo\) \(asked /);
  });

  it("that answered before, and is down, fails the doctor and no `up`", async () => {
    await project.droplet(`mv ${program} ${program}.away`);
    expect((await hermes("doctor")).stdout).toMatch(/FAIL +mcp servers +files: no answer, .*Cannot find module/);
    expect(await up()).toMatch(/some MCP servers do not answer: the MCP server files: no answer/);
    await project.droplet(`mv ${program}.away ${program}`);
    expect((await hermes("doctor")).stdout).toMatch(/ok +mcp servers +files: 1 tool \(echo\)/);
    expect((await hermes("status")).stderr).toBe("");
  });
});

describe("edits that OpenClaw takes hot", () => {
  it("are live in the same process, with its sessions", async () => {
    await makeTogether(
      HOT.filter((name) => name !== "`mcpServers.*.command`, `mcpServers.*.args`, `mcpServers.*.env`"),
      {
        "hermes:mcpServers": { files: { args: ["/usr/local/share/mcp.mjs", "renamed"] } },
      },
    );
    expect(await project.ask("who answers?", "hot")).toContain(`PONG from ${SECOND}`);
    await sessionRemembers();
  });

  it("are secrets too: the new ones are used", async () => {
    const key = "sk-or-v1-rotated-key-of-the-droplet-test";
    const bot = "8123456789:AArotated-bot-token-of-the-droplet-test";
    await rotate("openrouterApiKey", key);
    await rotate("telegramBotToken", bot);
    await rotate("filesToken", "files-token-of-the-droplet-test-two");
    await project.control("services/openrouter/key", { key });
    await project.control("services/telegram/token", { token: bot });
    await makeTogether(["`agents.*`, one less"]);
    expect(await project.ask("who answers now?", "hot")).toContain("PONG");
    await project.control("services/telegram/inject", { text: "hello", from: 987654321 });
    await project.control("services/telegram/wait", {
      method: "sendMessage",
      text: "PONG|[A-Z0-9]{8}",
      timeoutMs: 180_000,
    });
    await sessionRemembers();
  });
});

describe("an edit that restarts the gateway", () => {
  const MADE: Record<string, [() => Promise<unknown> | void, string, RegExp]> = {
    "`swapGiB`": [
      () => edit(EDITS["`swapGiB`"]?.values ?? {}),
      "swapon --show=NAME,SIZE --noheadings --bytes; grep swapfile /etc/fstab; ls /swapfile*",
      /^\/swapfile\.2\s+2147\d+\n\/swapfile\.2 none swap sw 0 0\n\/swapfile\.2$/,
    ],
    "`node.version`": [
      () => edit({ "hermes:node": { version: NODE } }),
      "node --version; ls /opt/node; readlink /proc/$(systemctl show --property MainPID --value openclaw-gateway)/exe",
      new RegExp(`^v${NODE}\\n${NODE}\\ncurrent\\n/opt/node/${NODE}/bin/node$`),
    ],
    "`secrets.gatewayToken`": [
      () => rotate("gatewayToken", "rotated-gateway-token-of-more-than-32-chars"),
      "cat /etc/openclaw/secrets/gatewayToken",
      /^rotated-/,
    ],
  };

  it.each(RESTART)("%s: another process on the same node, with its sessions", async (name) => {
    const [make, look, seen] = MADE[name] ?? [];
    const before = await standing();
    await make?.();
    await up();
    const now = await standing();
    expect({ ...now, pid: "" }).toEqual({ ...before, pid: "" });
    expect(now.pid).not.toBe(before.pid);
    expect(await project.droplet(look ?? "")).toMatch(seen ?? "");
    await sessionRemembers();
  });
});

describe("a secret that was rotated", () => {
  it("is nowhere on the droplet any more", async () => {
    expect(old).toHaveLength(4);
    // The values are on no command line: the search would find itself.
    const search = (values: string[]) => {
      const encoded = Buffer.from(`${values.join("\n")}\n`).toString("base64");
      return project.droplet(
        `umask 077; echo ${encoded} | base64 -d >/dev/shm/wanted; ` +
          "grep -rlaF --devices=skip -f /dev/shm/wanted /boot /etc /home /opt/hermes /root /run /srv /tmp /usr/local /var " +
          "2>/dev/null; grep -laF -f /dev/shm/wanted /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; " +
          "rm /dev/shm/wanted",
      );
    };
    // The search itself can see.
    expect(await search(["rotated-gateway-token-of-more-than-32-chars"])).toContain(
      "/etc/openclaw/secrets/gatewayToken",
    );
    expect(await search(old)).toBe("");
  });
});

describe("openclaw.json, edited by hand", () => {
  it("is named by the doctor and by up, which says what puts it right, and that does", async () => {
    const config = "/etc/openclaw/openclaw.json";
    const hash = () => project.droplet(`sha256sum <${config}`);
    const before = await hash();
    await project.droplet(`sed -i 's/"level": "warn"/"level": "error"/' ${config}`);
    expect(await hash()).not.toBe(before);
    const doctor = await hermes("doctor");
    expect({ code: doctor.code, said: doctor.stdout }).toEqual({
      code: 3,
      said: expect.stringMatching(/FAIL +openclaw\.json +\/etc\/openclaw\/openclaw\.json was edited/) as string,
    });
    const said = await up();
    expect(said).toMatch(/not as it was applied: [^]*openclaw\.json[^]*pulumi up --replace '\*\*-activate'/);
    await up("--replace", "**-activate");
    expect(await hash()).toBe(before);
    expect((await hermes("doctor")).stdout).toMatch(/ok +openclaw\.json/);
  });
});

describe("another size", () => {
  it("is said before, and is the same droplet, switched off and on, with its disk, node and sessions", async () => {
    edit(EDITS[RESIZE]?.values ?? {});
    edit({ "hermes:growDisk": false });
    const preview = await project.pulumi("preview");
    expect(preview.stdout + preview.stderr).toMatch(/resized in place and switched on[^]*disk stays at 50 GiB/);
    const before = await standing();
    await up();
    await project.gatewayReady();
    expect({ ...(await standing()), pid: "" }).toEqual({ ...before, pid: "" });
    expect(Number(await project.droplet("awk '/MemTotal/ {print int($2/1024)}' /proc/meminfo"))).toBeGreaterThan(3500);
    await sessionRemembers();
  });
});
