import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { runSsh } from "../../cli/ssh";
import { gatewayStatus } from "../../gateway/status";
import { CommandError, EXIT } from "../../lib/output";
import { giveHostKey } from "../../lib/ssh/adopt";
import { publicKeyOf } from "../../lib/ssh/public-key";
import { runBackup } from "../../operations/backups/backup";
import { sendBackup } from "../../operations/backups/restore";
import { runDoctor } from "../../operations/doctor";
import { newKey } from "../../operations/init/init";
import { runLogs } from "../../operations/logs";
import { runPairApprove, runPairDevices, runPairList } from "../../operations/pair";
import type { Reach } from "../../operations/stack/reach";
import { hermesApply, type Surroundings } from "../../operations/stack/surroundings";
import { runTunnel } from "../../operations/tunnel";
import { OUTPUTS, SECRETS } from "../fixtures/operated-stack";
import { SshHost } from "../fixtures/ssh-host";

const PROJECT = join(__dirname, "../..");
const stranger = new SshHost();
const [deployKey, hostKey] = [newKey("deploy"), newKey("host")];
let printed = "";

const reach = (): Reach => ({
  ...{ host: "127.0.0.1", port: stranger.port, privateKey: deployKey, hostKey: publicKeyOf(hostKey) },
  ...{ outputs: OUTPUTS, secrets: { ...SECRETS, deployKey, hostKey } },
});

/** What is typed or piped in is a secret too. */
const surroundings = (isTerminal = false): Surroundings => {
  const stream = (): PassThrough => Object.assign(new PassThrough(), { isTTY: isTerminal });
  const stdin = stream();
  stdin.end(SECRETS.gatewayToken);
  return {
    ...{ env: {}, stdin, stdout: stream().on("data", (data: Buffer) => (printed += data.toString())) },
    stderr: { write: (text) => (printed += text.toString()) },
    connect: async () => reach(),
    pulumi: async () => JSON.stringify({ recipient: `age1${"q".repeat(58)}` }),
    npm: async () => "",
    interrupted: () => new AbortController().signal,
  };
};

beforeAll(() => stranger.start());
afterAll(() => stranger.stop());
beforeEach(() => void (printed = ""));

const REFUSAL =
  /does not show this stack's SSH host key\. Nothing was sent to it\..*expected +SHA256:.*shown +SHA256:/s;

const COMMANDS: Record<string, () => Promise<unknown>> = {
  "ssh COMMAND": () => runSsh(["id"], {}, surroundings()),
  "ssh with commands on its input": () => runSsh([], {}, surroundings()),
  "ssh on a terminal": () => runSsh([], {}, surroundings(true)),
  logs: () => runLogs({ lines: "1", unit: "gateway" }, surroundings()),
  "logs --follow": () => runLogs({ lines: "1", unit: "gateway", follow: true }, surroundings()),
  "pair list": () => runPairList({ channel: "telegram" }, surroundings()),
  "pair approve": () => runPairApprove("ABCD1234", { channel: "telegram" }, surroundings()),
  "pair devices": () => runPairDevices({}, surroundings()),
  backup: () => runBackup({}, surroundings()),
  restore: () => sendBackup(reach(), "/dev/null", SECRETS.gatewayToken, { verbs: "restore" }),
  "restore --verify": () => sendBackup(reach(), "/dev/null", SECRETS.gatewayToken, { verbs: "restore --verify" }),
  "rotate deployKey": () => hermesApply(reach(), "stage deploy-key", { stdin: publicKeyOf(newKey("next")) }),
  "rotate hostKey": () => giveHostKey(reach(), newKey("next")),
  tunnel: () => runTunnel({ port: "18789" }, surroundings()),
};

describe("a machine that shows another host key and lets everybody in", () => {
  afterEach(() => expect(stranger).toMatchObject({ logins: 0, received: [] }));

  it.each(Object.entries(COMMANDS))("is sent nothing by hermes %s, which says the ways forward", async (_, command) => {
    const error = await command().then(
      () => new Error("it was not refused"),
      (refused: Error) => refused,
    );
    expect(error.message).toMatch(REFUSAL);
    expect(error.message).toMatch(/tailscale status.*hermes init.*--fingerprint.*--lost/s);
    if (error instanceof CommandError) expect(error.code).toBe(EXIT.cloud);
  });

  it("is a problem of hermes status", async () => {
    const { problem } = await gatewayStatus(reach(), { agentTurn: true });
    expect(problem).toMatch(REFUSAL);
  });

  it("is the first finding of hermes doctor", async () => {
    const code = await runDoctor({}, surroundings(), async () => "closed" as never);
    expect(code).toBe(EXIT.cloud);
    expect(printed).toMatch(/FAIL +host key +127\.0\.0\.1:\d+ does not show this stack's SSH host key/);
  });

  it("cannot be dialled by anything else: there is one way to make a connection, and it asks for the key", () => {
    const files = execFileSync("git", ["ls-files", "*.ts", "*.js"], { cwd: PROJECT, encoding: "utf8" }).split("\n");
    const product = files.filter((file) => file !== "" && !/^(tests|localcloud|bench)\//.test(file));
    const dialling = product.filter((file) =>
      /new Client\(|\bspawn\w*\("ssh"/.test(readFileSync(join(PROJECT, file), "utf8")),
    );
    expect(dialling).toEqual(["lib/ssh/connection.ts"]);
  });
});
