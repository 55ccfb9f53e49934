import { generateKeyPairSync } from "node:crypto";
import { createServer, type AddressInfo, type Server as TcpServer } from "node:net";
import ssh2, { type Connection } from "ssh2";
import { localCommand } from "../../localcloud/providers/command/local";
import { remoteCommand } from "../../localcloud/providers/command/remote";
import type { Context } from "../../localcloud/providers/framework/resource";
import type { Values } from "../../localcloud/providers/framework/values";

const pem = () =>
  generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "pkcs1", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  }).privateKey;
const hostKey = pem();
const clientKey = pem();
const publicLine = (privateKey: string): string => {
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) throw parsed;
  return `ssh-rsa ${parsed.getPublicSSH().toString("base64")}`;
};

let logged: string[];
let abort: AbortController;
const context = (): Context => ({
  urn: "urn",
  timeoutMs: undefined,
  signal: abort.signal,
  log: (message) => void logged.push(message),
});

beforeEach(() => {
  logged = [];
  abort = new AbortController();
});

describe("a local command", () => {
  it("gets its input and environment, and its output is in the state and on the console", async () => {
    const { id, outputs } = await localCommand.create(
      { create: "cat; echo $A; echo oops >&2", stdin: "in ", environment: { A: "env" } },
      context(),
    );
    expect(id).toMatch(/^lc[0-9a-f]{8}$/);
    expect(outputs).toMatchObject({ stdout: "in env", stderr: "oops" });
    expect([...logged].sort()).toEqual(["in env", "oops"]);
  });

  it("shows nothing where logging is none", async () => {
    await localCommand.create({ create: "echo secret", logging: "none" }, context());
    expect(logged).toEqual([]);
  });

  it("fails with its status, its text and what it printed", async () => {
    await expect(localCommand.create({ create: "echo why; exit 3" }, context())).rejects.toThrow(
      'exit status 3: running "echo why; exit 3":\nwhy\n',
    );
  });

  it("runs update, or create where there is none, with the earlier output at hand", async () => {
    const state = { stdout: "before" };
    const show = "echo $PULUMI_COMMAND_STDOUT";
    const run = (inputs: Values) => localCommand.update!("id", state, inputs, context());
    expect(await run({ create: "false", update: show })).toMatchObject({ stdout: "before" });
    expect(await run({ create: show })).toMatchObject({ stdout: "before" });
    expect(await run({ create: show, addPreviousOutputInEnv: false })).toMatchObject({ stdout: "" });
  });

  it("runs delete when it goes, and nothing where there is none", async () => {
    await localCommand.delete("id", { create: "exit 1" }, context());
    await expect(localCommand.delete("id", { delete: "exit 4" }, context())).rejects.toThrow("exit status 4");
  });

  it("ends with its children when the run is cancelled", async () => {
    const running = localCommand.create({ create: "sleep 60 & echo started; wait" }, context());
    setTimeout(() => abort.abort(), 100);
    await expect(running).rejects.toThrow("signal: SIGKILL");
  });
});

describe("a remote command", () => {
  let server: ssh2.Server | undefined;
  let silent: TcpServer | undefined;
  const connections = new Set<Connection>();
  let dials = 0;

  /** Runs "exit N", "drop" (loses the connection) and "cat" (gives its input back). */
  const serve = (): Promise<number> =>
    new Promise((resolve) => {
      dials = 0;
      server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
        dials++;
        connections.add(connection);
        connection.on("error", () => undefined);
        connection.on("authentication", (auth) => auth.accept());
        connection.on("session", (accept) => {
          accept().on("exec", (acceptExec, _reject, { command }) => {
            const channel = acceptExec();
            if (command === "drop") return connection.end();
            let input = "";
            channel.on("data", (chunk: Buffer) => void (input += chunk.toString()));
            channel.on("end", () => {
              channel.write(command === "cat" ? `got ${input}\n` : "out\n");
              channel.exit(Number(/exit (\d+)/.exec(command)?.[1] ?? 0));
              channel.end();
            });
          });
        });
      });
      server.listen(0, "127.0.0.1", () => resolve((server!.address() as AddressInfo).port));
    });

  afterEach(async () => {
    for (const connection of connections) connection.end();
    connections.clear();
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    await new Promise<void>((resolve) => (silent === undefined ? resolve() : silent.close(() => resolve())));
    server = silent = undefined;
  });

  const to = (port: number, more: Values = {}): Values => ({
    host: "127.0.0.1",
    port,
    user: "root",
    privateKey: clientKey,
    hostKey: publicLine(hostKey),
    dialErrorLimit: 1,
    perDialTimeout: 5,
    ...more,
  });

  it("gets its input over SSH", async () => {
    const connection = to(await serve());
    const { id, outputs } = await remoteCommand.create({ connection, create: "cat", stdin: "bundle" }, context());
    expect(id).toMatch(/^rc/);
    expect(outputs).toMatchObject({ stdout: "got bundle", stderr: "" });
  });

  it("fails with its status, its text and what it printed", async () => {
    const connection = to(await serve());
    await expect(remoteCommand.create({ connection, create: "exit 3" }, context())).rejects.toThrow(
      'Process exited with status 3: running "exit 3":\nout\n',
    );
  });

  it("does not take a lost connection for success", async () => {
    const connection = to(await serve());
    await expect(remoteCommand.create({ connection, create: "drop" }, context())).rejects.toThrow(
      "connection was lost",
    );
  });

  it("refuses a host that shows another key than the one expected", async () => {
    const connection = to(await serve(), { hostKey: publicLine(clientKey) });
    await expect(remoteCommand.create({ connection, create: "cat" }, context())).rejects.toThrow(
      "after 1 failed attempts: ssh: handshake failed: ssh: host key mismatch",
    );
    expect(dials).toBe(2);
  });

  it("forgives as many refused dials as the limit says", async () => {
    const port = await serve();
    await new Promise<void>((resolve) => server!.close(() => resolve()));
    server = undefined;
    await expect(remoteCommand.create({ connection: to(port), create: "cat" }, context())).rejects.toThrow(
      `after 1 failed attempts: dial tcp 127.0.0.1:${port}: connect: connection refused`,
    );
  });

  it("gives up on a host that accepts and stays silent", async () => {
    silent = createServer((socket) => void socket.resume().on("error", () => undefined));
    const port = await new Promise<number>((resolve) =>
      silent!.listen(0, "127.0.0.1", () => resolve((silent!.address() as AddressInfo).port)),
    );
    const connection = to(port, { perDialTimeout: 0.2, dialErrorLimit: 0 });
    await expect(remoteCommand.create({ connection, create: "cat" }, context())).rejects.toThrow("failed attempts");
  });

  it("stops dialling when the run is cancelled", async () => {
    const connection = to(1, { dialErrorLimit: -1 });
    const running = remoteCommand.create({ connection, create: "cat" }, context());
    setTimeout(() => abort.abort(), 100);
    await expect(running).rejects.toThrow(/cancelled|refused/);
  });
});
