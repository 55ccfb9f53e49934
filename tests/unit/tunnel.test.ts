// `hermes tunnel` through an SSH server that refuses, hangs up, and comes back.
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { EXIT } from "../../lib/output";
import { connectSsh } from "../../lib/ssh/connection";
import { HostKeyError } from "../../lib/ssh/host-key";
import { keepTunnel } from "../../lib/ssh/tunnel";
import { waitFor } from "../../localcloud/network";
import { newKey } from "../../operations/init/init";
import type { Reach } from "../../operations/stack/reach";
import { runTunnel } from "../../operations/tunnel";
import { SshHost } from "../fixtures/ssh-host";

const KEY = newKey("deploy");

let host: SshHost;
let gateway: Server;
let stop: AbortController;
let lines: string[];

beforeEach(async () => {
  [host, stop, lines] = [new SshHost(), new AbortController(), []];
  await host.start();
  gateway = createServer((socket) => socket.on("error", () => undefined).end("the gateway"));
  await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
  host.forwardTo = (gateway.address() as AddressInfo).port;
});
afterEach(async () => {
  stop.abort();
  gateway.close();
  host.drop();
  await host.stop();
});

const login = () => connectSsh({ host: "127.0.0.1", port: host.port, privateKey: KEY, hostKey: host.publicKey });

/** What one connection to the local port gets; empty where it is closed. */
function asked(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    socket.on("data", (data) => (text += data.toString())).once("close", () => resolve(text));
  });
}

async function opened(more: { connect?: typeof login; patienceMs?: number; isLasting?: () => boolean } = {}) {
  const { connect: dial = login, ...options } = more;
  let ended: Promise<void> = Promise.resolve();
  const port = await new Promise<number>((resolve, reject) => {
    ended = keepTunnel(dial, {
      ...{ local: 0, remote: 18789, firstDelayMs: 10, signal: stop.signal, onListening: resolve },
      ...{ say: (line: string) => void lines.push(line), ...options },
    });
    ended.catch(reject);
  });
  return { port, ended };
}

describe("hermes tunnel", () => {
  it("forwards to the droplet's loopback, and ends on Ctrl-C without a word", async () => {
    const { port, ended } = await opened();
    expect(await asked(port)).toBe("the gateway");
    expect(host.received).toEqual(["forward 18789"]);
    stop.abort();
    await ended;
    expect(lines).toEqual([]);
  });

  it("goes on through a restart of the gateway, and says it once", async () => {
    const { port } = await opened();
    const { forwardTo } = host;
    host.forwardTo = undefined;
    expect([await asked(port), await asked(port)]).toEqual(["", ""]);
    host.forwardTo = forwardTo;
    expect(await asked(port)).toBe("the gateway");
    expect(lines).toEqual([
      "nothing answers on port 18789 of the droplet; waiting for it",
      "the gateway answers again",
    ]);
  });

  it("connects again after a reboot, on the same local port", async () => {
    const { port } = await opened();
    host.drop();
    await waitFor("the connection", () => Promise.resolve(lines.includes("connected again")));
    expect(await asked(port)).toBe("the gateway");
    expect(lines).toEqual(["the connection to the droplet was lost; reconnecting", "connected again"]);
  });

  it("ends when the droplet does not come back in time", async () => {
    let logins = 0;
    const connect = () => (++logins === 1 ? login() : Promise.reject(new Error("no route to host")));
    const { ended } = await opened({ connect, patienceMs: 100 });
    host.drop();
    await expect(ended).rejects.toThrow("no route to host");
    expect(logins).toBeGreaterThan(2);
  });

  it("waits for a droplet that does not have the stack's host key yet, and says which key another one shows", async () => {
    let logins = 0;
    const stranger = new SshHost();
    await stranger.start();
    const another = () =>
      connectSsh({ host: "127.0.0.1", port: stranger.port, privateKey: KEY, hostKey: host.publicKey });
    const { port } = await opened({ connect: () => (++logins === 2 ? another() : login()) });
    host.drop();
    await waitFor("the connection", () => lines.includes("connected again"));
    expect(await asked(port)).toBe("the gateway");
    const { ended } = await opened({ connect: () => (++logins === 4 ? login() : another()), patienceMs: 50 });
    host.drop();
    await expect(ended).rejects.toThrow(HostKeyError);
    expect(stranger).toMatchObject({ logins: 0, received: [] });
    await stranger.stop();
  });

  it("ends on Ctrl-C while it connects", async () => {
    const never = keepTunnel(() => new Promise(() => undefined), {
      ...{ local: 0, remote: 1, signal: stop.signal, say: () => undefined, onListening: () => undefined },
    });
    stop.abort();
    await never;
  });

  it("ends at once when the stack cannot be read any more", async () => {
    let logins = 0;
    const connect = () => (++logins === 1 ? login() : Promise.reject(new Error("there is no stack")));
    const { ended } = await opened({ connect, isLasting: () => true });
    host.drop();
    await expect(ended).rejects.toThrow("there is no stack");
    expect(logins).toBe(2);
  });

  it("names a port that is taken, and another one", async () => {
    const { port } = gateway.address() as AddressInfo;
    const said: string[] = [];
    const io = {
      connect: () => Promise.resolve({ ...reach(), outputs: {}, secrets: {} } as unknown as Reach),
      interrupted: () => stop.signal,
      stderr: { write: (text: string) => said.push(text) },
    };
    const refused = runTunnel({ port: String(port) }, io as never);
    await expect(refused).rejects.toMatchObject({
      code: EXIT.input,
      message: expect.stringMatching(new RegExp(`--port ${port} is taken[^]*--port ${port + 1}`)) as string,
    });
    expect(said).toEqual([]);
  });
});

const reach = () => ({ host: "127.0.0.1", port: host.port, privateKey: KEY, hostKey: host.publicKey });
