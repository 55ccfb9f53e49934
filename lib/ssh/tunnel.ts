import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "ssh2";

export interface TunnelOptions {
  /** Port on this machine's loopback; 0: any. */
  local: number;
  /** Port on the droplet's loopback. */
  remote: number;
  /** Told of each change in a line: lost, connected again, refused by the port. */
  say: (line: string) => void;
  /** Told the local port once it accepts connections. */
  onListening: (port: number) => void;
  /** Ends the tunnel. */
  signal: AbortSignal;
  /** Whether no later attempt can succeed: the stack is gone, for example. @default never */
  isLasting?: (error: unknown) => boolean;
  /**
   * How long a lost connection is tried again.
   * @default 600000, which a droplet's replacement fits in
   */
  patienceMs?: number;
  /** @default 1000, doubled each time up to 15000 */
  firstDelayMs?: number;
}

const PATIENCE_MS = 600_000;
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 15_000;

/**
 * Forwards a local port to one on the droplet's loopback until the signal. A connection that is lost (a reboot, a new
 * droplet, a laptop that slept) is made again; the local port stays open meanwhile, and what connects to it is closed.
 *
 * @param connect logs in to the droplet, wherever it is by then
 * @throws Error when the port is taken (code EADDRINUSE), the first login fails, or no later one succeeds in time: then with
 *   the last reason, HostKeyError among them. A new droplet shows a key of its own until it has the stack's, and nothing is
 *   sent to it meanwhile.
 */
export async function keepTunnel(connect: () => Promise<Client>, options: TunnelOptions): Promise<void> {
  const { local, onListening, say, signal } = options;
  // One listener for the whole life of the tunnel, however often it connects.
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  const first = await unlessAborted(connect(), aborted);
  if (first === undefined) return;
  const tunnel = new Tunnel(first, options);
  try {
    onListening(await tunnel.listen(local));
    while (await tunnel.isLost(aborted)) {
      say("the connection to the droplet was lost; reconnecting");
      const client = await reconnected(connect, options, aborted);
      if (client === undefined) return;
      tunnel.use(client);
      say("connected again");
    }
  } finally {
    tunnel.close();
  }
}

/** Undefined where the signal came first. Waits, not the clock, are counted: a laptop may sleep for the night. */
async function reconnected(
  connect: () => Promise<Client>,
  options: TunnelOptions,
  aborted: Promise<undefined>,
): Promise<Client | undefined> {
  const { patienceMs = PATIENCE_MS, firstDelayMs = FIRST_DELAY_MS, signal, isLasting = () => false } = options;
  let waited = 0;
  for (let wait = firstDelayMs; !signal.aborted; wait = Math.min(2 * wait, LONGEST_DELAY_MS)) {
    await delay(wait, undefined, { signal }).catch(() => undefined);
    waited += wait;
    if (signal.aborted) return undefined;
    try {
      return await unlessAborted(connect(), aborted);
    } catch (error) {
      if (signal.aborted) return undefined;
      if (isLasting(error) || waited >= patienceMs) throw error;
    }
  }
  return undefined;
}

/** A login that comes too late is ended. */
async function unlessAborted(login: Promise<Client>, aborted: Promise<undefined>): Promise<Client | undefined> {
  const first = await Promise.race([login, aborted]);
  if (first === undefined) void login.then((client) => client.end()).catch(() => undefined);
  return first;
}

class Tunnel {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #options: TunnelOptions;
  #client: Client;
  /** The droplet's port refused the last connection, which was said. */
  #isRefused = false;

  constructor(client: Client, options: TunnelOptions) {
    this.#options = options;
    this.#client = client;
    this.#server = createServer((socket) => this.#forward(socket));
  }

  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      // Also later: without a listener an error of the server would end the program.
      this.#server.on("error", reject);
      this.#server.listen(port, "127.0.0.1", () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  use(client: Client): void {
    this.#client = client;
    this.#isRefused = false;
  }

  /** Resolves when the connection is lost: true; or when the tunnel is to end: false. */
  async isLost(aborted: Promise<undefined>): Promise<boolean> {
    const lost = new Promise<true>((resolve) => this.#client.once("close", () => resolve(true)));
    return (await Promise.race([lost, aborted])) === true;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#client.end();
  }

  #forward(socket: Socket): void {
    this.#sockets.add(socket);
    // Also of one whose other end is gone before there is a stream for it: without a listener it would end the program.
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
    const { remote } = this.#options;
    try {
      this.#client.forwardOut("127.0.0.1", socket.remotePort ?? 0, "127.0.0.1", remote, (error, stream) => {
        // Without a reason it is the connection that ended, which is told where it is noticed.
        if (error === undefined || "reason" in error) this.#tell(error !== undefined);
        if (error !== undefined) return void socket.destroy();
        if (socket.destroyed) return void stream.destroy();
        socket.once("close", () => stream.destroy());
        stream.on("error", () => socket.destroy());
        stream.once("close", () => socket.destroy());
        socket.pipe(stream).pipe(socket);
      });
    } catch {
      // ssh2 throws while it is not connected.
      socket.destroy();
    }
  }

  #tell(isRefused: boolean): void {
    if (isRefused === this.#isRefused) return;
    this.#isRefused = isRefused;
    const { remote, say } = this.#options;
    say(isRefused ? `nothing answers on port ${remote} of the droplet; waiting for it` : "the gateway answers again");
  }
}
