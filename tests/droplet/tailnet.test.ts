import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startTimeOf } from "../../lib/process-start";
import { labOf } from "../../localcloud/lab";
import {
  createNetwork,
  destroyNetwork,
  inNamespace,
  namespacePath,
  run,
  tryRun,
  waitFor,
} from "../../localcloud/network";
import { logOf, recordedProcesses, isRunning, startRecorded, stopRecorded } from "../../localcloud/processes";
import { operatorMember, startOperator, tailnetCredentials } from "../../localcloud/tailnet";
import { login, startMember, tailscale, type TailnetMember } from "../../localcloud/tailnet/operator";
import { hireJanitor } from "../support/janitor";

let dismissJanitor: () => void = () => undefined;
const project = join(__dirname, "..", "..");
const lab = labOf(project, "tailnet-test");
const droplet: TailnetMember = { name: "hermes", ns: lab.ns.outside, tun: `td-${lab.id}` };
const api = "http://203.0.113.3/api/v2";

interface Device {
  id: string;
  hostname: string;
  name: string;
  addresses: string[];
  tags: string[];
  connectedToControl: boolean;
}

/** A call of the Tailscale API as the operator makes it. The key goes by stdin, not through arguments. */
async function call(method: string, path: string, body?: unknown, key?: string) {
  const user = key ?? (await tailnetCredentials(lab)).apiKey;
  const config = [
    `url = "${api}${path}"`,
    `request = ${method}`,
    `user = "${user}:"`,
    ...(body === undefined ? [] : [`data = ${JSON.stringify(JSON.stringify(body))}`]),
  ].join("\n");
  const command = inNamespace(lab.ns.operator, ["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", "-K", "-"]);
  const out = await run(command, { input: config });
  const cut = out.lastIndexOf("\n");
  return { status: Number(out.slice(cut + 1)), body: JSON.parse(out.slice(0, cut)) as Record<string, unknown> };
}

async function devices(): Promise<Device[]> {
  return (await call("GET", "/tailnet/-/devices?hostname=hermes&fields=all")).body["devices"] as Device[];
}

function newKey() {
  const create = { reusable: false, ephemeral: false, preauthorized: true, tags: ["tag:hermes"] };
  const wanted = { capabilities: { devices: { create } }, expirySeconds: 3600, description: "hermes test" };
  return call("POST", "/tailnet/-/keys", wanted);
}

/** What a TCP client in a namespace reads first, or undefined when it gets nowhere within the time. */
async function greeting(ns: string, address: string, port: number, seconds: number): Promise<string | undefined> {
  const script = `const s = require("net").connect(${port}, "${address}", () => {});
    s.setTimeout(${seconds * 1000}, () => process.exit(1)); s.on("error", () => process.exit(1));
    s.on("data", (d) => { process.stdout.write(d); process.exit(0); });`;
  const { code, stdout } = await tryRun(inNamespace(ns, [process.execPath, "-e", script]));
  return code === 0 ? stdout : undefined;
}

/** As DigitalOcean's firewall without an inbound rule: no packet comes in that was not asked for. */
async function closeInbound(): Promise<void> {
  const rules = `table inet test { chain input { type filter hook input priority 0; policy drop;
    iif lo accept
    iifname "${droplet.tun}" accept
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
}
`;
  await run(inNamespace(lab.ns.outside, ["nft", "-f", "-"]), { input: rules });
}

function startListeners(): void {
  const script = `for (const port of [22, 8080]) require("net").createServer((s) => s.end("hello from " + port)).listen(port);`;
  startRecorded(lab, "listener", inNamespace(lab.ns.outside, [process.execPath, "-e", script]));
}

async function startDaemon(): Promise<void> {
  const script = join(__dirname, "tailnet-daemon.ts");
  const pid = startRecorded(
    lab,
    "daemon",
    inNamespace(lab.ns.lab, [process.execPath, "-r", "./scripts/typescript.js", script, project, "tailnet-test"]),
    { cwd: project },
  );
  const log = logOf(lab, "daemon");
  await waitFor(
    "the daemon is ready",
    () => {
      const text = readFileSync(log, "utf8");
      if (startTimeOf(pid) === undefined) throw new Error(`the daemon ended:\n${text}`);
      return text.includes("ready");
    },
    { timeoutMs: 60_000 },
  );
}

async function cleanUp(): Promise<void> {
  await stopRecorded(lab, { only: (name) => name !== "headscale" });
  await stopRecorded(lab);
  await destroyNetwork(lab);
  rmSync(lab.dir, { recursive: true, force: true });
}

