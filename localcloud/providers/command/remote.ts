import { Client, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";
import type { ResourceType } from "../framework/resource";
import { isObject, text, UNKNOWN, type Values } from "../framework/values";
import { pause } from "../framework/wait";
import { commandType, type Outcome, type Run } from "./command";

/** Where and as whom to run; the SDK fills in port, dialErrorLimit and perDialTimeout. */
interface Connection {
  host: string;
  port: number;
  user: string;
  privateKey: string;
  passphrase: string;
  password: string;
  /** "TYPE BASE64"; empty: any key is taken, as with the official provider. */
  hostKey: string;
  /** Failed dials that are forgiven; -1 for any number. So N+1 dials at most. */
  dialErrorLimit: number;
  perDialTimeoutMs: number;
}

function connectionOf(inputs: Values): Connection {
  const given = isObject(inputs["connection"]) ? inputs["connection"] : {};
  if (given["proxy"] !== undefined) throw new Error("the stand-in for the command provider knows no proxy");
  const number = (key: string, fallback: number) => (given[key] === undefined ? fallback : Number(given[key]));
  return {
    host: text(given, "host"),
    port: number("port", 22),
    user: text(given, "user") || "root",
    privateKey: text(given, "privateKey"),
    passphrase: text(given, "privateKeyPassword"),
    password: text(given, "password"),
    hostKey: text(given, "hostKey"),
    dialErrorLimit: number("dialErrorLimit", 10),
    perDialTimeoutMs: number("perDialTimeout", 15) * 1000,
  };
}

const FIRST_PAUSE_MS = 100;
const PAUSE_FACTOR = 1.5;
const LONGEST_PAUSE_MS = 5000;
const KEEPALIVE_MS = 10_000;

/** Dials until it succeeds or the failures are over the limit, with growing pauses. */
async function connect(connection: Connection, signal: AbortSignal): Promise<Client> {
  for (let failures = 0, wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * PAUSE_FACTOR, LONGEST_PAUSE_MS)) {
    try {
      return await dial(connection, signal);
    } catch (error) {
      failures++;
      const over = connection.dialErrorLimit >= 0 && failures > connection.dialErrorLimit;
      if (over || signal.aborted) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`after ${connection.dialErrorLimit} failed attempts: ${reason}`);
      }
    }
    await pause(wait, signal);
  }
}

/**
 * One try: TCP and handshake together have perDialTimeout, so a host that accepts and stays silent fails; with the
 * official provider it hangs for ever.
 */
function dial(connection: Connection, signal: AbortSignal): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let mismatch = false;
    const stop = () => client.destroy();
    const fail = (error: Error) => {
      signal.removeEventListener("abort", stop);
      client.destroy();
      reject(new Error(dialMessage(connection, mismatch ? "ssh: host key mismatch" : error.message, error)));
    };
    signal.addEventListener("abort", stop, { once: true });
    client.on("ready", () => {
      signal.removeEventListener("abort", stop);
      client.off("error", fail);
      resolve(client);
    });
    client.on("error", fail);
    client.on("close", () => fail(new Error("connection closed")));
    client.connect({
      host: connection.host,
      port: connection.port,
      username: connection.user,
      readyTimeout: connection.perDialTimeoutMs,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: 6,
      ...credentials(connection),
      ...hostKeyCheck(connection.hostKey, () => (mismatch = true)),
    });
  });
}

function credentials(connection: Connection): ConnectConfig {
  return {
    ...(connection.privateKey === "" ? {} : { privateKey: connection.privateKey }),
    ...(connection.passphrase === "" ? {} : { passphrase: connection.passphrase }),
    ...(connection.password === "" ? {} : { password: connection.password }),
  };
}

function hostKeyCheck(hostKey: string, onMismatch: () => void): ConnectConfig {
  if (hostKey === "") return {};
  const [type = "", blob = ""] = hostKey.trim().split(/\s+/);
  // The server must show the very key that is expected, not another one of its own.
  const algorithms = (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]) as ServerHostKeyAlgorithm[];
  return {
    algorithms: { serverHostKey: algorithms },
    hostVerifier: (shown: Buffer) => {
      const same = shown.equals(Buffer.from(blob, "base64"));
      if (!same) onMismatch();
      return same;
    },
  };
}

function dialMessage(connection: Connection, message: string, error: NodeJS.ErrnoException): string {
  if (error.code === "ECONNREFUSED") {
    return `dial tcp ${connection.host}:${connection.port}: connect: connection refused`;
  }
  return message.startsWith("ssh:") ? `ssh: handshake failed: ${message}` : `dial tcp ${connection.host}: ${message}`;
}

const run: Run = async (command, inputs, environment, context, heard) => {
  const client = await connect(connectionOf(inputs), context.signal);
  const stop = () => client.destroy();
  context.signal.addEventListener("abort", stop, { once: true });
  try {
    return await execute(client, command, text(inputs, "stdin"), environment, heard);
  } finally {
    context.signal.removeEventListener("abort", stop);
    client.end();
  }
};

function execute(
  client: Client,
  command: string,
  stdin: string,
  environment: Record<string, string>,
  heard: Parameters<Run>[4],
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const lost = new Error(`the connection was lost while running ${JSON.stringify(command)}`);
    client.on("error", reject);
    client.on("close", () => reject(lost));
    client.exec(command, { env: environment }, (error, channel) => {
      if (error !== undefined) return reject(error);
      const outcome: Outcome = { stdout: "", stderr: "", combined: "" };
      const take = (name: "stdout" | "stderr") => (chunk: string) => {
        outcome[name] += chunk;
        outcome.combined += chunk;
        heard(name, chunk);
      };
      channel.setEncoding("utf8").on("data", take("stdout"));
      channel.stderr.setEncoding("utf8").on("data", take("stderr"));
      let exited = false;
      channel.on("exit", (code: number | null, signal?: string) => {
        exited = true;
        if (code !== 0) {
          outcome.failure = code === null ? `Process exited with signal ${signal ?? "unknown"}` : exitText(code);
        }
      });
      // A lost connection closes the channel too, without a word on how the command ended.
      channel.on("close", () => (exited ? resolve(outcome) : reject(lost)));
      channel.on("error", () => undefined);
      channel.end(stdin);
    });
  });
}

const exitText = (code: number): string => `Process exited with status ${code}`;

export const remoteCommand: ResourceType = commandType(
  "rc",
  run,
  { whole: ["connection"] },
  {
    check(inputs) {
      const connection = inputs["connection"];
      if (connection === UNKNOWN) return [];
      if (!isObject(connection) || connection["host"] === undefined) {
        return [{ property: "connection", reason: "missing required field 'connection.host'" }];
      }
      return [];
    },
  },
);
