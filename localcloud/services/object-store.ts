import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { request, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Handler } from "./web";

export interface ObjectStoreOptions {
  /** Program of the recipe `objectStore`, see engine/build.ts. */
  program: string;
  /** Folder of the buckets: each a folder in it. Made when missing. */
  dir: string;
  /** Buckets to make. */
  buckets: string[];
  /** On 127.0.0.1. @default one that is free */
  port?: number;
  keyId: string;
  secret: string;
  /** Refuses every write, as a bucket does whose key may only read. @default false */
  readOnly?: boolean;
}

/** A running S3 server: rclone's `serve s3` over a folder. It checks signatures. Buckets are named in the path. */
export interface ObjectStore {
  /** Plain HTTP on loopback. */
  url: string;
  keyId: string;
  secret: string;
  stop(): Promise<void>;
}

const START_MS = 60_000;

/** Starts the server; resolves when it listens. @throws Error with its last words */
export async function startObjectStore(options: ObjectStoreOptions): Promise<ObjectStore> {
  const { program, dir, keyId, secret } = options;
  for (const bucket of options.buckets) mkdirSync(join(dir, bucket), { recursive: true, mode: 0o700 });
  const flags = ["--addr", `127.0.0.1:${options.port ?? 0}`, "--vfs-cache-mode=off"];
  const child = spawn(program, ["serve", "s3", ...flags, ...(options.readOnly === true ? ["--read-only"] : []), dir], {
    stdio: ["ignore", "ignore", "pipe"],
    // The key is in no argument, and the user's own configuration is not read.
    env: {
      PATH: process.env["PATH"],
      HOME: dir,
      RCLONE_CONFIG: "/notfound",
      RCLONE_AUTH_KEY: `"${keyId},${secret}"`,
    },
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "close");
    child.kill("SIGTERM");
    await ended;
  };
  const url = await listening(child).catch(async (error: Error) => {
    await stop();
    throw error;
  });
  return { url, keyId, secret, stop };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const fail = (why: string) => reject(new Error(`the object store did not start: ${why}\n${said.slice(-1000)}`));
    const timer = setTimeout(() => fail(`nothing heard in ${START_MS / 1000} s`), START_MS);
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-10_000);
      const url = /server on \[(http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
    child.once("error", (error) => fail(error.message));
    child.once("close", (code) => {
      clearTimeout(timer);
      fail(`it ended with ${code}`);
    });
  });
}

/** A store that is started by its first request: most labs never see one. */
export function lazyObjectStore(options: ObjectStoreOptions): { handler: Handler; stop(): Promise<void> } {
  let store: Promise<ObjectStore> | undefined;
  return {
    handler: async (incoming, response) => {
      store ??= startObjectStore(options);
      const started = await store.catch((error: Error) => error);
      if (!(started instanceof Error)) return await passOn(started, incoming, response);
      store = undefined;
      response.writeHead(502).end(`${started.message}\n`);
    },
    stop: async () => void (await store?.then((started) => started.stop()).catch(() => undefined)),
  };
}

/** Passes a request on to it. The name stays in the request: it is part of what was signed. */
const passOn = (store: ObjectStore, incoming: IncomingMessage, response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const { method = "GET", url = "/", headers } = incoming;
    const outgoing = request(`${store.url}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    response.on("close", () => resolve());
    incoming.pipe(outgoing);
  });
