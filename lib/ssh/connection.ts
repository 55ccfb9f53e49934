import { Client } from "ssh2";
import { isExpected, wrongKey, type ExpectedKey } from "./host-key";

/** How to log in to a machine as root. The key stays in memory. */
export interface Login {
  host: string;
  port?: number;
  privateKey: string;
}

/** How to reach a droplet as root: any other machine is refused before it is sent anything. */
export interface SshTarget extends Login {
  hostKey: ExpectedKey;
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
 * @throws Error when there is no connection, with the host and the reason; HostKeyError when it is another machine.
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

/** @throws HostKeyError when another key is shown than the target's */
export async function connectSsh(target: SshTarget): Promise<Client> {
  const shown: { key?: Buffer } = {};
  return await dial(target, (key) => isExpected(target.hostKey, (shown.key = key))).catch((error: Error) => {
    throw isRefusal(error) ? wrongKey(addressOf(target), target.hostKey, shown.key) : error;
  });
}

export const addressOf = ({ host, port = 22 }: Pick<Login, "host" | "port">): string => `${host}:${port}`;

/** Logs in where `accepts` takes the key that is shown. With any other, the connection ends before the login. */
export function dial(login: Login, accepts: (shown: Buffer) => boolean): Promise<Client> {
  const { host, port = 22, privateKey } = login;
  return new Promise((resolve, reject) => {
    const client = new Client();
    let isRefused = false;
    client.once("ready", () => resolve(client));
    client.on("error", (error) => {
      const text = `ssh root@${addressOf(login)}: ${error.message}`;
      reject(isRefused || NO_COMMON_KEY.test(error.message) ? new Refusal(text) : new Error(text));
    });
    // Closed within the handshake, ssh2 1.17 reports no error: a promise that never ends would end the program as if all
    // were well.
    client.once("close", () => reject(new Error(`ssh root@${addressOf(login)}: the connection was closed`)));
    client.connect({
      host,
      port,
      username: "root",
      privateKey,
      readyTimeout: CONNECT_TIMEOUT_MS,
      keepaliveInterval: 10_000,
      algorithms: { serverHostKey: ["ssh-ed25519"] },
      hostVerifier: (shown: Buffer) => {
        const accepted = accepts(shown);
        isRefused = !accepted;
        return accepted;
      },
    });
  });
}

/** The server has no key of the one type that is asked for. */
const NO_COMMON_KEY = /no matching host key/i;

class Refusal extends Error {}

export const isRefusal = (error: unknown): boolean => error instanceof Refusal;

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
