import { createServer, type Server } from "node:net";
import { Client, type ConnectConfig } from "ssh2";

/** How to reach a droplet as root. The key stays in memory. */
export interface SshTarget {
  host: string;
  port?: number;
  privateKey: string;
  /** OpenSSH public key line of the host; absent on a tailnet, where WireGuard has told who answers. */
  hostKey?: string;
}

export interface SshResult {
  code: number;
  stdout: string;
  stderr: string;
}

const CONNECT_TIMEOUT_MS = 20_000;

/**
 * Runs one command on the droplet. Resolves with its exit code, also when that is not 0.
 *
 * @throws Error when there is no connection, with the host and the reason.
 */
export async function runOverSsh(
  target: SshTarget,
  command: string,
  options: { stdin?: string; timeoutMs?: number } = {},
): Promise<SshResult> {
  const client = await connectSsh(target);
  try {
    return await runOn(client, command, options);
  } finally {
    client.end();
  }
}

/** Opens a local port that leads to one on the droplet's loopback, until the server is closed. */
export async function openTunnel(
  target: SshTarget,
  ports: { local: number; remote: number },
): Promise<{ server: Server; closed: Promise<void> }> {
  const client = await connectSsh(target);
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  const server = createServer((socket) => {
    client.forwardOut("127.0.0.1", socket.remotePort ?? 0, "127.0.0.1", ports.remote, (error, stream) => {
      if (error) return void socket.destroy(error);
      socket.on("error", () => stream.destroy());
      stream.on("error", () => socket.destroy());
      socket.pipe(stream).pipe(socket);
    });
  });
  server.once("close", () => client.end());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(ports.local, "127.0.0.1", resolve);
  }).catch((error: unknown) => {
    client.end();
    throw error;
  });
  return { server, closed };
}

export function connectSsh(target: SshTarget): Promise<Client> {
  const { host, port = 22, privateKey } = target;
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.once("ready", () => resolve(client));
    client.once("error", (error) => reject(new Error(`ssh root@${host}:${port}: ${error.message}`)));
    const config: ConnectConfig = {
      host,
      port,
      username: "root",
      privateKey,
      readyTimeout: CONNECT_TIMEOUT_MS,
      keepaliveInterval: 10_000,
    };
    if (target.hostKey !== undefined) config.hostVerifier = sameKey(target.hostKey);
    client.connect(config);
  });
}

function sameKey(publicKeyLine: string): (offered: Buffer) => boolean {
  const expected = Buffer.from(publicKeyLine.split(" ")[1] ?? "", "base64");
  return (offered) => expected.equals(offered);
}

function runOn(client: Client, command: string, options: { stdin?: string; timeoutMs?: number }): Promise<SshResult> {
  return new Promise((resolve, reject) => {
    const timeoutMs = options.timeoutMs ?? 180_000;
    const timer = setTimeout(() => {
      reject(new Error(`"${command}" did not end within ${timeoutMs / 1000} s`));
      client.destroy();
    }, timeoutMs);
    const lost = (): void => {
      clearTimeout(timer);
      reject(new Error(`the connection was lost while "${command}" ran`));
    };
    client.once("error", lost);
    client.once("close", lost);
    client.exec(command, (error, channel) => {
      if (error) return void reject(error);
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      channel.on("data", (data: Buffer) => out.push(data));
      channel.stderr.on("data", (data: Buffer) => err.push(data));
      channel.once("close", (code: number | null) => {
        clearTimeout(timer);
        resolve({ code: code ?? 255, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
      });
      channel.end(options.stdin ?? "");
    });
  });
}