describe("the lab's tailnet", () => {
  let key: string;
  let keyId: string;

  beforeAll(async () => {
    if (process.getuid?.() !== 0) throw new Error("this test makes network namespaces: run it as root");
    for (const name of ["headscale", "tailscaled"]) {
      const path = join(lab.cache, "bin", name);
      if (!existsSync(path)) throw new Error(`${path} is missing: run \`npm start\` once, or build the lab's programs`);
    }
    await cleanUp();
    dismissJanitor = hireJanitor(project, { instance: "tailnet-test" });
    await createNetwork(lab);
    await startDaemon();
    await startOperator(lab);
    // As every `up` does: nothing is started twice.
    await startOperator(lab);
  }, 120_000);

  afterAll(async () => {
    await cleanUp();
    dismissJanitor();
  }, 60_000);

  it("refuses a wrong API key with 401 and a message", async () => {
    const { status, body } = await call("GET", "/tailnet/-/devices", undefined, "tskey-api-wrong");
    expect(status).toBe(401);
    expect(body["message"]).toEqual(expect.any(String));
  });

  it("brings a tagged machine in with a single-use key, behind a firewall that lets nothing in", async () => {
    await closeInbound();
    startListeners();
    await startMember(lab, droplet);
    const made = await newKey();
    expect(made.status).toBe(200);
    expect(made.body).toMatchObject({ keyType: "auth", invalid: false, expirySeconds: 3600 });
    key = String(made.body["key"]);
    keyId = String(made.body["id"]);
    await login(lab, droplet, key);
    const [device] = await devices();
    expect(device).toMatchObject({ hostname: "hermes", tags: ["tag:hermes"], connectedToControl: true });
    const read = await call("GET", `/tailnet/-/keys/${keyId}`);
    expect(read.body).toMatchObject({ invalid: true });
    expect(read.body).not.toHaveProperty("key");
  }, 60_000);

  it("lets the operator reach SSH on it and no other port", async () => {
    const address = (await devices())[0]?.addresses[0] ?? "";
    const path = await tryRun(tailscale(lab, operatorMember(lab), ["ping", "--c=5", "--timeout=3s", address]));
    expect(path.stdout).toContain("pong from hermes");
    expect(await greeting(lab.ns.operator, address, 22, 15)).toBe("hello from 22");
    expect(await greeting(lab.ns.operator, address, 8080, 3)).toBeUndefined();
  }, 60_000);

  it("lets the tagged machine start no connection to the operator", async () => {
    const status = JSON.parse(await run(tailscale(lab, operatorMember(lab), ["status", "--json"]))) as {
      Self: { TailscaleIPs: string[] };
    };
    const script = `require("net").createServer((s) => s.end("operator")).listen(2200)`;
    startRecorded(lab, "operator-listener", inNamespace(lab.ns.operator, [process.execPath, "-e", script]));
    const address = status.Self.TailscaleIPs[0] ?? "";
    await waitFor(
      "the operator listens",
      async () => (await greeting(lab.ns.operator, address, 2200, 2)) === "operator",
    );
    expect(await greeting(lab.ns.outside, address, 2200, 3)).toBeUndefined();
  }, 30_000);

  it("does not let the key in a second time", async () => {
    const second: TailnetMember = { name: "second", ns: lab.ns.lab, tun: `t2-${lab.id}` };
    await startMember(lab, second);
    await expect(login(lab, second, key)).rejects.toThrow(/authkey|auth key|used|invalid/i);
    expect(await devices()).toHaveLength(1);
  }, 60_000);

  it("is not waited for in vain: a wait for a node whose key is spent ends early, and says what to do", async () => {
    const wait = [
      join(project, "lib/tailnet/main.js"),
      "wait",
      "--hostname",
      "second",
      "--tag",
      "tag:hermes",
      "--key",
      keyId,
    ];
    const { apiKey } = await tailnetCredentials(lab);
    const env = { TAILSCALE_BASE_URL: new URL(api).origin, TAILSCALE_API_KEY: apiKey };
    const command = inNamespace(lab.ns.operator, [process.execPath, ...wait]);
    await expect(run(command, { env })).rejects.toThrow(/hermes:bootstrapRevision/);
  }, 120_000);

  it("renames and removes a device through the API", async () => {
    const [device] = await devices();
    const id = device?.id ?? "";
    expect((await call("POST", `/device/${id}/name`, { name: "hermes-old" })).status).toBe(200);
    expect((await devices())[0]?.name).toMatch(/^hermes-old\./);
    expect((await call("DELETE", `/device/${id}`)).status).toBe(200);
    expect(await devices()).toEqual([]);
    expect((await call("DELETE", `/device/${id}`)).status).toBe(404);
    expect((await call("GET", `/device/${id}`)).status).toBe(404);
  }, 30_000);

  it("gives a bearer token to the OAuth client, and a key through it", async () => {
    const { oauthClientId, oauthClientSecret } = await tailnetCredentials(lab);
    const config = [`url = "${api}/oauth/token"`, `user = "${oauthClientId}:${oauthClientSecret}"`].join("\n");
    const curl = (input: string, ...args: string[]) =>
      run(inNamespace(lab.ns.operator, ["curl", "-sS", ...args, "-K", "-"]), { input });
    const reply = JSON.parse(await curl(config, "-d", "grant_type=client_credentials")) as { access_token: string };
    const list = await curl(`url = "${api}/tailnet/-/devices"\nheader = "Authorization: Bearer ${reply.access_token}"`);
    expect(JSON.parse(list)).toHaveProperty("devices");
  });

  it("leaves no process and no namespace when it is stopped", async () => {
    const started = recordedProcesses(lab);
    expect(started.map((process) => process.name)).toEqual(expect.arrayContaining(["daemon", "headscale"]));
    expect(started.filter((process) => process.name === "operator")).toHaveLength(1);
    await cleanUp();
    expect(started.filter(isRunning)).toEqual([]);
    expect(existsSync(namespacePath(lab.ns.lab))).toBe(false);
  }, 60_000);
});
